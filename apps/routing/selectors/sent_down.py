"""How many decisions budgets sent to cheaper tiers."""

from datetime import datetime

from django.db.models import Count
from django.db.models.fields.json import KT

from apps.access.models import Project
from apps.costs.selectors.metrics import UsageQuery
from apps.routing.models.decisions import SENT_DOWN, Decision


def sent_down(
    start: datetime, end: datetime, *, project_ids: frozenset[int] | None = None, include_demo: bool = False
) -> int:
    """How many of a half-open time, of the projects one may see."""
    rows = Decision.objects.filter(SENT_DOWN, created_at__gte=start, created_at__lt=end)
    if project_ids is not None:
        rows = rows.filter(project_id__in=project_ids)
    if not include_demo:
        rows = rows.exclude(project_id__in=Project.objects.filter(is_demo=True).values("id"))
    return rows.count()


def sent_down_by_budget(start: datetime, end: datetime, *, most: int) -> dict[tuple[str, str], int]:
    """The same of all projects by number and name of the budget, those with the most first; at most so many."""
    rows = Decision.objects.filter(SENT_DOWN, created_at__gte=start, created_at__lt=end)
    named = rows.values_list(KT("answer__downgrade__budget_id"), KT("answer__downgrade__budget"))
    found = named.annotate(many=Count("decision_id")).order_by("-many")[:most]
    return {(number or "", name or ""): many for number, name, many in found}


def told_sent_down(query: UsageQuery) -> int | None:
    """What the metrics of costs ask: of all usage in the time of a question; None where it asks for a part of it."""
    if query.filters:
        return None
    return sent_down(query.start, query.end, project_ids=query.project_ids, include_demo=query.include_demo)
