"""Entering, changing and deleting what providers billed. Each act is one audit entry, and deleting can be undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.domain.invoicing import Billed, faults
from apps.costs.models import InvoiceLine

FIELDS = ("provider", "model", "first_day", "last_day", "zone", "amount_usd", "note")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did; lines that stood already count as unchanged."""

    added: int
    changed: int
    unchanged: int


@transaction.atomic
def enter_invoice(*, caller: Caller, billed: Billed) -> InvoiceLine:
    """Store a line. Entering the same again returns the one that stands. Raises Refused, Conflict or NotAllowed."""
    _alone(caller)
    billed = _checked(billed)
    same = _standing(billed)
    if same is not None and same.billed() == billed:
        return same
    _refuse_overlap(billed)
    line = InvoiceLine.objects.create(**_values(billed), created_by=caller.actor)
    audit.record(caller=caller, action="invoice.entered", obj=line, after=_told(line))
    return line


@transaction.atomic
def change_invoice(*, caller: Caller, line_id: int, billed: Billed, version: int | None = None) -> InvoiceLine:
    """Change a line; `version` is the one that was seen. Raises InvoiceLine.DoesNotExist and as `enter_invoice`."""
    _alone(caller)
    line = InvoiceLine.objects.get(id=line_id, deleted_at=None)
    if version is not None and version != line.version:
        raise Conflict("Somebody changed this line meanwhile. Nothing was saved; look again.", code="changed")
    billed = _checked(billed)
    if line.billed() == billed:
        return line
    _refuse_overlap(billed, without=line.pk)
    before = _told(line)
    _write(line, billed)
    audit.record(caller=caller, action="invoice.changed", obj=line, before=before, after=_told(line))
    return line


@transaction.atomic
def delete_invoice(*, caller: Caller, line_id: int) -> InvoiceLine:
    """Take a line out of every comparison. Raises InvoiceLine.DoesNotExist."""
    _alone(caller)
    line = InvoiceLine.objects.get(id=line_id)
    if line.deleted_at is None:
        line.deleted_at = line.changed_at = timezone.now()
        line.version += 1
        line.save()
        audit.record(caller=caller, action="invoice.deleted", obj=line, before=_told(line))
    return line


@transaction.atomic
def restore_invoice(*, caller: Caller, line_id: int) -> InvoiceLine:
    """Undo a deletion. Raises InvoiceLine.DoesNotExist, and Conflict when another line now covers its days."""
    _alone(caller)
    line = InvoiceLine.objects.get(id=line_id)
    if line.deleted_at is not None:
        _refuse_overlap(line.billed())
        line.deleted_at, line.changed_at = None, timezone.now()
        line.version += 1
        line.save()
        audit.record(caller=caller, action="invoice.restored", obj=line, after=_told(line))
    return line


@transaction.atomic
def import_invoices(*, caller: Caller, lines: Sequence[Billed]) -> Imported:
    """Store all lines or none; one of the same provider, model and days takes the new amount. One audit entry."""
    _alone(caller)
    added = changed = 0
    for billed in map(_checked, lines):
        same = _standing(billed)
        if same is not None and same.billed() == billed:
            continue
        _refuse_overlap(billed, without=same.pk if same else None)
        if same is None:
            InvoiceLine.objects.create(**_values(billed), created_by=caller.actor)
            added += 1
        else:
            _write(same, billed)
            changed += 1
    done = Imported(added, changed, len(lines) - added - changed)
    if added or changed:
        audit.record(
            caller=caller,
            action="invoice.imported",
            after={"added": added, "changed": changed, "lines": [_shown(billed) for billed in lines[:100]]},
        )
    return done


def _alone(caller: Caller) -> None:
    """Lines of the same days are compared with what stands, so one writer at a time."""
    if caller.is_limited:
        raise NotAllowed("A bill covers every project: only who sees all of them may enter it.", code="all_projects")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('bursar invoices'))")


def _checked(billed: Billed) -> Billed:
    found = faults(billed)
    if found:
        raise Refused(found[0].message, code=found[0].code, path=found[0].path)
    return billed.cleaned()


def _standing(billed: Billed) -> InvoiceLine | None:
    key = {name: getattr(billed, name) for name in ("provider", "model", "first_day", "last_day", "zone")}
    return InvoiceLine.objects.filter(deleted_at=None, **key).first()


def _refuse_overlap(billed: Billed, without: int | None = None) -> None:
    others = InvoiceLine.objects.filter(deleted_at=None, provider=billed.provider).exclude(id=without or 0)
    # Zones differ by a day at most.
    for other in others:
        if billed.overlaps(other.billed()):
            raise Conflict(
                f"The line {other} covers some of these days already; the same spend would count twice.",
                code="overlap", path="first_day",
            )  # fmt: skip


def _write(line: InvoiceLine, billed: Billed) -> None:
    for name, value in _values(billed).items():
        setattr(line, name, value)
    line.version += 1
    line.changed_at = timezone.now()
    line.save()


def _values(billed: Billed) -> dict[str, Any]:
    return {name: getattr(billed, name) for name in FIELDS}


def _told(line: InvoiceLine) -> Mapping[str, Any]:
    return _shown(line.billed())


def _shown(billed: Billed) -> dict[str, Any]:
    return {name: str(value) for name, value in _values(billed).items()}
