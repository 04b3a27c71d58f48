"""Changing how numbers are read, and typing what a US dollar is worth elsewhere. Each act is one audit entry.

A change of zone moves where days begin and never a total between two instants: folds of the old zone are not read from
the moment on, and `fold-days` and `fold-tasks` replace them.
"""

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django.db import connection, transaction
from django.utils import timezone

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.domain.currencies import is_code
from apps.costs.models import CurrencyRate, ReportingSettings
from apps.costs.selectors.reporting import USD, Reporting, first_values, forget

MOST_PER_USD = Decimal(10) ** 9


def change_reporting(
    *,
    caller: Caller,
    zone: str | None = None,
    week_start: int | None = None,
    currency: str | None = None,
    version: int | None = None,
) -> ReportingSettings:
    """Set what is given; None leaves a thing as it is. Raises Refused, Conflict or NotAllowed."""
    try:
        return _change(caller, zone, week_start, currency, version)
    finally:
        forget()


@transaction.atomic
def _change(
    caller: Caller, zone: str | None, week_start: int | None, currency: str | None, version: int | None
) -> ReportingSettings:
    _alone(caller)
    row = ReportingSettings.objects.select_for_update().first() or _unsaved(first_values())
    if version is not None and version != row.version:
        raise Conflict("Somebody changed these settings meanwhile. Nothing was saved; look again.", code="changed")
    before = _told(row)
    row.zone = row.zone if zone is None else _zone(zone)
    row.week_start = row.week_start if week_start is None else week_start
    if currency is not None and currency != row.currency:
        row.currency = _currency(currency)
    if row.week_start not in range(7):
        raise Refused("A week begins on one of seven days.", code="invalid", path="week_start")
    if _told(row) == before:
        return row
    row.version += 1
    row.changed_at = timezone.now()
    row.save()
    audit.record(caller=caller, action="reporting.changed", obj=row, before=before, after=_told(row))
    return row


@transaction.atomic
def add_rate(*, caller: Caller, currency: str, first_day: date, per_dollar: Decimal, note: str = "") -> CurrencyRate:
    """Say what a US dollar is worth from a day on; the same again returns what stands. Raises as `change_reporting`."""
    _alone(caller)
    if currency == USD or not is_code(currency):
        raise Refused("A currency is three capital letters like EUR, and not USD.", code="invalid", path="currency")
    if not 0 < per_dollar < MOST_PER_USD:
        raise Refused("A rate is above 0 and below a billion.", code="invalid", path="per_dollar")
    standing = CurrencyRate.objects.filter(currency=currency, first_day=first_day, deleted_at=None).first()
    if standing is not None:
        if standing.per_dollar == per_dollar:
            return standing
        raise Conflict(f"There is a rate of that day: {standing}. Delete it first.", code="taken", path="first_day")
    rate = CurrencyRate.objects.create(
        currency=currency, first_day=first_day, per_dollar=per_dollar, note=note.strip()[:500], created_by=caller.actor
    )
    audit.record(caller=caller, action="currency_rate.added", obj=rate, after=_rate(rate))
    return rate


@transaction.atomic
def delete_rate(*, caller: Caller, rate_id: int) -> CurrencyRate:
    """Take a rate back; it can be put back. Raises CurrencyRate.DoesNotExist and NotAllowed."""
    _alone(caller)
    rate = CurrencyRate.objects.get(id=rate_id)
    if rate.deleted_at is None:
        rate.deleted_at = timezone.now()
        rate.save()
        audit.record(caller=caller, action="currency_rate.deleted", obj=rate, before=_rate(rate))
    return rate


@transaction.atomic
def restore_rate(*, caller: Caller, rate_id: int) -> CurrencyRate:
    """Undo a deletion. Raises as `delete_rate`, and Conflict if the day has another rate by now."""
    _alone(caller)
    rate = CurrencyRate.objects.get(id=rate_id)
    if rate.deleted_at is not None:
        others = CurrencyRate.objects.filter(currency=rate.currency, first_day=rate.first_day, deleted_at=None)
        if others.exists():
            raise Conflict("That day has another rate by now.", code="taken")
        rate.deleted_at = None
        rate.save()
        audit.record(caller=caller, action="currency_rate.restored", obj=rate, after=_rate(rate))
    return rate


def _alone(caller: Caller) -> None:
    caller.must_see_all("This holds")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('bursar reporting'))")


def _unsaved(values: Reporting) -> ReportingSettings:
    return ReportingSettings(
        zone=values.zone.key, week_start=values.week_start, currency=values.currency, version=values.version
    )


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise Refused("Expected a time zone like Europe/Berlin.", code="invalid", path="zone")
    return name


def _currency(code: str) -> str:
    if code != USD and not CurrencyRate.objects.filter(currency=code, deleted_at=None).exists():
        raise Refused(f"There is no rate for {code[:20]} yet; add one first.", code="no_rate", path="currency")
    return code


def _told(row: ReportingSettings) -> dict[str, Any]:
    return {"zone": row.zone, "week_start": row.week_start, "currency": row.currency}


def _rate(rate: CurrencyRate) -> dict[str, Any]:
    return {
        "currency": rate.currency, "first_day": str(rate.first_day), "per_dollar": f"{rate.per_dollar.normalize():f}",
        "note": rate.note,
    }  # fmt: skip
