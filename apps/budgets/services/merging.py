"""What was counted for an agent or a project that is merged into another goes on with the other's.

In the transaction of the merge the counters of every agent, and of every project, are added together, by the ledger.
Budgets that name an agent or a project in their scope are counted anew right after it, their past periods by a sweep.
What is charged from then on goes by the present name. A process that charges at that very moment by what it knew before
has what it charged put right by the recounts, as after any change of a budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.access.models import Agent, AgentMerge, ProjectMerge
from apps.access.services.merges import bind_keys_again
from apps.budgets.models import Budget
from apps.budgets.selectors import matching
from apps.budgets.selectors.matching import Rule, is_rolling, rules_of
from apps.budgets.services import recounting
from apps.budgets.services.handing_over import Successor, forget_empty, hand_over
from apps.budgets.services.proving import counters_of
from apps.budgets.services.tending import RECENT, begin_counting, evaluate

SETTLES_AFTER = RECENT + timedelta(minutes=1)
"""By then nobody charges by what was known before a merge."""
_CHUNK = 1_000
_COUNT_SECONDS = 5
_AGENTS = """
    SELECT DISTINCT c.each_value FROM budgets_budget b JOIN budgets_counter c ON c.budget_id = b.id
    WHERE b.each = 'agent' AND starts_with(c.each_value, %s) ORDER BY 1
"""


def merge_counters(*, project_id: int, before: str, after: str, **_: Any) -> None:
    """Add what was counted for an agent to what the other has, in the transaction of the merge."""
    hand_over([_agent(project_id, before, after)])
    transaction.on_commit(partial(_count_now, f"the agent {before} was merged into {after}", _OF_AGENTS))


def merge_projects(*, project_id: int, into_id: int, before: str, after: str, **_: Any) -> None:
    """Add what was counted for a project and its agents to what the other has, in the transaction of the merge."""
    Budget.objects.filter(project=project_id).update(project=into_id)
    hand_over(_of_project(project_id, into_id, after))
    because = f"the project {before} was merged into {after}"
    transaction.on_commit(partial(_count_now, because, _of_projects(into_id)))


def follow_renamed(*, project_id: int, before: str, after: str, **_: Any) -> None:
    """Let what was counted for the former name go on, in the transaction of the renaming.

    There may be counters for the new one still, which it or one that was merged into it had: then they become one.
    """
    if before != after and hand_over([_agent(project_id, before, after)]):
        transaction.on_commit(partial(_count_now, f"the agent {before} is called {after}", _OF_AGENTS))


def _agent(project_id: int, before: str, after: str) -> Successor:
    return Successor("agent", f"{project_id}:{before}", f"{project_id}:{after}", after)


def _of_project(project_id: int, into_id: int, name: str) -> list[Successor]:
    """Conversations stay where they are: their ids are unique in what is sent under one name of a project only."""
    with connection.cursor() as cursor:
        cursor.execute(_AGENTS, [f"{project_id}:"])
        agents = [row[0].partition(":")[2] for row in cursor.fetchall()]
    found = [Successor("agent", f"{project_id}:{agent}", f"{into_id}:{agent}", agent) for agent in agents]
    return [Successor("project", str(project_id), str(into_id), name), *found]


@dataclass(frozen=True, slots=True)
class _Concern:
    """The budgets to which a merge matters, and what those name in their scope that have to be counted anew."""

    is_of: Callable[[Rule], bool]
    named: frozenset[str]

    def budgets(self) -> list[Budget]:
        """Those that stand."""
        standing = list(Budget.objects.standing().order_by("id"))
        ids = {rule.id for rule in rules_of(standing) if self.is_of(rule)}
        return [budget for budget in standing if budget.pk in ids]


_OF_AGENTS = _Concern(lambda rule: rule.asks_for_agents, frozenset({"agent"}))


def _of_projects(into_id: int) -> _Concern:
    """Also for former names of agents, of which both projects may have had the same."""
    return _Concern(
        lambda rule: rule.asks_for_agents or rule.each == "project" or rule.asks_for_project(into_id),
        frozenset({"agent", "project"}),
    )


def _count_now(because: str, concern: _Concern, *, patient: bool = False) -> None:
    """The present period of the budgets concerned; what takes longer than people wait for is left to the sweep.

    Of those with a counter for every agent or project, which were added up already, it is enough to say what holds now.
    """
    matching.forget()
    until = monotonic() + _COUNT_SECONDS
    concerned = Budget.objects.filter(id__in=[budget.pk for budget in concern.budgets()]).order_by("id")
    named = [budget.pk for budget in concerned if concern.named & budget.scope.keys()]
    concerned.update(changed_at=timezone.now())
    concerned.filter(id__in=named).update(recounted_at=None)
    for budget in concerned.all():
        if not patient and monotonic() > until:
            break
        if budget.pk not in named or begin_counting(budget=budget, patient=patient):
            evaluate(budget=budget, because=because)


def settle_merges(*, now: datetime) -> int:
    """Count budgets anew after merges, also in past periods, once at once and once when everybody knows of the merge.

    Then nothing is charged to counters of former names any more, and they go. How many merges there was something to do
    for. Safe to run twice, and to be stopped at any point.
    """
    agents = _due(AgentMerge.objects.filter(settled_at=None).select_related("into").order_by("merged_at"), now)
    projects = _due(ProjectMerge.objects.filter(settled_at=None).select_related("into").order_by("merged_at"), now)
    if not agents and not projects:
        return 0
    bind_keys_again()
    if agents:
        told = [(f"the agent {one.name} was merged into {one.into.name}", one) for one in agents]
        _settle(told, _OF_AGENTS, now)
    for one in projects:
        because = f"the project {one.name} was merged into {one.into.name}"
        _settle([(because, one)], _of_projects(one.into_id), now)
    return len(agents) + len(projects)


def _due(waiting: Any, now: datetime) -> list[Any]:
    return [one for one in waiting if one.counted_at is None or one.merged_at <= now - SETTLES_AFTER]


def _settle(due: Sequence[tuple[str, AgentMerge | ProjectMerge]], concern: _Concern, now: datetime) -> None:
    for because, one in due:
        if one.counted_at is None:
            _count_now(because, concern, patient=True)
    for rule in rules_of(concern.budgets()):
        ids = counters_of(rule, now)
        for start in range(0, len(ids), _CHUNK):
            recounting.recount(rule=rule, counter_ids=ids[start : start + _CHUNK])
            if is_rolling(rule):
                recounting.carry(rule=rule, counter_ids=ids[start : start + _CHUNK])
    for _, one in due:
        is_over = one.merged_at <= now - SETTLES_AFTER and _forget_counters(one)
        type(one).objects.filter(pk=one.pk).update(counted_at=now, settled_at=now if is_over else None)


@transaction.atomic
def _forget_counters(one: AgentMerge | ProjectMerge) -> bool:
    """Delete what stood for a former name and is empty by now; false while something is left in one.

    An agent may have been given that name meanwhile: then they are its counters.
    """
    if isinstance(one, ProjectMerge):
        return forget_empty(_of_project(one.project_id, one.into_id, one.into.name))
    if Agent.objects.standing().filter(project=one.into.project_id, name=one.name).exists():
        return True
    return forget_empty([_agent(one.into.project_id, one.name, one.into.name)])
