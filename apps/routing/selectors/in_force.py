"""The policy in force in the memory of this process.

What is remembered is looked at again once a second with one short query, so a publication in another process holds
here within a second; one in this process holds at once.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from threading import Lock
from typing import Any
from zlib import crc32

import msgspec

from apps.access.services.places import names_of_agent, names_of_project
from apps.costs.domain.providers import canonical_provider
from apps.routing.domain.complexity import Weights
from apps.routing.domain.policy import ModelKey, Policy, policy_of
from apps.routing.domain.weighing import weights_of
from apps.routing.models import PolicyVersion, RoutingState

TRUSTED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class InForce:
    """The published policy and its version; `generation` rises with whatever changes what agents are told."""

    version: int
    generation: int
    policy: Policy
    tiers: Mapping[ModelKey, str]
    """The cheapest tier of each model, by canonical provider and name."""
    weights: Weights
    agents: frozenset[str]
    projects: frozenset[str]
    """Those that the policy names."""

    def called(self, project: str, agent: str) -> "InForce":
        """The same for an agent of a project, whichever of their names it says and whichever the policy does."""
        policy = self.policy
        if project and self.projects:
            names = names_of_project(project)
            if len(names) > 1 and names & self.projects:
                policy = policy.as_called("project", project, names)
        if agent and self.agents:
            names = names_of_agent(project, agent)
            if len(names) > 1 and names & self.agents:
                policy = policy.as_called("agent", agent, names)
        return self if policy is self.policy else replace(self, policy=policy)


class _Memory:
    def __init__(self) -> None:
        self.known: InForce | None = None
        self.generation = -1
        self.looked_at: float | None = None

    def is_fresh(self) -> bool:
        return self.looked_at is not None and time.monotonic() - self.looked_at < TRUSTED_SECONDS


_memory = _Memory()
_looking = Lock()


def in_force() -> InForce | None:
    """The policy in force, at most a second old; None before one was published."""
    if not _memory.is_fresh():
        with _looking:
            if not _memory.is_fresh():
                _look()
    return _memory.known


def as_if(document: Mapping[str, Any]) -> InForce:
    """A document as if it were in force. Its generation is its own, so that nothing takes it for a published one."""
    policy = policy_of(document)
    generation = -1 - crc32(msgspec.json.encode(policy))
    return _made_of(0, generation, policy)


def version_in_force() -> int:
    """The number of the version in force; 0 before one was published."""
    found = in_force()
    return 0 if found is None else found.version


def lowest_tier(provider: str, model: str) -> str:
    """The cheapest tier that holds a model, by its canonical provider and its name; "" when none does."""
    found = in_force()
    return "" if found is None else found.tiers.get((provider, model), "")


def tier_ceiling(name: str) -> Decimal | None:
    """The most that 1,000 tokens may cost in the tier of this name, in USD; None where the policy does not say."""
    found = in_force()
    tiers = () if found is None else found.policy.tiers
    cap = next((tier.max_cost_per_1k_tokens for tier in tiers if tier.name == name), None)
    return None if cap is None else Decimal(cap)


def tiers_from(name: str) -> list[tuple[str, str]]:
    """The tier of this name and those above it, each with its first model as people know it; cheapest first."""
    found = in_force()
    names = found.policy.tier_names() if found else []
    if found is None or name not in names:
        return []
    tiers = found.policy.tiers[names.index(name) :]
    return [(tier.name, "/".join(tier.models[0].key)) for tier in tiers if tier.models]


def look_again() -> None:
    """Ask the database at the next use."""
    _memory.looked_at = None


def forget() -> None:
    """Empty the memory: for tests, whose databases change under the process."""
    _memory.__init__()  # type: ignore[misc]


def _look() -> None:
    state = RoutingState.objects.first()
    if state is None or state.version is None:
        _memory.known, _memory.generation = None, -1
    elif state.generation != _memory.generation or _memory.known is None:
        document = PolicyVersion.objects.values_list("document", flat=True).get(version=state.version)
        policy = policy_of(document)
        _memory.known = _made_of(state.version, state.generation, policy)
        _memory.generation = state.generation
    _memory.looked_at = time.monotonic()


def _made_of(version: int, generation: int, policy: Policy) -> InForce:
    tiers, weights = _lowest_tiers(policy), weights_of(policy)
    return InForce(version, generation, policy, tiers, weights, policy.agents_named(), policy.projects_named())


def _lowest_tiers(policy: Policy) -> dict[ModelKey, str]:
    tiers: dict[ModelKey, str] = {}
    for tier in policy.tiers:
        for model in tier.models:
            tiers.setdefault((canonical_provider(model.provider), model.name), tier.name)
    return tiers
