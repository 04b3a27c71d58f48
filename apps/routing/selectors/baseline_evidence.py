"""What tasks of the last weeks say of a baseline's model beside others: their tokens, and how they went."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection

from apps.costs.domain.providers import canonical_provider
from apps.costs.selectors.rate_book import current_rate_book
from apps.routing.domain.baselines import Baseline
from apps.routing.domain.token_ratio import Stratum
from apps.routing.domain.what_if import band_of
from apps.routing.selectors.in_force import in_force

# The complexity of a task is that of the first decision of its conversation. An index serves comparisons in its own
# collation alone; tasks have another than decisions' conversations.
_TASKS = """
    SELECT m.provider, m.name, coalesce(role.name, ''), coalesce(kind.name, ''), decided.score, t.success, t.calls,
        t.input_tokens, t.output_tokens, t.cache_read_input_tokens
    FROM costs_tasktotal t JOIN access_project p ON p.id = t.project_id AND NOT p.is_demo
    JOIN costs_cell c ON c.id = t.cell_id JOIN costs_usedmodel m ON m.id = c.model_id
    LEFT JOIN costs_label kind ON kind.id = c.task_type_id LEFT JOIN costs_label role ON role.id = c.role_id
    LEFT JOIN LATERAL (
        SELECT d.score FROM routing_decision d
        WHERE d.conversation_id = t.task_id COLLATE "default" AND d.project_id = t.project_id AND d.score IS NOT NULL
        ORDER BY d.created_at LIMIT 1
    ) decided ON true
    WHERE t.first_at >= %s AND t.first_at < %s AND t.calls > 0 AND t.unpriced_calls = 0
    ORDER BY t.first_at DESC LIMIT %s
"""
UNDECIDED = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Tasks by kind and difficulty with their cost at the baseline's price; and outcomes by band and side."""

    tasks: int
    strata: dict[str, dict[str, Stratum]]
    success: dict[tuple[str, bool], tuple[int, int]]


def evidence_of(baseline: Baseline, *, now: datetime) -> Evidence:
    """Read the newest tasks. A task belongs to the model, the role and the kind of its first call."""
    found, book = in_force(), current_rate_book()
    with connection.cursor() as cursor:
        start = now - timedelta(days=settings.SAVINGS_LEARN_DAYS)
        cursor.execute(_TASKS, [start, now, settings.SAVINGS_LEARN_TASKS])
        rows = cursor.fetchall()
    strata: dict[str, dict[str, Stratum]] = {}
    success: dict[tuple[str, bool], tuple[int, int]] = {}
    for provider, name, role, kind, score, went_well, calls, read, written, cached in rows:
        model = baseline.model_for(role)
        match = book.lookup(*model, now) if model else None
        if model is None or match is None:
            continue
        is_own = (provider, name) == (canonical_provider(model[0]), model[1])
        band = UNDECIDED if score is None or found is None else band_of(found.policy, Decimal(score))
        if went_well is not None and band != UNDECIDED:
            judged, succeeded = success.get((band, is_own), (0, 0))
            success[band, is_own] = (judged + 1, succeeded + went_well)
        cost, _ = match.card.charge(
            read, written, cache_read=min(cached, read), minute_of_day=now.hour * 60 + now.minute, calls=calls
        )
        if cost is not None:
            stratum = strata.setdefault(kind, {}).setdefault(band, Stratum())
            (stratum.baseline if is_own else stratum.others).append(cost)
    return Evidence(len(rows), strata, success)
