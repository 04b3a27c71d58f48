"""How many decisions budgets sent to cheaper tiers, and which models took the place of which."""

from datetime import datetime

from django.db.models import Count, Q
from django.db.models.fields.json import KT

from apps.access.models import Agent, Project
from apps.access.selectors.places import with_merged
from apps.budgets.domain.lowering import Counted, Lowered
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


def lowered_by(counted: Counted, start: datetime, end: datetime) -> list[Lowered]:
    """What budgets ask: which models took the place of which because of this counter, in a half-open time."""
    rows = Decision.objects.filter(
        SENT_DOWN, _of_counter(counted), created_at__gte=start, created_at__lt=end,
        answer__downgrade__budget_id=str(counted.budget_id),
    )  # fmt: skip
    weak = Count("decision_id", filter=Q(answer__below_quality=True))
    named = rows.values_list(*_PLACES).annotate(many=Count("decision_id"), weak=weak).order_by("-many", *_PLACES)
    return [
        Lowered(f"{old_provider}/{old}", old_tier, f"{provider}/{name}", tier, many, weak)
        for old_provider, old, old_tier, provider, name, tier, many, weak in named
    ]


_PLACES = (
    KT("answer__downgrade__from__provider"), KT("answer__downgrade__from__name"), KT("answer__downgrade__from__tier"),
    KT("answer__downgrade__to__provider"), KT("answer__downgrade__to__name"), KT("answer__downgrade__to__tier"),
)  # fmt: skip


def _of_counter(counted: Counted) -> Q:
    """The decisions of one value of a budget that counts each by itself; its value is made as `each_value` says."""
    if not counted.each:
        return Q()
    if counted.each == "user":
        return Q(asked__user=counted.value)
    project, _, name = counted.value.partition(":")
    here = Q(project_id=int(project))
    if counted.each == "conversation":
        return here & Q(conversation_id=name)
    if counted.each == "agent":
        return Q(agent_id__in=Agent.objects.filter(project_id=int(project), name=name).values("id"))
    return Q(project_id__in=with_merged([int(project)]))


def told_sent_down(query: UsageQuery) -> int | None:
    """What the metrics of costs ask: of all usage in the time of a question; None where it asks for a part of it."""
    if query.filters:
        return None
    return sent_down(query.start, query.end, project_ids=query.project_ids, include_demo=query.include_demo)
