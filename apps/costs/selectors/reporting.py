"""How the organisation reads its numbers: the reporting zone, the first day of the week, the currency shown beside.

What the database says holds; before anybody said something there, the environment. Every process looks once a second.
"""

import time
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings

from apps.costs.models import ReportingSettings

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
USD = "USD"
_TRUSTED_SECONDS = 1.0
_remembered: tuple[float, "Reporting | None"] | None = None


@dataclass(frozen=True, slots=True)
class Reporting:
    """What holds now. `version` is 0 while it is the environment's; `week_start` counts from Monday = 0."""

    zone: ZoneInfo
    week_start: int
    currency: str
    version: int = 0


def reporting() -> Reporting:
    """What holds now."""
    global _remembered
    if _remembered is None or time.monotonic() - _remembered[0] > _TRUSTED_SECONDS:
        _remembered = (time.monotonic(), _stored())
    return _remembered[1] or first_values()


def reporting_zone() -> ZoneInfo:
    """The zone in which days are cut unless a page or question names another."""
    return reporting().zone


def first_values() -> Reporting:
    """What the environment says."""
    return Reporting(
        ZoneInfo(settings.REPORTING_ZONE), WEEKDAYS.index(settings.WEEK_START.lower()), settings.CURRENCY.upper()
    )


def forget() -> None:
    """Looks again at the next use: after this process changed something, and for tests."""
    global _remembered
    _remembered = None


def _stored() -> Reporting | None:
    row = ReportingSettings.objects.first()
    return None if row is None else Reporting(ZoneInfo(row.zone), row.week_start, row.currency, row.version)
