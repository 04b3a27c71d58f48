"""One sentence for a person: why this model."""

from .candidates import BudgetLimit, Candidate, Wanted
from .pacing import NOTED
from .selection import Selection

_WHY = {
    "unhealthy": "its models fail at the moment",
    "recovering": "its models are being tried again after failures",
    "rate_limited": "its models have reached a limit of the last minute",
    "context_window": "the conversation does not fit into its models",
    "not_allowed": "the rule allows other providers only",
    "unpriced": "its models have no price",
    "over_cap": "the call would cost more than its cap",
    "failed": "its models have failed for this ask",
    "over_max_cost": "the call would cost more than was asked for",
    "over_budget": "the call would cost more than the budget has left",
    "below_quality": "its models are known to succeed too rarely",
    "known_quality": "a cheaper model is known to do this well enough",
    "better_quality": "another model is worth more by the strategy",
    "premium_cheaper": "the top tier costs less for this call",
    "dominated": "another model is no worse and no dearer",
    "budget": "a budget asks for a cheaper tier",
    "conversation_budget": "the conversation has used up its budget",
    "no_model": "it has no model",
    "explored": "the policy lets a small share of calls try another model",
}
_WHAT_ANSWERS = "the first that answers, or one that is no worse and no dearer,"
_PLAIN = {
    "tier_of_score": "{model}: the {tier} tier is that of the ask's complexity.",
    "tier_of_rule": "{model}: a rule of the policy sends this to the {tier} tier.",
    "cheapest_meeting_quality": "{model}: the cheapest that meets the quality asked for.",
    "best_value": "{model}: the best quality for its cost.",
    "best_quality": "{model}: the best quality that is known.",
    "explored": "{model}: tried for comparison, as the policy lets a small share of calls.",
    "held": "{model}: the turn goes on with the model it began with.",
    "dominates": "{model}: no worse and no dearer than the others of its tier.",
    "quality_before_budget": "{model}: a budget asks for a cheaper tier, but the policy puts quality first.",
}


def sentence(selection: Selection, wanted: Wanted) -> str:
    """Why the choice is what it is."""
    chosen, code = selection.chosen, selection.reason_code
    if chosen is None:
        return "No model of the policy can serve this call: it needs an ability or a provider that none has."
    if code == "no_feasible_model":
        return f"{_named(chosen)}: nothing met quality, limits and budget, so {_WHAT_ANSWERS} was taken."
    if code in _PLAIN:
        text = _PLAIN[code].format(model=_named(chosen), tier=chosen.tier)
    elif selection.lowered_from is not None:
        text = _lowered(chosen, selection.lowered_from, wanted.budget)
    elif code.startswith("escalated_from_"):
        text = f"{_named(chosen)}: one tier up, because {code.removeprefix('escalated_from_')} failed."
    else:
        left, why = _left(code, selection)
        text = f"{_named(chosen)} of {chosen.tier} instead of {left}: {_why(why)}."
    return text + _paced(wanted) + _caveat(selection, wanted)


def _paced(wanted: Wanted) -> str:
    """What a budget's pace changed, where the strategy weighs money by it."""
    if wanted.strategy != "balanced" or 1 / NOTED < wanted.pace < NOTED:
        return ""
    how = "faster" if wanted.pace > 1 else "more slowly"
    times = f"{wanted.pace:.1f}".removesuffix(".0")
    return f" Money weighs {times} times: the budget “{wanted.pace_name}” is used {how} than its time passes."


def _lowered(chosen: Candidate, left: Candidate, budget: BudgetLimit | None) -> str:
    """Which budget sent the call down, from where to where, and until when."""
    name = f"the budget “{budget.name}”" if budget else "a budget"
    at = budget.ends_at if budget else None
    ends = f"until {at:%b %d, %H:%M} UTC" if at else "until it is raised"
    return f"{_named(chosen)} of {chosen.tier} instead of {_named(left)} of {left.tier}: {name} asks for it {ends}."


def _named(one: Candidate) -> str:
    return "/".join(one.model)


def _left(code: str, selection: Selection) -> tuple[str, str]:
    """The tier that a code says was left, and why; names of tiers may have underscores too."""
    rest = code.removeprefix("left_")
    tiers = {tier for tier, _, _ in selection.verdicts if rest.startswith(f"{tier}_")}
    tier = max(tiers, key=len, default=rest.partition("_")[0])
    return tier, rest.removeprefix(f"{tier}_")


def _why(why: str) -> str:
    if why.startswith("lacks_"):
        return f"its models lack {why.removeprefix('lacks_').replace('_', ' and ')}"
    return _WHY.get(why, why.replace("_", " "))


def _caveat(selection: Selection, wanted: Wanted) -> str:
    if not selection.is_below_quality:
        return ""
    is_known = selection.chosen is not None and selection.chosen.known is not None
    told = "This is below the quality threshold" if is_known else "Whether it meets the quality threshold is unknown"
    if selection.lowered_from is None:
        return f" {told}."
    by = f" “{wanted.budget.name}”" if wanted.budget is not None else ""
    return f" {told}; the policy lets the budget{by} win."


_VERDICTS = {
    "dearer": "costs more",
    "another_tier": "quality unknown, and of another tier",
    "not_preferred": "would do as well",
    "usual": "the usual choice",
    "below_quality": "known to succeed too rarely",
    "context_window": "the conversation does not fit",
    "not_allowed": "the rule allows other providers only",
    "unpriced": "has no price",
    "over_cap": "would cost more than the tier's cap",
    "failed": "failed for this ask",
    "unhealthy": "fails at the moment",
    "recovering": "is being tried again after failures",
    "rate_limited": "has reached a limit of the last minute",
    "over_max_cost": "would cost more than was asked for",
    "over_budget": "would cost more than the budget has left",
}


def verdict_words(verdict: str) -> str:
    """What became of a candidate, for a person."""
    if verdict.startswith("lacks_"):
        return f"lacks {verdict.removeprefix('lacks_').replace('_', ' and ')}"
    return _VERDICTS.get(verdict, verdict.replace("_", " "))
