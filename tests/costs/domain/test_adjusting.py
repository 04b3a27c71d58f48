"""Discounts and margins: which list price is adjusted when, and that each rate is the exact product."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain.adjusting import Adjustment, adjusted_spans, factor_of, scaled
from apps.costs.domain.price_schedule import BEGINNING, Layer, PriceVersion, holding, schedule
from apps.costs.domain.pricing import Rates, ServiceTier, Tiered, Window
from apps.costs.domain.pricing.plain import plain_rates

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = st.none() | st.integers(0, 9)
RATE = st.decimals(0, 10**6, places=9)
PERCENT = st.decimals(-100, 1000, places=4)


def on(day: int | None) -> datetime | None:
    return None if day is None else START + day * DAY


def nothing() -> Rates:
    return Rates({})


@st.composite
def listed(draw: st.DrawFn) -> list[PriceVersion]:
    layers = st.sampled_from((Layer.FIRST_LIST, Layer.SECOND_LIST))
    return [PriceVersion(id, on(draw(DAYS)), nothing, draw(layers)) for id in range(draw(st.integers(0, 4)))]


@st.composite
def adjustments(draw: st.DrawFn) -> list[Adjustment]:
    """One after the other within each scope, as the database sees to."""
    found: list[Adjustment] = []
    for is_for_model in (True, False):
        edge: int | None = draw(DAYS)
        for number in range(draw(st.integers(0, 3))):
            until = (edge or 0) + draw(st.integers(1, 3))
            is_open = draw(st.booleans()) and number == 2
            factor = Decimal(len(found) + 2)
            found.append(Adjustment(factor, on(edge), None if is_open else on(until), is_for_model))
            edge = until
    return found


@given(listed(), adjustments(), st.integers(-2, 50))
def test_at_every_instant_the_nearer_adjustment_of_the_list_price_holds(
    prices: list[PriceVersion], chosen: list[Adjustment], half_days: int
) -> None:
    at = START + half_days * DAY / 2
    base = holding(prices, at)
    running = [one for one in chosen if (one.lower or BEGINNING) <= at and (one.upper is None or at < one.upper)]
    factor = next((one.factor for one in running if one.is_for_model), running[0].factor if running else None)
    expected = (base.id, factor) if base and factor is not None else None
    spans = adjusted_spans(schedule(prices), chosen)
    found = [one for one in spans if (one.lower or BEGINNING) <= at and (one.upper is None or at < one.upper)]
    assert [(one.base_id, one.factor) for one in found] == ([expected] if expected else [])


@given(RATE, RATE, PERCENT)
def test_every_rate_is_the_exact_product(first: Decimal, second: Decimal, percent: Decimal) -> None:
    rates = Rates(
        {"input_tokens": Tiered(first, ((200_000, second),)), "requests": second, "reasoning_output_tokens": None},
        {"batch": ServiceTier({"output_tokens": first}, Decimal("0.5"))},
        (Window(0, 60, {"input_tokens": second}),),
    )
    factor = factor_of(percent)
    found = scaled(rates, factor)
    pairs = zip(_leaves(plain_rates(rates)), _leaves(plain_rates(found)), strict=True)
    assert all(Fraction(new) == Fraction(old) * Fraction(factor) for old, new in pairs)
    assert found.service_tiers["batch"].multiplier == Decimal("0.5")


def _leaves(plain: object) -> list[str]:
    if isinstance(plain, dict):
        return [leaf for key, value in plain.items() if key != "multiplier" for leaf in _leaves(value)]
    if isinstance(plain, list):
        return [leaf for value in plain for leaf in _leaves(value)]
    return [plain] if isinstance(plain, str) and ":" not in plain else []
