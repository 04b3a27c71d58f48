"""Quality by model and task type in the memory of this process, looked at again every few seconds by its version."""

import time
from collections.abc import Mapping
from threading import Lock

from apps.costs.domain.providers import canonical_provider
from apps.routing.domain.candidates import Quality
from apps.routing.domain.policy import ModelKey, Policy
from apps.routing.domain.quality import quality_of as as_quality
from apps.routing.models import ModelQuality, QualityState

TRUSTED_SECONDS = 5
_NANOSECONDS = 1_000_000_000
_NOTHING: Mapping[ModelKey, Quality] = {}


class _Memory:
    def __init__(self) -> None:
        self.version = -1
        self.by_task_type: dict[str, dict[ModelKey, Quality]] = {}
        self.looked_at: int | None = None

    def is_fresh(self) -> bool:
        return self.looked_at is not None and time.monotonic_ns() - self.looked_at < TRUSTED_SECONDS * _NANOSECONDS


_memory = _Memory()
_looking = Lock()


def qualities(task_type: str | None) -> Mapping[ModelKey, Quality]:
    """How models do at a task type, or at all tasks for None; `n` says on how many judged tasks that stands.

    A model that is missing has no outcome there. One with fewer than `candidates.KNOWN_FROM` is there, and unknown.
    """
    if not _memory.is_fresh():
        with _looking:
            if not _memory.is_fresh():
                _look()
    return _memory.by_task_type.get(task_type or "", _NOTHING)


def quality_of(model: ModelKey, task_type: str | None) -> Quality | None:
    """How one model, by canonical provider and name, does at a task type; None without any outcome."""
    return qualities(task_type).get(model)


def qualities_of(policy: Policy, task_type: str | None) -> dict[ModelKey, Quality]:
    """How the models of a policy do, by their names as the policy writes them."""
    return as_named(policy, qualities(task_type))


def as_named(policy: Policy, known: Mapping[ModelKey, Quality]) -> dict[ModelKey, Quality]:
    """What is known by canonical provider and name, by the names of a policy's models as it writes them."""
    keys = [model.key for tier in policy.tiers for model in tier.models]
    named = {key: (canonical_provider(key[0]), key[1]) for key in keys}
    return {key: known[stored] for key, stored in named.items() if stored in known}


def forget() -> None:
    """Empty the memory: for tests, whose databases change under the process."""
    _memory.__init__()  # type: ignore[misc]


def _look() -> None:
    version = QualityState.objects.values_list("version", flat=True).first() or 0
    if version != _memory.version:
        found: dict[str, dict[ModelKey, Quality]] = {}
        rows = ModelQuality.objects.filter(mean__isnull=False)
        for row in rows.values_list("task_type", "provider", "name", "mean", "lower", "n"):
            task_type, provider, name, mean, lower, n = row
            assert mean is not None
            assert lower is not None
            found.setdefault(task_type, {})[provider, name] = as_quality(mean, lower, n)
        _memory.by_task_type, _memory.version = found, version
    _memory.looked_at = time.monotonic_ns()
