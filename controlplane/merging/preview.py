"""What merging an agent into another would do, before anybody does it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from django.utils import timezone

from apps.access.domain.identity import Caller
from apps.access.models import Agent
from apps.access.selectors.places import agents_of, with_merged
from apps.access.services.merges import pair_of
from apps.budgets.services.merge_effects import BudgetEffect, merge_effects
from apps.costs.selectors.metrics import Totals, UsageQuery, totals
from controlplane.merging.policy_words import routing_of

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two agents, and all it did."""

    agent: Agent
    totals: Totals
    former_names: tuple[str, ...]
    keys: tuple[str, ...]
    """Names of the keys that are bound to it."""
    subordinates: tuple[str, ...]
    """Agents called `name/…`: they stay what they are."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge does. `fingerprint` is of all that a person decides by; figures that grow with each call are not."""

    agent: Side
    into: Side
    budgets: Sequence[BudgetEffect]
    routing: tuple[str, ...]
    fingerprint: str


def preview(*, caller: Caller, agent_id: int, into_id: int) -> Preview:
    """What merging would do. Raises Agent.DoesNotExist and Refused as `merge_agent`."""
    agent, into = pair_of(caller, agent_id, into_id)
    sides = [_side(caller, one) for one in (agent, into)]
    budgets = merge_effects(caller=caller, agent=agent, into=into, now=timezone.now())
    routing = routing_of("agent", {name for side in sides for name in (side.agent.name, *side.former_names)})
    return Preview(sides[0], sides[1], budgets, routing, _fingerprint(sides, budgets, routing))


def _side(caller: Caller, agent: Agent) -> Side:
    rows = with_merged([agent.project_id])
    query = UsageQuery(_BEGINNING, timezone.now(), "UTC", rows, True, {"agent": (agent.name,)})
    below = agents_of(caller).filter(project=agent.project_id, name__startswith=f"{agent.name}/")
    return Side(
        agent,
        totals(query),
        tuple(agent.former_names.order_by("name").values_list("name", flat=True)),
        tuple(agent.keys.live().order_by("name", "id").values_list("name", flat=True)),
        tuple(below.values_list("name", flat=True)[:_MOST_NAMED]),
    )


def _fingerprint(sides: Sequence[Side], budgets: Sequence[BudgetEffect], routing: Sequence[str]) -> str:
    decided_by = [
        [[one.agent.pk, one.agent.name, one.former_names, one.keys, one.subordinates] for one in sides],
        sorted((one.budget_id, one.keys) for one in budgets),
        routing,
    ]
    return hashlib.sha256(msgspec.json.encode(decided_by)).hexdigest()[:32]
