"""Recording usage: the steps in order, and what the sender is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
import psycopg
from django.db import IntegrityError, OperationalError, connection, transaction

from apps.access.domain.identity import Caller
from apps.costs.domain import pricing
from apps.costs.domain.usage import FieldError
from apps.costs.extension_points import ChangedMeanwhile, Charge, charging
from apps.costs.selectors.rate_book import current_rate_book, rate_book
from apps.costs.services import names, partitions
from apps.costs.services.ingest import writing
from apps.costs.services.ingest.labelling import Labels, wanted_labels
from apps.costs.services.ingest.placing import place
from apps.costs.services.ingest.pricing import price
from apps.costs.services.ingest.reading import OTHER, Row, Window, read
from apps.costs.services.ingest.record_rows import Table, record_table
from apps.costs.services.outcomes.of_records import keep_outcomes

MAX_TRIES = 5


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one record. `cost` in femto-dollars, None when unpriced or not stored."""

    index: int
    id: str | None
    status: str
    cost: int | None = None
    errors: Sequence[FieldError] = ()
    unknown: Sequence[str] = ()

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost in USD, exactly; None when unpriced or not stored."""
        return None if self.cost is None else pricing.usd(self.cost)


@dataclass(slots=True)
class IngestResult:
    """What became of a batch: the stored records, and an outcome for each other one."""

    stored: Sequence[Row] = ()
    others: list[Outcome] = field(default_factory=list)
    budgets: Sequence[Mapping[str, Any]] = ()
    cost: int = 0
    unpriced: int = 0
    """How many stored records have an unknown cost."""

    @property
    def outcomes(self) -> list[Outcome]:
        """One entry per record, in the order sent. Made anew each time: most senders are told numbers alone."""
        return self._in_order(self.stored)

    @property
    def remarkable(self) -> list[Outcome]:
        """The same without the records that were plainly accepted."""
        return self._in_order([one for one in self.stored if one.unknown])

    def count(self, status: str) -> int:
        """How many records ended with this status: accepted, duplicate, conflict or rejected."""
        return len(self.stored) if status == "accepted" else [one.status for one in self.others].count(status)

    @property
    def cost_usd(self) -> Decimal:
        """The cost of the stored records in USD, exactly."""
        return pricing.usd(self.cost)

    def _in_order(self, stored: Sequence[Row]) -> list[Outcome]:
        accepted = [Outcome(one.index, one.id, "accepted", one.cost, (), one.unknown) for one in stored]
        return sorted(accepted + self.others, key=attrgetter("index")) if self.others else accepted


def preview_rows(items: Sequence[Any], *, caller: Caller, now: datetime) -> Table:
    """The columns and rows these records would be stored as; nothing is written but names. For measurements."""
    fields = _fields(items)
    sent, _ = read(items, fields=fields, window=Window(now, None, None), odd_text_possible=True)
    rows = _price(place(sent, caller)[0], fields)
    labels = names.label_ids(wanted_labels(rows, fields))
    return record_table(rows, fields, labels, caller.key_id)


def record_usage(
    items: Sequence[Any], *, caller: Caller, now: datetime, window: Window | None = None, odd_text_possible: bool = True
) -> IngestResult:
    """Store decoded usage records, priced and rolled up, in one transaction; safe to run again with the same ids.

    `window` bounds occurred_at (None: any time, for imports). Records that cannot be stored are refused one by one;
    `odd_text_possible` says whether any may hold strings that PostgreSQL cannot store.
    Raises django.db.Error when the database is away: then nothing of the batch was stored.
    """
    fields = _fields(items)
    window = window or Window(now, None, None)
    sent, refused = read(items, fields=fields, window=window, odd_text_possible=odd_text_possible)
    placed, unplaced = place(sent, caller)
    outcomes = [Outcome(one.index, one.id, "rejected", errors=one.errors) for one in (*refused, *unplaced)]
    result = IngestResult(others=outcomes)
    candidates, repeats = _without_repeats(_price(placed, fields))
    if candidates:
        partitions.ensure_months(_months(candidates))
        labels = names.label_ids(wanted_labels(candidates, fields))
        result.stored = _store(candidates, outcomes, result, caller, fields, labels, now)
    outcomes += [_seen_before(one, first.fingerprint) for one, first in repeats]
    costs = [one.cost for one in result.stored]
    result.unpriced = costs.count(None)
    result.cost = sum(filter(None, costs))
    return result


def _without_repeats(rows: Sequence[Row]) -> tuple[list[Row], list[tuple[Row, Row]]]:
    """The first of each id of a batch; and the others, each with that first."""
    if len({one.id_hash for one in rows}) == len(rows):
        return list(rows), []
    firsts: dict[tuple[int, str], Row] = {}
    repeats = []
    for one in rows:
        first = firsts.setdefault((one.place.project_id, one.id_hash), one)
        if first is not one:
            repeats.append((one, first))
    return list(firsts.values()), repeats


def _seen_before(sent: Row, fingerprint: bytes) -> Outcome:
    if sent.fingerprint == fingerprint:
        return Outcome(sent.index, sent.id, "duplicate", unknown=sent.unknown)
    message = "This id was sent before with another body; the first one stands."
    return Outcome(sent.index, sent.id, "conflict", errors=[FieldError("id", "conflict", message)])


def _store(
    rows: Sequence[Row],
    outcomes: list[Outcome],
    result: IngestResult,
    caller: Caller,
    fields: set[str],
    labels: Labels,
    now: datetime,
) -> Sequence[Row]:
    """Write what is new. Expects all ids to be new; when some are not, rolls back, sorts those out and tries again."""
    for _ in range(MAX_TRIES):
        try:
            with connection.wrap_database_errors:
                result.budgets = _write(rows, caller, fields, labels, now)
            return rows
        except (writing.Changed, ChangedMeanwhile):
            current_rate_book()
            rows = _price(_new_ones(rows, outcomes), fields)
        except IntegrityError as error:
            if not isinstance(error.__cause__, psycopg.errors.CheckViolation):
                raise
            # A month was dropped by retention since this process last looked.
            partitions.forget_known()
            partitions.ensure_months(_months(rows))
        if not rows:
            return rows
    raise OperationalError(f"ids kept changing under this batch, {MAX_TRIES} times")


def _write(
    rows: Sequence[Row], caller: Caller, fields: set[str], labels: Labels, now: datetime
) -> Sequence[Mapping[str, Any]]:
    """One statement is a transaction by itself; what else belongs to it needs one around both."""
    late = writing.late_quarters(rows, now)
    judged = not fields.isdisjoint(("success", "quality"))
    version = rate_book().version
    charge = charging.registered(caller, fields, lambda: _charges(rows, caller)) if charging.registered else None
    if not (late or judged or charge or connection.in_atomic_block):
        writing.write(rows, fields, labels, caller.key_id, price_book_version=version)
        return ()
    with transaction.atomic():
        if late:
            writing.reopen_days(late)
        writing.write(rows, fields, labels, caller.key_id, price_book_version=version)
        if judged:
            keep_outcomes(rows, key_id=caller.key_id)
        return charge() if charge else ()


def _new_ones(rows: Sequence[Row], outcomes: list[Outcome]) -> list[Row]:
    stored = writing.known_fingerprints(rows)
    new = []
    for one in rows:
        fingerprint = stored.get((one.place.project_id, one.id_hash))
        if fingerprint is None:
            new.append(one)
        else:
            outcomes.append(_seen_before(one, fingerprint))
            # Repeats of the id in this batch are compared with what stands.
            one.fingerprint = fingerprint
    return new


def _months(rows: Sequence[Row]) -> set[date]:
    moments = [one.occurred_at for one in rows]
    ends = {partitions.month_of(min(moments)), partitions.month_of(max(moments))}
    return ends if len(ends) == 1 else set(map(partitions.month_of, moments))


def _fields(items: Sequence[Any]) -> set[str]:
    """The fields that any record of a batch has: most columns and checks are for fields that none has."""
    return set().union(*[item.keys() for item in items if isinstance(item, dict)])


def _price(rows: list[Row], fields: set[str]) -> list[Row]:
    price(rows, rate_book(), has_media=not OTHER.isdisjoint(fields))
    return rows


def _charges(rows: Sequence[Row], caller: Caller) -> list[Charge]:
    return [
        Charge(
            one.place.project_id,
            one.place.agent_id,
            one.place.cell_id,
            one.place.model_id,
            one.occurred_at,
            one.quarter,
            one.id,
            caller.key_id,
            one.usage,
            one.cost,
        )
        for one in rows
    ]
