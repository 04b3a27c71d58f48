"""Proof of compared days: each is derived again from the records, and every kept amount must be the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.reporting import reporting_zone
from apps.routing.models import BaselineRow, SavingsDay, SavingsSlice, SavingsSum
from apps.routing.selectors.baselines import declared_of
from apps.routing.services.savings.deriving import COMPARED, compared_fields, derive_day
from apps.routing.services.savings.sweeping import due_days

Sums = Mapping[str, int | Decimal]


@dataclass(frozen=True, slots=True)
class Difference:
    """One kept row that is not what the records say."""

    bucket: datetime
    what: str
    kept: Sums | None
    derived: Sums | None

    def __str__(self) -> str:
        if self.kept is None or self.derived is None:
            return f"{self.bucket:%Y-%m-%d} {self.what}: {'missing' if self.kept is None else 'not in the records'}"
        differing = [name for name in COMPARED if self.kept[name] != self.derived[name]]
        told = ", ".join(f"{name} {self.kept[name]} instead of {self.derived[name]}" for name in differing)
        return f"{self.bucket:%Y-%m-%d} {self.what}: {told}"


def provable_days(*, now: datetime) -> list[SavingsDay]:
    """The closed days that are compared, not due again, and whose records are there, newest first."""
    zone, gone = reporting_zone(), horizon().provable_from
    due = {day.start for day in due_days(now=now, zone=zone)}
    rows = SavingsDay.objects.filter(zone=zone.key, ends_at__lte=now).order_by("-bucket")
    return [row for row in rows if row.bucket not in due and (gone is None or row.bucket >= gone)]


@transaction.atomic
def differences_of(day: SavingsDay) -> list[Difference]:
    """Every cell and every slice of a day that differs."""
    row = BaselineRow.objects.filter(pk=day.baseline_id).first() if day.baseline_id is not None else None
    derived = derive_day(day.bucket, day.ends_at, declared_of(row) if row else None)
    cells = {f"cell {cell}": compared_fields(one) for cell, one in derived.sums.items()}
    kept = {f"cell {one.cell_id}": _fields(one) for one in SavingsSum.objects.filter(bucket=day.bucket)}
    return [*_compared(day, kept, cells), *_compared(day, *_slices(day))]


def _slices(day: SavingsDay) -> tuple[dict[str, Sums], dict[str, Sums]]:
    """The slices of a day as they are kept, and as its cells add up."""
    kept: dict[str, Sums] = {
        f"slice {one.dimension} of project {one.project_id}, value {one.value_id}": _fields(one)
        for one in SavingsSlice.objects.filter(bucket=day.bucket)
    }
    sums = ", ".join(f"sum(s.{name})" for name in COMPARED)
    found: dict[str, Sums] = {}
    with connection.cursor() as cursor:
        for column, number in SavingsSlice.SLICES.items():
            value = f"c.{column}" if column else "0"
            cursor.execute(
                f"SELECT {value}, c.project_id, p.is_demo, {sums} FROM routing_savingssum s"
                " JOIN costs_cell c ON c.id = s.cell_id JOIN access_project p ON p.id = c.project_id"
                " WHERE s.bucket = %s GROUP BY 1, 2, 3",
                [day.bucket],
            )
            for value_id, project_id, is_demo, *amounts in cursor.fetchall():
                own = dict(zip(COMPARED, amounts, strict=True))
                found[f"slice {number} of project {project_id}, value {value_id}"] = own
                if not is_demo:
                    whole = f"slice {number} of project 0, value {value_id}"
                    before = found.get(whole, dict.fromkeys(COMPARED, 0))
                    found[whole] = {name: before[name] + own[name] for name in COMPARED}
    return kept, found


def _compared(day: SavingsDay, kept: Mapping[str, Sums], derived: Mapping[str, Sums]) -> Iterator[Difference]:
    for what in sorted({*kept, *derived}):
        one, other = kept.get(what), derived.get(what)
        if one is None or other is None or any(one[name] != other[name] for name in COMPARED):
            yield Difference(day.bucket, what, one, other)


def _fields(row: Any) -> dict[str, int | Decimal]:
    return {name: getattr(row, name) for name in COMPARED}
