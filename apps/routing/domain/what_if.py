"""Stored decisions asked again under two policies: how many would move between tiers, and what they would cost."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from apps.costs.domain.providers import canonical_provider

from .asked import Asked
from .candidates import Quality
from .complexity import Complexity
from .conversation import NO_CONVERSATION
from .deciding import CostOf, Known, Sizes, choose
from .exploring import expected_extra
from .policy import ModelKey, Policy
from .tally import Group


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision as it is kept: the score and the question without the message."""

    score: Decimal
    asked: Mapping[str, Any]


def as_scored(score: Decimal) -> Complexity:
    """A stored score as the choice takes it: its factors played their part already."""
    return Complexity(float(score), 1.0, ())


def band_of(policy: Policy, score: Decimal) -> str:
    """The tier that a stored score belongs to."""
    return policy.tier_of_score(float(score)).name


@dataclass(slots=True)
class Comparison:
    """What a policy does with stored questions, beside another; costs in femto-dollars, of the calls both priced."""

    asked: int = 0
    unpriced: int = 0
    cost_before: int = 0
    cost_after: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed_models: int = 0
    blocked_by: Counter[str] = field(default_factory=Counter)
    exploring: int = 0
    """What exploring is expected to cost more under the policy after, in femto-dollars; below 0 it saves."""
    groups: Counter[tuple[Group, Group]] = field(default_factory=Counter)
    """How often which model at which task type, before and after."""

    @property
    def moved(self) -> int:
        """Decisions whose tier would be another."""
        return sum(count for (before, after), count in self.moves.items() if before != after)


def compare(
    decisions: Iterable[Stored], before: Policy, after: Policy, *, now: datetime, cost_of: CostOf,
    windows_of: Callable[[Policy], Mapping[ModelKey, int | None]],
    qualities_of: Callable[[Policy, str | None], Mapping[ModelKey, Quality]] = lambda policy, task_type: {},
) -> Comparison:  # fmt: skip
    """Ask every stored question under both policies, all models healthy, each as the first of its conversation."""
    told = Comparison()
    windows = {id(policy): windows_of(policy) for policy in (before, after)}
    for one in decisions:
        asked = msgspec.convert({name: value for name, value in one.asked.items() if name != "sizes"}, Asked)
        sizes = Sizes(**one.asked["sizes"])
        choices = [
            choose(
                asked,
                policy,
                as_scored(one.score),
                Known(now, cost_of, windows[id(policy)], {}, qualities_of(policy, asked.task_type), NO_CONVERSATION),
                sizes,
                is_user_turn=True,
                trial=0,
            )
            for policy in (before, after)
        ]
        was, then = (choice.selection for choice in choices)
        told.exploring += expected_extra(choices[1].chances)
        told.asked += 1
        told.moves[(was.chosen.tier if was.chosen else "none", then.chosen.tier if then.chosen else "none")] += 1
        if was.chosen and then.chosen:
            told.groups[_group(was.chosen.model, asked.task_type), _group(then.chosen.model, asked.task_type)] += 1
        told.changed_models += (was.chosen and was.chosen.model) != (then.chosen and then.chosen.model)
        if was.chosen is None or then.chosen is None or was.chosen.cost is None or then.chosen.cost is None:
            told.unpriced += 1
        else:
            told.cost_before += was.chosen.cost
            told.cost_after += then.chosen.cost
    return told


def _group(model: ModelKey, task_type: str | None) -> Group:
    return f"{canonical_provider(model[0])}/{model[1]}", task_type or ""
