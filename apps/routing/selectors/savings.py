"""What was saved against the declared baseline, from day sums: whole days, by any dimensions of the cube."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from apps.costs.selectors.metrics import BadQuery, UsageQuery
from apps.costs.selectors.metrics.filters import COLUMNS, conditions
from apps.costs.selectors.metrics.naming import names_of
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.rerating import femto
from apps.costs.selectors.summing import total
from apps.routing.domain.baselines import spread
from apps.routing.domain.saved_share import Share, share_saved
from apps.routing.models import SavingsDay, SavingsSlice
from apps.routing.selectors.baselines import Declared, declared

STEP = Decimal("0.000001")
ZERO = Decimal(0)


class Saved(msgspec.Struct, frozen=True, gc=False):
    """Sums over compared calls; `waste_usd` and `overhead_usd` are parts of `paid_usd`.

    `elsewhere_usd` is the part of `repriced_usd` that another model than the baseline's served.
    """

    calls: int = 0
    compared_calls: int = 0
    paid_usd: Decimal = ZERO
    repriced_usd: Decimal = ZERO
    elsewhere_usd: Decimal = ZERO
    cache_usd: Decimal = ZERO
    waste_usd: Decimal = ZERO
    overhead_usd: Decimal = ZERO

    @property
    def baseline_usd(self) -> Decimal:
        """What the baseline would have cost: the same tokens, with the cache that switches lost."""
        return self.repriced_usd - self.cache_usd

    @property
    def saved_usd(self) -> Decimal:
        """Below 0: it cost more than the baseline."""
        return self.baseline_usd - self.paid_usd

    @property
    def share(self) -> Decimal | None:
        """The saving ÷ what the baseline would have cost."""
        return (Decimal(self.saved_usd) / self.baseline_usd).quantize(STEP) if self.baseline_usd > 0 else None

    @property
    def coverage(self) -> Decimal | None:
        """Calls that could be compared ÷ all."""
        return (Decimal(self.compared_calls) / self.calls).quantize(STEP) if self.calls else None


FIELDS = Saved.__struct_fields__
_SUMS = ", ".join(total(f"s.{name}", name) for name in FIELDS)


@dataclass(frozen=True, slots=True)
class SavedRow:
    """The saving of one combination of group values, and of one bucket."""

    values: tuple[str, ...]
    saved: Saved
    bucket: datetime | None = None


@dataclass(frozen=True, slots=True)
class Savings:
    """The saving of a query. `why` says why there is none; then no baseline holds, or the question asks too much.

    `days` are those that were compared. `running_usd` is what Bursar was declared to cost on them: None for a part of
    the usage, where it cannot be said.
    """

    why: str = ""
    baselines: tuple[Declared, ...] = ()
    days: int = 0
    since: datetime | None = None
    rows: tuple[SavedRow, ...] = ()
    whole: Saved = Saved()
    share: Share | None = None
    running_usd: Decimal | None = None
    buckets: tuple[datetime, ...] = ()

    @property
    def saved_usd(self) -> Decimal:
        """The saving less what Bursar itself costs, where that is known."""
        return self.whole.saved_usd - (self.running_usd or ZERO)

    @property
    def words(self) -> str:
        """The baselines as a person reads them."""
        return "; ".join(dict.fromkeys(one.baseline.words for one in self.baselines))


NO_BASELINE = "No baseline is declared, so there is nothing to save against."
NOT_YET = "No day of this time has been compared with the baseline: it began later, or the sums are being made."
PARTS_OF_DAYS = "Savings are kept by days of the reporting zone; no parts of days can be told."


def savings_of(query: UsageQuery, group_by: Sequence[str] = (), *, edges: Sequence[datetime] = ()) -> Savings:
    """The saving of a query, by dimensions, and by bucket when edges (bucket starts and the last end) are given.

    Counts the whole days of the reporting zone that lie in the time, and the running day as far as it was compared.
    Raises BadQuery for a dimension that is not of the cube.
    """
    unknown = next((name for name in (*group_by, *query.filters) if name not in COLUMNS), None)
    if unknown:
        path = "group_by" if unknown in group_by else unknown
        raise BadQuery(path, f"Savings are not kept by {unknown}; known are {', '.join(COLUMNS)}.")
    standing = declared()
    if not standing:
        return Savings(NO_BASELINE)
    days = _days(query)
    if not days:
        return Savings(NOT_YET, tuple(standing[:1]))
    cuts = sorted(set(edges) - {query.start, query.end})
    if any(day.bucket < edge < day.ends_at for day in days for edge in cuts):
        return Savings(PARTS_OF_DAYS, tuple(standing[:1]))
    buckets = tuple(day.bucket for day in days)
    by_day = {key[0]: saved for key, saved in _read(query, (), buckets)}
    rows = _grouped(query, group_by, buckets, edges) if group_by or edges else []
    running = _running(query, days, standing)
    ids = {day.baseline_id for day in days}
    return Savings(
        baselines=tuple(one for one in standing if one.id in ids),
        days=len(days),
        since=days[0].bucket,
        rows=tuple(rows),
        whole=added(by_day.values()),
        share=share_saved([_sides(by_day.get(day.bucket, Saved()), running.get(day.bucket, ZERO)) for day in days]),
        running_usd=sum(running.values(), ZERO) if running else None,
        buckets=buckets,
    )


def rows_within(query: UsageQuery, found: Savings, group_by: Sequence[str]) -> list[SavedRow]:
    """The rows of a saving that was found, by other dimensions; read alone, without finding the saving again."""
    return _grouped(query, group_by, found.buckets, ()) if found.buckets else []


def added(parts: Iterable[Saved]) -> Saved:
    """Several sums as one."""
    found = [[getattr(part, name) for name in FIELDS] for part in parts]
    return Saved(*(sum(column, start=type(column[0])(0)) for column in zip(*found, strict=True))) if found else Saved()


def _days(query: UsageQuery) -> list[SavingsDay]:
    rows = SavingsDay.objects.filter(
        zone=reporting_zone().key, bucket__gte=query.start, bucket__lt=query.end, baseline_id__isnull=False
    ).order_by("bucket")
    return [row for row in rows if row.ends_at <= query.end or row.derived_at <= query.end]


def _running(query: UsageQuery, days: Sequence[SavingsDay], standing: Sequence[Declared]) -> dict[datetime, Decimal]:
    """What Bursar was declared to cost on each compared day; nothing where only a part of the usage is asked for."""
    if query.filters or query.project_ids is not None:
        return {}
    monthly = {one.id: one.monthly_usd for one in standing}
    return {
        day.bucket: spread(
            monthly.get(day.baseline_id or 0, ZERO), min(day.ends_at, max(day.bucket, day.derived_at)) - day.bucket
        )
        for day in days
    }


def _sides(saved: Saved, running: Decimal) -> tuple[int, int]:
    """What one day cost and would have cost, in femto-dollars."""
    return femto(saved.paid_usd + running) or 0, femto(saved.baseline_usd) or 0


def _read(
    query: UsageQuery, group_by: Sequence[str], buckets: Sequence[datetime], *, by_day: bool = True
) -> list[tuple[Any, Saved]]:
    """Sums by day and dimensions, each with its day and the ids of its values; without dimensions every day has one.

    Without days all of them are added up where they are: a day is None then.
    """
    columns = [COLUMNS[name] for name in group_by]
    names, rows, where, parameters = _source(query, columns)
    keys = ", ".join(["s.bucket" if by_day else "NULL", *(names[column] for column in columns)])
    places = ", ".join(str(number + 1) for number in range(len(columns) + 1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {keys}, {_SUMS} FROM {rows} WHERE s.bucket = ANY(%(buckets)s) AND {where}"
            f" GROUP BY {places} ORDER BY {places}",
            {**parameters, "buckets": list(buckets)},
        )
        width = len(columns) + 1
        return [(row[:width], Saved(*row[width:])) for row in cursor.fetchall()]


def _source(query: UsageQuery, columns: Sequence[str]) -> tuple[dict[str, str], str, str, dict[str, Any]]:
    """Where the sums are: the columns by their names there, the rows, the conditions, and their parameters.

    One dimension beside the project is kept by itself; more are added up from the cells.
    """
    limits = conditions(query)
    needed = (set(columns) | limits.columns) - {"project_id"}
    if len(needed) > 1:
        where, parameters = limits.where("c")
        named = {column: f"c.{column}" for column in columns}
        return named, "routing_savingssum s JOIN costs_cell c ON c.id = s.cell_id", where, parameters
    column = next(iter(needed), "")
    is_whole = query.project_ids is None and not query.include_demo and "project" not in query.filters
    projects = [0] if is_whole and "project_id" not in columns else list(limits.projects)
    where = f"s.dimension = {SavingsSlice.SLICES[column]} AND s.project_id = ANY(%(projects)s)"
    parameters = {"projects": projects}
    if column in limits.ids:
        where, parameters = f"{where} AND s.value_id = ANY(%(only)s)", {**parameters, "only": list(limits.ids[column])}
    return {"project_id": "s.project_id", column: "s.value_id"}, "routing_savingsslice s", where, parameters


def _grouped(
    query: UsageQuery, group_by: Sequence[str], buckets: Sequence[datetime], edges: Sequence[datetime]
) -> list[SavedRow]:
    found = _read(query, group_by, buckets, by_day=bool(edges))
    names = [names_of(query, name, {key[place] for key, _ in found}) for place, name in enumerate(group_by, start=1)]
    starts = sorted(edges)[:-1]
    parts: dict[tuple[Any, ...], list[Saved]] = {}
    for key, saved in found:
        bucket = max(edge for edge in starts if edge <= key[0]) if starts else None
        values = tuple(known[value] for known, value in zip(names, key[1:], strict=True))
        parts.setdefault((bucket, *values), []).append(saved)
    # Ids of one name are one value.
    return [SavedRow(key[1:], added(saved) if len(saved) > 1 else saved[0], key[0]) for key, saved in parts.items()]
