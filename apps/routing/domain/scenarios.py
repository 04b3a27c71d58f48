"""What a what-if changes: settings of a policy, and calls moved from one model to another."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from .policy import ModelKey, Strategy


class BadScenario(ValueError):
    """The scenario cannot be: `path` names the field."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Move:
    """Calls of one model that another would take; only those of a task type, if one is named."""

    source: ModelKey
    target: ModelKey
    task_type: str = ""

    @property
    def words(self) -> str:
        """As a person reads it."""
        only = f" for {self.task_type}" if self.task_type else ""
        return f"{'/'.join(self.source)} → {'/'.join(self.target)}{only}"


@dataclass(frozen=True, slots=True)
class Only:
    """The calls that are replayed: those of an agent, by its ids in the projects that have it, and of a task type.

    None and "" are all of them.
    """

    agent: str = ""
    agent_ids: frozenset[int] | None = None
    task_type: str | None = None

    def has(self, agent_id: int, task_type: str) -> bool:
        """Whether a call is one of these."""
        return (self.agent_ids is None or agent_id in self.agent_ids) and self.task_type in (None, task_type)

    @property
    def words(self) -> list[str]:
        """As a person reads them."""
        agent = [f"agent {self.agent}"] if self.agent else []
        return agent + ([] if self.task_type is None else [f"task type {self.task_type}"])

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        ids = None if self.agent_ids is None else sorted(self.agent_ids)
        return {"agent": self.agent, "agent_ids": ids, "task_type": self.task_type} if self.words else {}


def only_of(plain: Mapping[str, Any]) -> Only:
    """What `Only.as_plain` wrote."""
    ids = plain.get("agent_ids")
    return Only(plain.get("agent", ""), None if ids is None else frozenset(ids), plain.get("task_type"))


@dataclass(frozen=True, slots=True)
class Changes:
    """Settings that differ from the policy: by tier its cap (None lifts it) and its upper edge."""

    caps: Mapping[str, str | None] = field(default_factory=dict)
    uppers: Mapping[str, float] = field(default_factory=dict)
    strategy: Strategy | None = None
    quality_threshold: float | None = None

    def __bool__(self) -> bool:
        return bool(self.caps or self.uppers or self.strategy or self.quality_threshold is not None)

    @property
    def words(self) -> list[str]:
        """Each change as a person reads it."""
        found = [f"cap of {tier} {f'${cap}' if cap else 'lifted'}" for tier, cap in self.caps.items()]
        found += [f"{tier} up to {upper:g}" for tier, upper in self.uppers.items()]
        found += [f"strategy {self.strategy}"] if self.strategy else []
        return found + ([] if self.quality_threshold is None else [f"quality threshold {self.quality_threshold:g}"])


def changed(document: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """A policy document with the changes in it. Raises BadScenario for a tier it does not have."""
    found: dict[str, Any] = deepcopy(dict(document))
    tiers = {tier["name"]: tier for tier in found["tiers"]}
    for path, named in (("caps", changes.caps), ("thresholds", changes.uppers)):
        if unknown := sorted(set(named) - set(tiers)):
            raise BadScenario(f"The policy has no tier {unknown[0]}.", path)
    for name, cap in changes.caps.items():
        tiers[name]["max_cost_per_1k_tokens"] = cap
    for name, upper in changes.uppers.items():
        tiers[name]["upper"] = upper
    if changes.strategy is not None:
        found["model_routing_strategy"] = changes.strategy
    if changes.quality_threshold is not None:
        found["model_routing_quality_threshold"] = changes.quality_threshold
    return found


def with_moves(document: Mapping[str, Any], moves: Sequence[Move]) -> tuple[dict[str, Any], int]:
    """A policy document in which each moved model is replaced in every tier, and how often one was.

    Abilities stay; limits, keys and parameters belonged to the model that is left.
    """
    found: dict[str, Any] = deepcopy(dict(document))
    replaced = 0
    for tier in found["tiers"]:
        models: list[dict[str, Any]] = []
        for model in tier["models"]:
            key = (model["provider"], model["name"])
            target = next((move.target for move in moves if move.source == key), None)
            replaced += target is not None
            models.append(model if target is None else _instead(model, target))
        seen: set[ModelKey] = set()
        keys = [(model["provider"], model["name"]) for model in models]
        tier["models"] = [
            model
            for model, key in zip(models, keys, strict=True)
            if not (key in seen or seen.add(key))  # type: ignore[func-returns-value]
        ]
    return found, replaced


def _instead(model: Mapping[str, Any], target: ModelKey) -> dict[str, Any]:
    kept = {"supports": model["supports"]} if "supports" in model else {}
    return {"provider": target[0], "name": target[1], **kept}
