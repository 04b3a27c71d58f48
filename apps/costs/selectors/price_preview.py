"""What a page shows before an own price is saved: old and new rates, doubts, and the effect on real usage."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.costs.domain.price_guards import Doubt, doubts
from apps.costs.domain.price_schedule import BEGINNING, PriceVersion, holding, listed_only
from apps.costs.domain.pricing import Rate, RateCard, Rates, ServiceTier, Tiered, usd
from apps.costs.domain.pricing.units import is_token_unit
from apps.costs.domain.rate_book import RateBook
from apps.costs.selectors.price_effect import Effect, affected, effect
from apps.costs.selectors.price_history import flat_rates, rate_rows

TYPICAL_INPUT, TYPICAL_OUTPUT = 1_200, 300


@dataclass(frozen=True, slots=True)
class UnitChange:
    """The rate of one unit before and after; None: no rate of its own."""

    label: str
    was: Decimal | None
    will_be: Decimal | None
    is_per_mtok: bool

    @property
    def per_thousand(self) -> Decimal | None:
        """The new rate per thousand."""
        return self.will_be if self.will_be is None or not self.is_per_mtok else self.will_be.scaleb(-3)


@dataclass(frozen=True, slots=True)
class Preview:
    """The change in words of money. `past_calls` are stored calls the new price would have held for."""

    units: list[UnitChange]
    typical_was: Decimal | None
    typical_will_be: Decimal | None
    doubts: list[Doubt]
    effect: Effect
    past_calls: int
    loses_windows: bool


def preview(
    before: RateBook,
    after: RateBook,
    *,
    model_id: int,
    start: datetime | None,
    end: datetime | None,
    now: datetime,
    project_ids: frozenset[int] | None,
) -> Preview:
    """Compare two books for one model, at the instant from which on they differ."""
    at = start or BEGINNING
    was, will_be = (_rates(holding(book.prices_of(model_id), at)) for book in (before, after))
    listed = _rates(holding(listed_only(before.prices_of(model_id)), max(at, now)))
    over = end is not None and end <= now
    seen_at = at if at > now or over else now
    return Preview(
        units=_units(was, will_be),
        typical_was=typical_call(was),
        typical_will_be=typical_call(will_be),
        doubts=doubts(flat_rates(will_be), flat_rates(was), flat_rates(listed)),
        effect=effect(before, after, at=seen_at, now=now, project_ids=project_ids),
        loses_windows=bool(was.windows and not will_be.windows),
        past_calls=_past_calls(before, after, at, start, min(end or now, now), project_ids),
    )


def typical_call(rates: Rates) -> Decimal | None:
    """What 1,200 input and 300 output tokens cost; None when they are unpriced."""
    if not rates.base:
        return None
    femto, _ = RateCard(rates).charge(TYPICAL_INPUT, TYPICAL_OUTPUT)
    return None if femto is None else usd(femto)


def _rates(version: PriceVersion | None) -> Rates:
    return version.read_rates() if version else Rates({})


def _units(was: Rates, will_be: Rates) -> list[UnitChange]:
    old, new = _spoken(was), _spoken(will_be)
    tiers = sorted(was.service_tiers.keys() | will_be.service_tiers.keys())
    for tier in tiers:
        # A tier the price does not know is billed as standard.
        for rates, shown in ((was, old), (will_be, new)):
            shown |= {f"{tier.capitalize()}: {label}": entry for label, entry in _spoken(_in_tier(rates, tier)).items()}
    changes = []
    for label in dict.fromkeys([*new, *old]):
        before, after = old.get(label), new.get(label)
        is_per_mtok = (before or after or (None, True))[1]
        changes.append(UnitChange(label, before and before[0], after and after[0], is_per_mtok))
    return [one for one in changes if ":" not in one.label or one.was != one.will_be]


_Entry = tuple[Decimal | None, bool]


def _spoken(rates: Rates) -> dict[str, _Entry]:
    """Rates by label, those of long contexts each with a label of its own; and whether they are per million tokens."""
    shown: dict[str, _Entry] = {}
    for row in rate_rows(rates):
        if row.usd is not None:
            shown[row.label] = (row.usd, row.is_per_mtok)
        shown |= {f"{row.label} above {threshold:,} tokens": (usd, row.is_per_mtok) for threshold, usd in row.above}
    return shown


def _in_tier(rates: Rates, name: str) -> Rates:
    tier = rates.service_tiers.get(name, ServiceTier())
    base = {unit: _times(unit, rate, tier.multiplier) for unit, rate in {**rates.base, **tier.rates}.items()}
    return Rates({unit: rate for unit, rate in base.items() if rate is not None and is_token_unit(unit)})


def _times(unit: str, rate: Rate | None, factor: Decimal) -> Rate | None:
    if rate is None or not is_token_unit(unit):
        return rate
    if isinstance(rate, Tiered):
        base = None if rate.base is None else rate.base * factor
        return Tiered(base, tuple((threshold, above * factor) for threshold, above in rate.above))
    return rate * factor


def _past_calls(
    before: RateBook,
    after: RateBook,
    at: datetime,
    start: datetime | None,
    end: datetime,
    project_ids: frozenset[int] | None,
) -> int:
    if at >= end:
        return 0
    return sum(affected(before, after, at=at, start=start, end=end, project_ids=project_ids).values())
