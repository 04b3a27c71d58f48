"""Query parameters every reading endpoint shares: from, to, tz and filters."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from django.http import QueryDict
from django.utils import timezone
from rest_framework.exceptions import ErrorDetail, ValidationError

from apps.access.domain.identity import Caller
from apps.access.selectors.places import agents_of
from apps.costs.domain.kinds import Status
from apps.costs.domain.usage import FieldError, Moment
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.reporting import reporting_zone

FILTERS = (
    "provider",
    "model",
    "tier",
    "role",
    "task_type",
    "tool",
    "project",
    "agent",
    "user",
    "key",
    "status",
    "conversation",
    "error_type",
)
STATUSES = frozenset(status.name.lower() for status in Status)
DEFAULT_RANGE = timedelta(days=30)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def usage_query(parameters: QueryDict, caller: Caller, *, default_range: timedelta = DEFAULT_RANGE) -> UsageQuery:
    """The query a request asks. Raises ValidationError (422) naming the parameter that is wrong."""
    end = moment(parameters, "to") or timezone.now()
    try:
        start = moment(parameters, "from") or end - default_range
    except OverflowError as error:
        raise ValidationError({"to": "There is no time before it."}) from error
    if start >= end:
        raise ValidationError({"from": "from must be before to."})
    filters = {name: tuple(parameters.getlist(name)) for name in FILTERS if name in parameters}
    filters |= {name: tuple(parameters.getlist(name)) for name in parameters if name.startswith("tag:")}
    if unknown := set(filters.get("status", ())) - STATUSES:
        message = f"There is no status {min(unknown)[:40]!r}; known are {', '.join(sorted(STATUSES))}."
        raise ValidationError({"status": [ErrorDetail(message, "choice")]})
    if caller.agent_name is not None:
        own = [agent.name for agent in agents_of(caller)]
        filters["agent"] = tuple(name for name in filters.get("agent", own) if caller.may_report_as(name))
    return UsageQuery(
        start, end, zone(parameters), visible_projects(caller), _include_demo(parameters, filters), filters
    )


def visible_projects(caller: Caller) -> frozenset[int] | None:
    """The projects a caller reads: those of the person, or the one a key is bound to. None is all."""
    if caller.project_ids is None and caller.project_id is not None:
        return frozenset({caller.project_id})
    return caller.project_ids


def refusal(errors: Iterable[FieldError]) -> ValidationError:
    """The answer 422 that names every wrong field of a record."""
    details: dict[str, list[ErrorDetail]] = {}
    for error in errors:
        details.setdefault(error.path or "non_field_errors", []).append(ErrorDetail(error.message, error.code))
    return ValidationError(details)


def moment(parameters: QueryDict, name: str) -> datetime | None:
    """An RFC 3339 time, or None when left out. Raises ValidationError for anything else.

    "9999-12-31" is how programs say "ever": a time so near the end of the calendar is moved away from it.
    """
    text = parameters.get(name)
    if text is None:
        return None
    try:
        # A "+" that was not escaped in a URL arrives as a space.
        found = msgspec.convert(text.replace(" ", "+"), Moment).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValidationError({name: "Expected a time like 2026-11-01T00:00:00Z."}) from error
    return min(found, LATEST)


def zone(parameters: QueryDict) -> str:
    """The IANA zone asked for, or the reporting zone. Raises ValidationError for an unknown one."""
    name = parameters.get("tz", reporting_zone().key)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError({"tz": "Expected an IANA time zone like Europe/Berlin."}) from error
    return str(name)


def _include_demo(parameters: QueryDict, filters: Mapping[str, Any]) -> bool:
    return switch(parameters, "demo") or "project" in filters


def switch(parameters: QueryDict, name: str) -> bool:
    """Whether a parameter is 1; 0 and nothing are no. Raises ValidationError for another word, which may mean yes."""
    value = parameters.get(name, "0")
    if value not in ("0", "1", ""):
        raise ValidationError({name: [ErrorDetail("Expected 0 or 1.", "choice")]})
    return value == "1"
