"""What a decision answers: plain JSON values, money as strings."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from apps.costs.domain.money_format import format_money
from apps.costs.domain.pricing import femto_of, usd

from .asked import Model
from .candidates import Candidate, Spot
from .complexity import Complexity
from .deciding import Choice
from .exploring import WHOLE, chance_of
from .policy import ModelKey, Policy
from .reasons import sentence

TTL = timedelta(seconds=300)
MOST_EVIDENCE = 200


def routed(choice: Choice, policy: Policy, version: int, complexity: Complexity, identity: str) -> dict[str, Any]:
    """The answer when routing is on and no person pinned a model; `keep` when no model can serve the call."""
    selection, chosen = choice.selection, choice.selection.chosen
    return {
        "id": identity,
        "action": "route" if chosen else "keep",
        "tier": chosen.tier if chosen else None,
        "model": _named(chosen.model) if chosen else None,
        "fallbacks": [_named(one.model) for one in selection.fallbacks],
        "complexity": complexity_told(complexity),
        "expected": _expected(choice),
        "considered": _considered(choice),
        "reason_code": selection.reason_code,
        "reason": sentence(selection, choice.wanted),
        "below_quality": selection.is_below_quality,
        "budget": None,
        "budget_blocks": False,
        "downgrade": _downgrade(choice),
        "reservation": None,
        "compress": _compress(choice, policy),
        "policy_version": version,
        "ttl_s": int(TTL.total_seconds()),
        "sticky": selection.is_sticky,
        "propensity": chance_of(choice.chances, chosen.model) / WHOLE if chosen else 1,
    }


def kept(version: int, identity: str, code: str, reason: str, model: Model | None) -> dict[str, Any]:
    """The answer when a person's choice or a switch decides."""
    return {
        "id": identity,
        "action": "keep",
        "tier": None,
        "model": _named(model.key) if model else None,
        "fallbacks": [],
        "complexity": None,
        "expected": None,
        "considered": [],
        "reason_code": code,
        "reason": reason,
        "below_quality": False,
        "budget": None,
        "budget_blocks": False,
        "downgrade": None,
        "reservation": None,
        "compress": {"recommended": False, "target_tokens": None},
        "policy_version": version,
        "ttl_s": int(TTL.total_seconds()),
        "sticky": False,
        "propensity": 1,
    }


def blocked(answer: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The answer when a blocking budget is used up."""
    nothing: dict[str, Any] = {"model": None, "tier": None, "fallbacks": [], "expected": None, "reservation": None}
    nothing["downgrade"] = None
    return {**answer, **nothing, "action": "block", "reason_code": "budget_block", "reason": reason, "sticky": False}


def held(
    answer: Mapping[str, Any], choice: Choice, one: Candidate, reservation: Mapping[str, Any] | None, why: str | None
) -> dict[str, Any]:
    """The answer with its reservation; `why` says why the amount of the choice did not fit and `one` took its place."""
    told = {**answer, "reservation": reservation}
    chosen = choice.selection.chosen
    if why is None or chosen is None:
        return told
    fallbacks = [_named(each.model) for each in choice.selection.fallbacks if each is not one]
    return {
        **told,
        "model": _named(one.model),
        "tier": one.tier,
        "fallbacks": fallbacks,
        "expected": {"cost_usd": _money(one.cost), "with_escalation_usd": _money(one.cost), **_quality(one)},
        "reason_code": f"left_{chosen.tier}_over_budget",
        "reason": f"{'/'.join(one.model)} instead of {'/'.join(chosen.model)}: {why}",
        "below_quality": one.rank < chosen.rank,
        "downgrade": told["downgrade"] and {**told["downgrade"], "to": _placed(one)},
        "sticky": False,
    }


def _downgrade(choice: Choice) -> dict[str, Any] | None:
    """What a budget did to the choice: which one, from where to where, why, and until when (null: until it is raised).

    It ends earlier on a raise, an edit, or when spending falls below its level.
    """
    selection, budget = choice.selection, choice.wanted.budget
    if selection.lowered_from is None or selection.chosen is None or budget is None:
        return None
    return {
        "budget_id": None if budget.budget_id is None else str(budget.budget_id),
        "budget": budget.name,
        "from": _placed(selection.lowered_from),
        "to": _placed(selection.chosen),
        "reason_code": budget.why,
        "ends_at": budget.ends_at and budget.ends_at.isoformat().replace("+00:00", "Z"),
    }


def _placed(one: Candidate) -> dict[str, str]:
    return {"tier": one.tier, **_named(one.model)}


def complexity_told(complexity: Complexity) -> dict[str, Any]:
    """The score with its factors."""
    return {
        "score": round(complexity.score, 4),
        "confidence": round(complexity.confidence, 4),
        "factors": [
            {
                "name": factor.name,
                "value": round(factor.value, 4),
                "contribution": round(factor.contribution, 4),
                "evidence": factor.evidence[:MOST_EVIDENCE],
            }
            for factor in complexity.factors
        ],
    }


def _named(model: ModelKey) -> dict[str, str]:
    return {"provider": model[0], "name": model[1]}


def _money(femto: int | None) -> str | None:
    return None if femto is None else format_money(usd(femto))


def _quality(one: Candidate) -> dict[str, Any]:
    known = one.known
    return {
        "quality": round(known.mean, 4) if known else None,
        "quality_lower": round(known.lower, 4) if known else None,
        "n": one.quality.n if one.quality else 0,
    }


def _expected(choice: Choice) -> dict[str, Any] | None:
    chosen = choice.selection.chosen
    if chosen is None:
        return None
    return {
        "cost_usd": _money(chosen.cost),
        "with_escalation_usd": _money(choice.selection.expected),
        **_quality(chosen),
    }


def _considered(choice: Choice) -> list[dict[str, Any]]:
    told = []
    chances: dict[Spot, int] = {}
    for chance in choice.chances:
        if (chosen := chance.selection.chosen) is not None:
            chances[chosen.spot] = chances.get(chosen.spot, 0) + chance.share
    for one in choice.candidates:
        verdict = choice.selection.verdicts[one.spot]
        told.append(
            {
                **_named(one.model),
                "tier": one.tier,
                "cost_usd": _money(one.cost),
                **_quality(one),
                "verdict": verdict,
                "chance": chances.get(one.spot, 0) / WHOLE,
            }
        )
    return told


def _compress(choice: Choice, policy: Policy) -> Mapping[str, Any]:
    """Recommended when the context leaves its share of the window, or costs more than the policy says is little."""
    chosen, settings, sizes = choice.selection.chosen, policy.compression, choice.sizes
    if chosen is None or not sizes.history_tokens:
        return {"recommended": False, "target_tokens": None}
    target = round(sizes.history_tokens * (1 - settings.target_reduction))
    room = None if choice.window is None else int(choice.window * choice.context_share)
    if room is not None and sizes.context_tokens > room:
        return {"recommended": True, "target_tokens": min(room, target)}
    tokens = sizes.input_tokens + sizes.output_tokens
    is_dear = chosen.cost is not None and chosen.cost * 1000 >= femto_of(settings.min_cost_per_1k_tokens) * tokens
    return {"recommended": is_dear, "target_tokens": target if is_dear else None}
