"""How it stands with the public price lists: editions, the last check, what waits, where the lists disagree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Abs, Coalesce

from apps.costs.domain.list_changes import ratio
from apps.costs.domain.pricing.plain import rate_text
from apps.costs.models import (
    ChangeState,
    LanguageModel,
    ListChange,
    ListComparison,
    Price,
    PriceListCheck,
    PriceListEdition,
)

PATIENCE = timedelta(seconds=20)
LISTS = ("genai-prices", "litellm")
PENDING = (ChangeState.QUARANTINED, ChangeState.OPEN, ChangeState.ACCEPTED)
_SHOWN_WHEN_NEW = ("input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class ListState:
    """One public list: the edition in force, how old it is, and what the last check found."""

    source: str
    version: str
    taken_on: datetime | None
    age_days: int | None
    is_stale: bool
    models: int
    applied_at: datetime | None
    applied_by: str
    edition_id: int | None
    undoable: int
    gone: list[str]
    words: str
    failed: bool


@dataclass(frozen=True, slots=True)
class CheckState:
    """The last look at the lists."""

    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    is_waiting_long: bool

    @property
    def is_busy(self) -> bool:
        """Whether it is not finished yet."""
        return self.finished_at is None


@dataclass(frozen=True, slots=True)
class RateLine:
    """One rate of a proposed price; `ratio` is new by old, as a person reads it."""

    unit: str
    old: str | None
    new: str | None
    ratio: str

    @property
    def label(self) -> str:
        """The unit as a person reads it."""
        return unit_label(self.unit)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A proposed price and its lines: all that change, or input and output of a first price."""

    change: ListChange
    lines: list[RateLine]


def list_states(now: datetime) -> list[ListState]:
    """Both lists, the one that goes first first."""
    check = PriceListCheck.objects.exclude(finished_at=None).order_by("-id").first()
    return [_list_state(source, check.results.get(source, {}) if check else {}, now) for source in LISTS]


def last_check(now: datetime) -> CheckState | None:
    """The newest look at the lists, finished or not."""
    check = PriceListCheck.objects.order_by("-id").first()
    if check is None:
        return None
    is_late = check.finished_at is None and check.taken_until is None and now - check.asked_at > PATIENCE
    return CheckState(check.asked_by, check.asked_at, check.finished_at, is_late)


def broken_words() -> str:
    """What broke the last check off, if it did."""
    check = PriceListCheck.objects.exclude(finished_at=None).order_by("-id").first()
    return str(check.results.get("", {}).get("words", "")) if check else ""


def changes_in(*states: ChangeState) -> QuerySet[ListChange]:
    """Proposals in these states: those that wait first, then by what they would have cost or saved."""
    first = Case(When(state=ChangeState.QUARANTINED, then=Value(0)), default=Value(1), output_field=IntegerField())
    weight = Coalesce(Abs(F("effect_usd")), Value(Decimal(0)))
    rows = ListChange.objects.filter(state__in=states).select_related("edition").defer("edition__data", "rates")
    return rows.order_by(first, -weight, "source", "provider", "name", "id")


def counts_by_state() -> dict[str, int]:
    """How many proposals are in which state."""
    rows = ListChange.objects.order_by().values_list("state").annotate(count=Count("id"))
    return dict(rows)


def effect_of_ready() -> Decimal:
    """What all ready proposals would have made of the last 30 days, in USD."""
    rows = ListChange.objects.filter(state__in=(ChangeState.OPEN, ChangeState.ACCEPTED))
    return sum((row or Decimal(0) for row in rows.values_list("effect_usd", flat=True)), Decimal(0))


def change_rows(changes: Iterable[ListChange]) -> list[ChangeRow]:
    """Proposals with their lines."""
    return [ChangeRow(change, list(_lines(change.before, change.after))) for change in changes]


