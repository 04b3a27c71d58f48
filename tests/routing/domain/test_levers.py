"""Suppositions of a what-if: exact, monotone, never an impossible call; read as typed, and told in words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain.pricing import RateCard, Rates, Tiered, Usage, refuse_impossible
from apps.costs.domain.pricing.units import CACHE_READ, INPUT, OUTPUT, WEB_SEARCHES
from apps.costs.domain.rate_book import Match
from apps.routing.domain.levers import (
    EVERY,
    ChangedPrices,
    Levers,
    PriceChange,
    grown,
    levers_of,
    read_price_changes,
    shortened,
    with_cached_share,
    written_price_changes,
)
from apps.routing.domain.scenarios import BadScenario

NOW = datetime(2026, 11, 2, tzinfo=UTC)
SHARES = st.decimals(0, 1, places=4)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    inputs = draw(st.integers(0, 2_000_000))
    read = draw(st.integers(0, inputs))
    made = draw(st.integers(0, inputs - read))
    outputs = draw(st.integers(0, 9_000))
    return Usage(inputs, outputs, read, made, draw(st.integers(0, made)), draw(st.integers(0, outputs)))


@given(usages(), SHARES)
def test_shorter_prompts_are_possible_and_hold_the_share(usage: Usage, share: Decimal) -> None:
    found = shortened(usage, share)
    refuse_impossible(found)
    assert 0 <= found.input_tokens - usage.input_tokens * (1 - share) < 1
    assert found.cache_read <= usage.cache_read
    assert (found.output_tokens, found.reasoning) == (usage.output_tokens, usage.reasoning)
    assert shortened(usage, Decimal(0)) == usage


@given(usages(), SHARES)
def test_a_cached_share_is_possible_and_holds_the_share(usage: Usage, share: Decimal) -> None:
    found = with_cached_share(usage, share)
    refuse_impossible(found)
    assert 0 <= usage.input_tokens * share - found.cache_read < 1
    assert found.input_tokens == usage.input_tokens
    assert found.cache_creation <= usage.cache_creation
    assert with_cached_share(found, share) == found


def test_media_stay_as_they_are() -> None:
    usage = Usage(2000, 10, other={"input_image_tokens": 900})
    assert (shortened(usage, Decimal("0.5")), with_cached_share(usage, Decimal("0.5"))) == (usage, usage)


class OneBook:
    """A book that has one card for every name."""

    def __init__(self, rates: Rates) -> None:
        self.match = Match(7, RateCard(rates), "exact", "openai", "m")

    def lookup(self, provider: str, model: str, at: datetime) -> Match | None:
        return None if model == "unknown" else self.match


RATES = Rates({INPUT: Tiered(Decimal("1.25"), ((200_000, Decimal("2.5")),)), OUTPUT: Decimal(10),
               CACHE_READ: Decimal("0.31"), WEB_SEARCHES: Decimal(10)})  # fmt: skip


@given(usages(), st.decimals(-100, 10_000, places=4))
def test_changed_prices_are_exact(usage: Usage, percent: Decimal) -> None:
    """Tokens at the rates times the factor, rounded once to the femto-dollar; fees as they are."""
    book = ChangedPrices(OneBook(RATES), [PriceChange(("openai", "m"), percent)])
    match = book.lookup("openai", "m", NOW)
    assert match is not None
    cost, _ = match.card.charge(usage.input_tokens, usage.output_tokens, usage.cache_read, web_searches=3)
    rate = Decimal("2.5") if usage.input_tokens > 200_000 else Decimal("1.25")
    fresh = usage.input_tokens - usage.cache_read
    told = fresh * rate + usage.cache_read * Decimal("0.31") + usage.output_tokens * 10
    femto = told * (100 + percent) * 10**7
    assert cost == int(femto.quantize(Decimal(1), ROUND_HALF_EVEN)) + 3 * 10**13


def test_the_closest_price_change_holds() -> None:
    changes = [PriceChange(EVERY, Decimal(10)), PriceChange(("openai", ""), Decimal(-50)),
               PriceChange(("openai", "m"), Decimal(100))]  # fmt: skip
    book = ChangedPrices(OneBook(RATES), changes)
    factors = [book.factor_of(*model) for model in (("openai", "m"), ("openai", "n"), ("acme", "m"))]
    assert factors == [Decimal(2), Decimal("0.5"), Decimal("1.1")]
    assert book.lookup("acme", "unknown", NOW) is None
    only = ChangedPrices(base := OneBook(RATES), changes[2:])
    assert only.lookup("acme", "x", NOW) is base.match, "others keep the very card they had"


@given(st.integers(0, 10**24), st.decimals(-99, 10_000, places=4))
def test_growth_rounds_once(femto: int, percent: Decimal) -> None:
    exact = femto * (10**6 + int(percent * 10**4))
    found = grown(femto, Levers(growth=percent))
    assert abs(2 * (found * 10**6 - exact)) <= 10**6
    assert grown(femto, Levers()) == femto


def test_levers_as_json_and_in_words() -> None:
    given_: Mapping[str, Any] = {
        "price_changes": [{"provider": "openai", "name": "gpt-4.1", "percent": "-20"}, {"percent": "5"}],
        "cached_share": "0.60", "compression": Decimal("0.3"), "growth_percent": 50,
    }  # fmt: skip
    levers = levers_of(given_)
    assert levers_of(levers.as_plain()) == levers
    assert levers.words == [
        "token prices of openai/gpt-4.1 −20 %", "token prices of all +5 %", "prompts 30 % shorter",
        "60 % of the input cached", "+50 % calls",
    ]  # fmt: skip
    assert len(levers.assumptions(1024)) == 4
    assert "1.5 times as many calls" in levers.assumptions(1024)[-1]
    assert (bool(Levers()), bool(levers_of({})), bool(Levers(growth=Decimal(0)))) == (False, False, True)
    text = written_price_changes(levers.prices)
    assert (text, tuple(read_price_changes(text))) == ("openai/gpt-4.1 = -20\nall = 5", levers.prices)
    assert read_price_changes("\n openai = −5 %\n")[0] == PriceChange(("openai", ""), Decimal(-5))


@pytest.mark.parametrize("given_", [
    {"price_changes": [{"percent": "-101"}]}, {"price_changes": [{"percent": "NaN"}]},
    {"price_changes": [{"name": "m", "percent": "1"}]}, {"price_changes": [{"percent": "1"}] * 2},
    {"price_changes": [{"provider": f"p{n}", "percent": "1"} for n in range(21)]}, {"cached_share": "1.1"},
    {"compression": "0.96"}, {"growth_percent": "-100"}, {"growth_percent": "1e9"}, {"compression": "0.12345678"},
])  # fmt: skip
def test_what_cannot_be_supposed(given_: Mapping[str, Any]) -> None:
    with pytest.raises(BadScenario):
        levers_of(given_)


@pytest.mark.parametrize("text", ["openai/gpt-4.1 -20", "openai/ = 3", "= 3", "openai = many"])
def test_lines_that_are_no_price_change(text: str) -> None:
    with pytest.raises(BadScenario):
        read_price_changes(text)
