"""What merging a project into another would do, before anybody does it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from django.utils import timezone

from apps.access.domain.identity import Caller, Role
from apps.access.models import Agent, FormerProjectName, Project
from apps.access.selectors.places import with_merged
from apps.access.services.project_merges import Onlookers, names_that_move, onlookers, pair_of
from apps.budgets.services.merge_effects import BudgetEffect, project_merge_effects
from apps.costs.selectors.in_both import InBoth, ids_in_both
from apps.costs.selectors.metrics import Totals, UsageQuery, totals
from controlplane.merging.policy_words import routing_of

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class ProjectSide:
    """One of the two projects, and all it did."""

    project: Project
    totals: Totals
    former_names: tuple[str, ...]
    """Of the project, and of all that was merged into it before."""
    agents: int


@dataclass(frozen=True, slots=True)
class ProjectPreview:
    """What a merge does. `fingerprint` is of all that a person decides by; figures that grow with each call are not."""

    project: ProjectSide
    into: ProjectSide
    agents_in_both: tuple[str, ...]
    """Agents of one name: they are one then. So many at most are named."""
    agents_in_both_count: int
    names_that_move: tuple[str, ...]
    in_both: InBoth
    onlookers: Onlookers
    may_decide: bool
    """Whether the caller may change what people see; only then it is told who they are."""
    budgets: Sequence[BudgetEffect]
    routing: tuple[str, ...]
    fingerprint: str

    @property
    def needs_choice(self) -> bool:
        """Whether it has to be said what becomes of those who see the merged project only."""
        return self.onlookers.needs_choice

    @property
    def is_for_owners(self) -> bool:
        """Whether the caller has to leave it to an owner."""
        return self.onlookers.has_people and not self.may_decide


def project_preview(*, caller: Caller, project_id: int, into_id: int) -> ProjectPreview:
    """What merging would do. Raises Project.DoesNotExist and Refused as `merge_project`."""
    project, into = pair_of(caller, project_id, into_id)
    sides = [_side(one) for one in (project, into)]
    shared = Agent.objects.standing().filter(project=project, name__in=into.agents.standing().values("name"))
    both = tuple(shared.order_by("name").values_list("name", flat=True))
    moves = names_that_move(project, into)
    watched = onlookers(project, into)
    budgets = project_merge_effects(caller=caller, project=project, into=into, now=timezone.now())
    routing = routing_of("project", {name for side in sides for name in (side.project.name, *side.former_names)})
    in_both = ids_in_both(*(sorted(with_merged([side.project.pk])) for side in sides))
    decided_by = [
        [[one.project.pk, one.project.name, one.former_names] for one in sides],
        both,
        moves,
        [watched.gaining, watched.asked_about, watched.keys_gaining, watched.keys_asked_about],
        sorted((one.budget_id, one.value, one.keys) for one in budgets),
        routing,
    ]
    return ProjectPreview(
        sides[0],
        sides[1],
        both[:_MOST_NAMED],
        len(both),
        moves,
        in_both,
        watched,
        caller.has_role(Role.OWNER) and not caller.is_limited,
        budgets,
        routing,
        hashlib.sha256(msgspec.json.encode(decided_by)).hexdigest()[:32],
    )


def _side(project: Project) -> ProjectSide:
    rows = with_merged([project.pk])
    query = UsageQuery(_BEGINNING, timezone.now(), "UTC", rows, True)
    former = FormerProjectName.objects.filter(project__in=rows).order_by("name").values_list("name", flat=True)
    return ProjectSide(project, totals(query), tuple(former), project.agents.standing().count())
