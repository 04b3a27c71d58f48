"""Laws of money that hold for every price and every usage."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import or_

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.costs.domain.pricing import ASSUMED_SERVICE_TIER, Rate, RateCard, Rates, ServiceTier, Tiered, Usage, Window

# A busy machine makes an example slow, not wrong.
UNHURRIED = settings(deadline=None)
TOKENS = st.integers(0, 400_000)
RATE = st.decimals(0, 200, places=9)
FINE_RATE = st.decimals(0, 200, places=18)
UNITS = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens",
    "reasoning_output_tokens",
    "input_audio_tokens",
    "cache_read_input_audio_tokens",
    "output_audio_tokens",
    "web_searches",
    "requests",
)
# Every cell of the table of tokens, with the units whose rates may hold for it, its own first.
CELLS: dict[str, tuple[str, ...]] = {
    "text": ("input_tokens",),
    "cached": ("cache_read_input_tokens", "input_tokens"),
    "written": ("cache_creation_input_tokens", "input_tokens"),
    "written_1h": ("cache_creation_1h_input_tokens", "cache_creation_input_tokens", "input_tokens"),
    "audio": ("input_audio_tokens", "input_tokens"),
    "cached_audio": (
        "cache_read_input_audio_tokens", "cache_read_input_tokens", "input_audio_tokens", "input_tokens",
    ),
    "spoken": ("output_tokens",),
    "reasoned": ("reasoning_output_tokens", "output_tokens"),
    "output_audio": ("output_audio_tokens", "output_tokens"),
}  # fmt: skip
INPUT_CELLS = ("text", "cached", "written", "written_1h", "audio", "cached_audio")


@dataclass(frozen=True)
class Call:
    """A call told by its disjoint cells, from which the usage an agent would report follows."""

    cells: dict[str, int]
    web_searches: int
    requests: int
    service_tier: str = "standard"
    minute: int = 0

    @property
    def input_tokens(self) -> int:
        return sum(self.cells[cell] for cell in INPUT_CELLS)

    def usage(self) -> Usage:
        cells = self.cells
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=cells["spoken"] + cells["reasoned"] + cells["output_audio"],
            cache_read=cells["cached"] + cells["cached_audio"],
            cache_creation=cells["written"] + cells["written_1h"],
            cache_creation_1h=cells["written_1h"],
            reasoning=cells["reasoned"],
            web_searches=self.web_searches,
            requests=self.requests,
            other={
                "input_audio_tokens": cells["audio"] + cells["cached_audio"],
                "cache_read_input_audio_tokens": cells["cached_audio"],
                "output_audio_tokens": cells["output_audio"],
            },
        )

    def without_audio(self) -> "Call":
        audio = dict.fromkeys(("audio", "cached_audio", "output_audio"), 0)
        return Call({**self.cells, **audio}, self.web_searches, self.requests, self.service_tier, self.minute)


def rate_sets(rate: st.SearchStrategy[Decimal]) -> st.SearchStrategy[dict[str, Rate]]:
    """A rate for input and output, and for some of the other units; some of them tiered."""
    tiered = st.builds(
        lambda base, starts, above: Tiered(base, tuple(zip(sorted(starts), above, strict=False))),
        rate, st.sets(TOKENS, min_size=1, max_size=3), st.lists(rate, min_size=3, max_size=3),
    )  # fmt: skip
    either = rate | tiered
    return st.fixed_dictionaries(
        {"input_tokens": either, "output_tokens": either},
        optional={unit: either if unit.endswith("_tokens") else rate for unit in UNITS},
    )


def all_rates(rate: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Rates]:
    minutes = st.integers(0, 1439)
    multipliers = st.decimals("0.1", 2, places=3)
    overrides = rate_sets(rate)
    return st.builds(
        Rates,
        base=rate_sets(rate),
        service_tiers=st.dictionaries(
            st.sampled_from(["batch", "flex"]), st.builds(ServiceTier, overrides, multipliers), max_size=2
        ),
        windows=st.lists(st.builds(Window, minutes, minutes, overrides), max_size=2).map(tuple),
        multiplier=multipliers,
    )


CALLS = st.builds(
    Call,
    st.fixed_dictionaries(dict.fromkeys(CELLS, TOKENS)),
    st.integers(0, 50),
    st.integers(0, 5),
    st.sampled_from(["standard", "batch", "flex"]),
    st.integers(0, 1439),
)
FLAT_RATES = st.fixed_dictionaries(
    {"input_tokens": RATE, "output_tokens": RATE}, optional=dict.fromkeys(UNITS, RATE)
)  # fmt: skip


def charge(card: RateCard, call: Call) -> int:
    return charged(card, call)[0]


def charged(card: RateCard, call: Call) -> tuple[int, int]:
    usage = call.usage()
    femto, assumed = card.charge(
        usage.input_tokens, usage.output_tokens, usage.cache_read, usage.cache_creation, usage.cache_creation_1h,
        usage.reasoning, {unit: count for unit, count in usage.other.items() if count} or None, usage.web_searches,
        usage.requests, call.service_tier, call.minute,
    )  # fmt: skip
    assert femto is not None
    return femto, assumed


def slow_price(rates: Rates, call: Call) -> Fraction:
    """The price in USD by another way: fractions, one cell at a time, rates resolved anew for each."""

    def rate(units: tuple[str, ...]) -> Fraction:
        effective: dict[str, Rate | None] = dict(rates.base)
        for window in rates.windows:
            begins, ends = window.start_minute, window.end_minute
            within = begins <= call.minute < ends if begins <= ends else not ends <= call.minute < begins
            effective.update(window.rates if within else {})
        if call.service_tier in rates.service_tiers:
            effective.update(rates.service_tiers[call.service_tier].rates)
        for unit in units:
            found = effective.get(unit)
            if isinstance(found, Tiered):
                found = [found.base, *(price for start, price in found.above if call.input_tokens > start)][-1]
            if found is not None:
                return Fraction(found)
        return Fraction(0)

    tier = rates.service_tiers.get(call.service_tier, ServiceTier())
    tokens = sum(count * rate(CELLS[cell]) for cell, count in call.cells.items())
    fees = call.web_searches * rate(("web_searches",)) + call.requests * rate(("requests",))
    return tokens * Fraction(rates.multiplier) * Fraction(tier.multiplier) / 10**6 + fees / 1000


@UNHURRIED
@given(all_rates(RATE) | all_rates(FINE_RATE), CALLS)
def test_it_equals_an_independent_sum_rounded_once(rates: Rates, call: Call) -> None:
    card = RateCard(rates)

    assert charge(card, call) == round(slow_price(rates, call) * 10**15)
    assert charge(card, call.without_audio()) == round(slow_price(rates, call.without_audio()) * 10**15)


@UNHURRIED
@given(all_rates(RATE) | all_rates(FINE_RATE), CALLS)
def test_the_explained_parts_add_up_exactly(rates: Rates, call: Call) -> None:
    card = RateCard(rates)

    for each in (call, call.without_audio()):
        parts = card.explain(each.usage(), each.service_tier, each.minute)
        femto, assumed = charged(card, each)
        assert parts is not None
        assert sum(part.femto_usd for part in parts) == femto
        bits = reduce(or_, (part.assumed for part in parts), 0)
        assert bits == assumed & ~ASSUMED_SERVICE_TIER


@UNHURRIED
@given(FLAT_RATES, st.lists(CALLS, min_size=1, max_size=6))
def test_splitting_tokens_over_calls_never_changes_the_total(rates: dict[str, Decimal], calls: list[Call]) -> None:
    card = RateCard(Rates(rates))
    whole = Call(
        {cell: sum(call.cells[cell] for call in calls) for cell in CELLS},
        sum(call.web_searches for call in calls),
        sum(call.requests for call in calls),
    )

    assert sum(charge(card, call) for call in calls) == charge(card, whole)


@UNHURRIED
@given(FLAT_RATES, st.lists(CALLS, min_size=1, max_size=6), st.data())
def test_the_order_of_calls_never_changes_the_total(
    rates: dict[str, Decimal], calls: list[Call], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(calls))
    one, other = RateCard(Rates(rates)), RateCard(Rates(dict(reversed(rates.items()))))

    assert sum(charge(one, call) for call in calls) == sum(charge(other, call) for call in shuffled)


@UNHURRIED
@given(FLAT_RATES, CALLS, st.sampled_from(["input_tokens", "output_tokens"]), st.decimals(0, 10, places=9))
def test_a_dearer_rate_never_makes_a_call_cheaper(
    rates: dict[str, Decimal], call: Call, unit: str, more: Decimal
) -> None:
    dearer = rates | {unit: rates[unit] + more}

    assert charge(RateCard(Rates(dearer)), call) >= charge(RateCard(Rates(rates)), call)
