"""Layers of prices: the schedule says at every instant what asking each price in turn says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain.price_schedule import BEGINNING, Layer, PriceVersion, holding, listed_only, schedule
from apps.costs.domain.pricing import Rates
from apps.costs.domain.rate_book import ModelEntry, ProviderEntry, RateBook

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
_DAYS = st.none() | st.integers(0, 12)
LAYERS = (Layer.OWN, Layer.FIRST_LIST, Layer.SECOND_LIST)


def on(day: int | None) -> datetime | None:
    return None if day is None else START + day * DAY


def price(id: int, since: int | None, layer: Layer = Layer.FIRST_LIST, until: int | None = None) -> PriceVersion:
    rate = Decimal(id)
    return PriceVersion(id, on(since), lambda: Rates({"input_tokens": rate, "output_tokens": rate}), layer, on(until))


def held(prices: list[PriceVersion], day: int) -> int | None:
    found = holding(prices, START + day * DAY)
    return found.id if found else None


def test_an_own_price_wins_while_it_lasts_and_the_first_list_before_the_second() -> None:
    prices = [
        price(1, None, Layer.SECOND_LIST),
        price(2, 2, Layer.FIRST_LIST),
        price(3, 4, Layer.OWN, 6),
        price(4, 5, Layer.FIRST_LIST),
    ]
    assert [held(prices, day) for day in range(8)] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [(step.start, step.price and step.price.id) for step in schedule(prices)] == [
        (BEGINNING, 1), (on(2), 2), (on(4), 3), (on(6), 4),
    ]  # fmt: skip


def test_nothing_holds_after_the_only_own_price_has_ended() -> None:
    prices = [price(1, 1, Layer.OWN, 3)]
    book = RateBook(1, [ProviderEntry("acme", (ModelEntry(7, "m", (), None, tuple(prices)),))])
    found = [book.lookup("acme", "m", START + day * DAY) for day in range(4)]
    assert [match and match.price_id for match in found] == [None, 1, 1, None]
    assert [list(book.in_force(START + day * DAY)) for day in range(4)] == [[], [7], [7], []]


def test_in_force_tells_since_when() -> None:
    prices = (price(1, None), price(2, 1, Layer.OWN, 3))
    book = RateBook(1, [ProviderEntry("acme", (ModelEntry(7, "m", (), None, prices),))])
    assert [book.in_force(START + day * DAY)[7].start for day in (0, 2, 5)] == [BEGINNING, on(1), on(3)]


def test_own_prices_stay_with_their_provider() -> None:
    maker = ModelEntry(7, "m", (), None, (price(1, None), price(2, None, Layer.OWN)))
    book = RateBook(1, [ProviderEntry("acme", (maker,)), ProviderEntry("cloud", (), ("acme",))])
    found = [book.lookup(provider, "m", START) for provider in ("acme", "cloud")]
    assert [match and match.price_id for match in found] == [2, 1]


@st.composite
def schedules(draw: st.DrawFn) -> list[PriceVersion]:
    """Prices of three layers; own ones do not overlap, as the database sees to."""
    prices, edge = [], 0
    for id in range(draw(st.integers(0, 6))):
        layer = draw(st.sampled_from(LAYERS))
        if layer is Layer.OWN:
            since = edge + draw(st.integers(0, 3))
            edge = since + draw(st.integers(1, 3))
            prices.append(price(id, since, layer, edge))
        else:
            prices.append(price(id, draw(_DAYS), layer))
    return draw(st.permutations(prices))


def reference(prices: list[PriceVersion], at: datetime) -> int | None:
    """The rule in the plainest words: layer by layer, the latest that has begun, then the newest row."""
    for layer in LAYERS:
        best = None
        for one in sorted(prices, key=lambda one: one.id):
            begun = one.effective_from is None or one.effective_from <= at
            ended = one.until is not None and one.until <= at
            if one.layer == layer and begun and not ended:
                later = best is None or best.effective_from is None or (
                    one.effective_from is not None and one.effective_from >= best.effective_from
                )  # fmt: skip
                best = one if later else best
        if best is not None:
            return best.id
    return None


@given(schedules(), st.integers(-1, 40), st.booleans())
def test_every_way_to_ask_gives_the_same_price(prices: list[PriceVersion], half_days: int, resold: bool) -> None:
    at = START + half_days * DAY / 2
    maker = ModelEntry(7, "m", (), None, tuple(prices))
    book = RateBook(1, [ProviderEntry("acme", (maker,)), ProviderEntry("cloud", (), ("acme",))])
    match = book.lookup("cloud" if resold else "acme", "m", at)
    expected = reference(listed_only(prices) if resold else prices, at)
    assert (match.price_id if match else None) == expected
    if not resold:
        force = book.in_force(at).get(7)
        assert (force.price.id if force and force.price else None) == expected
        starts = [step.start for step in schedule(prices)]
        assert starts == sorted(set(starts))
