"""Now and then another model that could take the call gets it, so that its quality becomes known.

A policy declares which share of decisions may do so, and how much more such a call may cost; without that nothing is
explored. Nothing is tried instead of what a person pinned, in a turn that goes on, after failures, under
`quality_first` or a budget that asks for less; and never what a filter refuses, or what is known to be too weak or
dominated. So the expected surcharge of a decision is at most share × amount.

Chances are whole millionths and add up to a million. A number below a million that is drawn for the decision picks one;
the lowest numbers pick the usual choice.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from .candidates import Candidate, Wanted
from .policy import ModelKey
from .selection import MOST_FALLBACKS, Selection, dominates, select

WHOLE = 1_000_000
TRIES_RECOVERING = WHOLE // 10
"""The chance that a decision may take a model whose breaker is half open."""
ABLE = frozenset({"dearer", "another_tier", "not_preferred"})
"""Verdicts on models that could have taken the call."""


class Exploring(msgspec.Struct, frozen=True):
    """The share of decisions that may explore, in millionths, and the femto-dollars such a call may cost more."""

    share: int = 0
    most_extra: int = 0


class Chance(msgspec.Struct, frozen=True):
    """A choice, and in how many of a million decisions it is taken."""

    selection: Selection
    share: int


def chances(wanted: Wanted, candidates: Sequence[Candidate], exploring: Exploring) -> list[Chance]:
    """All choices that a question may get."""
    usual = select(replace(wanted, tries_recovering=False) if wanted.tries_recovering else wanted, candidates)
    if not any(one.breaker == "half_open" for one in candidates):
        return _explored(wanted, candidates, usual, exploring, WHOLE)
    trying = select(replace(wanted, tries_recovering=True), candidates)
    return [
        *_explored(wanted, candidates, trying, exploring, TRIES_RECOVERING),
        *_explored(wanted, candidates, usual, exploring, WHOLE - TRIES_RECOVERING),
    ]


def drawn(among: Sequence[Chance], number: int) -> Chance:
    """The choice that a number below a million picks."""
    for chance in among:
        number -= chance.share
        if number < 0:
            return chance
    return among[-1]


def chance_of(among: Sequence[Chance], model: ModelKey) -> int:
    """The chance, in millionths, that a model is taken."""
    return sum(one.share for one in among if one.selection.chosen is not None and one.selection.chosen.model == model)


def expected_extra(among: Sequence[Chance]) -> int:
    """What exploring is expected to cost more than the usual choice, in femto-dollars; below 0 it saves."""
    usual, extra = among[0].selection.chosen, 0
    for one in among[1:]:
        chosen = one.selection.chosen
        if usual is not None and chosen is not None and usual.cost is not None and chosen.cost is not None:
            extra += one.share * (chosen.cost - usual.cost)
    return extra // WHOLE


def _explored(
    wanted: Wanted, candidates: Sequence[Candidate], usual: Selection, exploring: Exploring, whole: int
) -> list[Chance]:
    others = _others(wanted, candidates, usual, exploring)
    each = whole * exploring.share // WHOLE // len(others) if others else 0
    if not each:
        return [Chance(usual, whole)]
    rest = [Chance(_instead(wanted, usual, one), each) for one in others]
    return [Chance(usual, whole - each * len(rest)), *rest]


def _others(wanted: Wanted, candidates: Sequence[Candidate], usual: Selection, exploring: Exploring) -> list[Candidate]:
    chosen, budget = usual.chosen, wanted.budget
    if not exploring.share or chosen is None or usual.reason_code == "no_feasible_model":
        return []
    if wanted.strategy == "quality_first" or not wanted.is_user_turn or wanted.failed:
        return []
    if budget is not None and (budget.most_rank is not None or budget.is_cheapest):
        return []
    found = [one for one in candidates if _may_be_tried(wanted, usual, chosen, one, exploring)]
    by_model = {one.model: one for one in sorted(found, key=lambda one: (-one.rank, -one.position))}
    return sorted(by_model.values(), key=lambda one: (one.rank, one.position, one.model))


def _may_be_tried(wanted: Wanted, usual: Selection, chosen: Candidate, one: Candidate, exploring: Exploring) -> bool:
    if one.model == chosen.model or usual.verdicts.get(one.spot) not in ABLE:
        return False
    if one.cost is None or chosen.cost is None or one.cost - chosen.cost > exploring.most_extra:
        return False
    if wanted.budget is not None and wanted.budget.left is not None and 2 * one.cost > wanted.budget.left:
        return False  # what is held for a call is more than it is expected to cost
    if wanted.by_rule or one.known is None:
        # A rule's tier is not left; unknown quality strays from the score's by one tier at most.
        away = abs(one.rank - wanted.rank)
        if away > (0 if wanted.by_rule else 1):
            return False
    least, most = wanted.bounds
    if one.rank < least or most is not None and one.rank > most:
        return False
    return not dominates(usual.costs, chosen, one)


def _instead(wanted: Wanted, usual: Selection, one: Candidate) -> Selection:
    assert usual.chosen is not None
    left = one.rank != usual.chosen.rank
    fallbacks = (usual.chosen, *(other for other in usual.fallbacks if other.model != one.model))
    return replace(
        usual,
        chosen=one,
        reason_code=f"left_{usual.chosen.tier}_explored" if left else "explored",
        verdicts={**usual.verdicts, usual.chosen.spot: "usual", one.spot: "chosen"},
        fallbacks=fallbacks[:MOST_FALLBACKS],
        expected=usual.costs.get(one.spot, one.cost),
        is_below_quality=False,
        is_sticky=one.model == wanted.held,
    )