def _lines(before: Mapping[str, str] | None, after: Mapping[str, str]) -> Iterable[RateLine]:
    if before is None:
        yield from (RateLine(unit, None, after[unit], "") for unit in _SHOWN_WHEN_NEW if unit in after)
        return
    for unit in dict.fromkeys((*before, *after)):
        old, new = before.get(unit), after.get(unit)
        if old != new:
            far = ratio(Decimal(new), Decimal(old)) if old and new and Decimal(old) else None
            yield RateLine(unit, old, new, _ratio_text(far))


def unit_label(unit: str) -> str:
    """`cache_read_input_tokens above 200000` -> `cache read input above 200000`."""
    return unit.replace("_tokens", "").replace("_", " ")


def _ratio_text(found: Decimal | None) -> str:
    return "" if found is None else rate_text(round(found, 4) or found)


def _list_state(source: str, result: Mapping[str, object], now: datetime) -> ListState:
    edition = (
        PriceListEdition.objects.filter(source=source)
        .exclude(applied_at=None)
        .order_by("-applied_at", "-id")
        .defer("data")
        .first()
    )
    age = (now.date() - edition.taken_on).days if edition else None
    undoable = edition.changes.filter(state=ChangeState.APPLIED, kind="changed", starts=None).count() if edition else 0
    return ListState(
        source=source,
        version=edition.version if edition else "",
        taken_on=datetime.combine(edition.taken_on, datetime.min.time(), now.tzinfo) if edition else None,
        age_days=age,
        is_stale=age is not None and age > settings.PRICE_LISTS_STALE_DAYS,
        models=LanguageModel.objects.filter(id__in=Price.objects.filter(source=source).values("model_id")).count(),
        applied_at=edition.applied_at if edition else None,
        applied_by=edition.applied_by if edition else "",
        edition_id=edition.id if edition else None,
        undoable=undoable,
        gone=list(edition.gone) if edition else [],
        words=str(result.get("words", "")),
        failed=bool(result.get("failed")),
    )


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A model on whose price the lists disagree: each price, and the last 30 days at either."""

    row: ListComparison
    model_id: int | None
    first: Price
    second: Price

    @property
    def label(self) -> str:
        """The unit on which they differ most, as a person reads it."""
        return unit_label(self.row.unit)

    @property
    def ratio(self) -> str:
        """How far they are apart where they differ most, second by first; "" where one is 0."""
        return _ratio_text(self.row.ratio)

    @property
    def effect_usd(self) -> Decimal | None:
        """What the last 30 days would have cost more by the second list."""
        if self.row.first_usd is None or self.row.second_usd is None:
            return None
        return self.row.second_usd - self.row.first_usd


def comparisons(*, used_only: bool) -> QuerySet[ListComparison]:
    """Where the lists disagree, by what it makes of the last 30 days."""
    effect = Coalesce(Abs(F("second_usd") - F("first_usd")), Value(Decimal(0)))
    rows = ListComparison.objects.order_by(-effect, "-calls", "provider", "name", "id")
    return rows.filter(calls__gt=0) if used_only else rows


def disagreements(rows: Iterable[ListComparison]) -> list[Disagreement]:
    """Comparisons with their prices and models."""
    rows = list(rows)
    ids = {id for row in rows for id in (row.first_price_id, row.second_price_id)}
    prices = Price.objects.in_bulk(ids)
    names = {(row.provider, row.name) for row in rows}
    models = LanguageModel.objects.filter(name__in={name for _, name in names})
    by_name = {(provider, name): id for id, provider, name in models.values_list("id", "provider_id", "name")}
    return [
        Disagreement(
            row, by_name.get((row.provider, row.name)), prices[row.first_price_id], prices[row.second_price_id]
        )
        for row in rows
        if row.first_price_id in prices and row.second_price_id in prices
    ]


def disagreement_of(model: LanguageModel) -> list[Disagreement]:
    """How the lists disagree on one model."""
    return disagreements(ListComparison.objects.filter(provider=model.provider_id, name=model.name).order_by("id"))
