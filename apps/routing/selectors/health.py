"""The health of models: the rows the sweep writes, and what reported usage says of the last window."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import connection

from apps.costs.domain.kinds import Status
from apps.routing.domain.candidates import Breaker
from apps.routing.domain.deciding import ModelState
from apps.routing.domain.health import is_fault, is_out_of_credit
from apps.routing.domain.policy import ModelKey
from apps.routing.models import ModelHealth
from apps.routing.selectors.in_force import in_force

TRUSTED_SECONDS = 2
STALE = timedelta(seconds=30)
"""Sums older than this say nothing of the last minute: the worker that makes them is late."""
_known: tuple[float, dict[ModelKey, ModelState]] | None = None

# The last minute goes by when calls were received: the clock of an agent may be a minute behind or ahead.
_READ = """
    SELECT m.provider, m.name, c.status, coalesce(e.name, ''),
        count(*), count(*) FILTER (WHERE h.since IS NULL OR r.occurred_at > h.since),
        max(r.occurred_at), sum(r.latency_ms), count(r.latency_ms),
        count(*) FILTER (WHERE r.received_at > %(minute)s),
        coalesce(sum(r.input_tokens) FILTER (WHERE r.received_at > %(minute)s), 0),
        coalesce(sum(r.output_tokens) FILTER (WHERE r.received_at > %(minute)s), 0)
    FROM costs_usagerecord r
    JOIN costs_cell c ON c.id = r.cell_id
    JOIN access_project p ON p.id = c.project_id AND NOT p.is_demo
    JOIN costs_usedmodel m ON m.id = c.model_id
    LEFT JOIN costs_label e ON e.id = r.error_type_id
    LEFT JOIN routing_modelhealth h ON h.provider = m.provider AND h.model = m.name
    WHERE r.occurred_at > %(from)s AND r.occurred_at <= %(until)s AND r.calls = 1 AND NOT r.cache_hit
        AND (%(projects)s::int[] IS NULL OR c.project_id = ANY(%(projects)s))
    GROUP BY 1, 2, 3, 4
"""


@dataclass(slots=True)
class Reported:
    """What was reported of one model in the window; `since_…` since its breaker last changed."""

    calls: int = 0
    ok_calls: int = 0
    fault_calls: int = 0
    since_ok: int = 0
    since_faults: int = 0
    last_ok_at: datetime | None = None
    out_of_credit_at: datetime | None = None
    latency_ms: int = 0
    latency_calls: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    minute_requests: int = 0
    minute_input_tokens: int = 0
    minute_output_tokens: int = 0


def reported(
    *, now: datetime, window: timedelta, project_ids: frozenset[int] | None = None
) -> dict[ModelKey, Reported]:
    """What agents reported of each model in the window before now, by canonical provider and name.

    Demo data says nothing of the models it names: their breakers hold for every agent.
    """
    found: dict[ModelKey, Reported] = {}
    bounds = {
        "from": now - window,
        "until": now + timedelta(minutes=5),
        "minute": now - timedelta(seconds=60),
        "projects": None if project_ids is None else sorted(project_ids),
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, bounds)
        for provider, model, *row in cursor.fetchall():
            _add(found.setdefault((provider, model), Reported()), row)
    return found


def _add(one: Reported, row: list[Any]) -> None:
    status, error, calls, since, last, latency, timed, *minute = row
    one.calls += calls
    one.latency_ms += int(latency or 0)
    one.latency_calls += timed
    one.minute_requests += minute[0]
    one.minute_input_tokens += int(minute[1])
    one.minute_output_tokens += int(minute[2])
    if status == Status.OK:
        one.ok_calls += calls
        one.since_ok += since
        one.last_ok_at = max(filter(None, (one.last_ok_at, last)))
    elif status == Status.ERROR:
        one.errors[error or "unnamed"] = one.errors.get(error or "unnamed", 0) + calls
        if is_fault(error):
            one.fault_calls += calls
            one.since_faults += since
        if is_out_of_credit(error) and since:
            one.out_of_credit_at = max(filter(None, (one.out_of_credit_at, last)))


def states(*, now: datetime) -> Mapping[ModelKey, ModelState]:
    """The states of models, at most two seconds old; without a row a model is healthy."""
    global _known
    if _known is None or time.monotonic() - _known[0] > TRUSTED_SECONDS:
        rows = ModelHealth.objects.values_list(
            "provider", "model", "breaker", "seen_at", "minute_requests", "minute_input_tokens", "minute_output_tokens"
        )
        told = {(row[0], row[1]): _state(row, now) for row in rows}
        _known = (time.monotonic(), told)
    return _known[1]


def health_for(*, now: datetime, project_ids: frozenset[int] | None) -> list[ModelHealth]:
    """The health of models as those who see these projects may know it.

    A breaker is everybody's. Calls, errors and tokens are those of one's own projects, and models that are neither used
    there lately nor in the policy are nobody else's business.
    """
    rows = list(ModelHealth.objects.order_by("-calls", "provider", "model"))
    if project_ids is None:
        return rows
    own = reported(now=now, window=timedelta(seconds=settings.HEALTH_WINDOW_SECONDS), project_ids=project_ids)
    found = in_force()
    shared = found.tiers.keys() if found else set()
    told = [row for row in rows if (key := (row.provider, row.model)) in own or key in shared]
    for row in told:
        count(row, own.get((row.provider, row.model), Reported()))
    return sorted(told, key=lambda row: (-row.calls, row.provider, row.model))


def count(row: ModelHealth, one: Reported) -> None:
    """Put the sums of what was reported into a row; nothing is saved."""
    row.calls, row.ok_calls, row.fault_calls = one.calls, one.ok_calls, one.fault_calls
    row.latency_ms = one.latency_ms // one.latency_calls if one.latency_calls else None
    row.errors = one.errors
    row.minute_requests = one.minute_requests
    row.minute_input_tokens, row.minute_output_tokens = one.minute_input_tokens, one.minute_output_tokens


def open_models() -> frozenset[ModelKey]:
    """The models whose breaker is open."""
    return frozenset(ModelHealth.objects.filter(breaker="open").values_list("provider", "model"))


def forget() -> None:
    """Empty the memory: for tests, and after a sweep of this process."""
    global _known
    _known = None


def _state(row: tuple[Any, ...], now: datetime) -> ModelState:
    breaker = cast(Breaker, row[2])
    return ModelState(breaker) if now - row[3] > STALE else ModelState(breaker, row[4], row[5], row[6])
