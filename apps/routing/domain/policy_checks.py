"""What of a policy cannot work: edges, names, and models that their tier's cap, prices or limits leave out.

A problem that blocks keeps a draft from being published.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.costs.domain.money_format import format_money
from apps.costs.domain.pricing.plain import rate_text

from .conversation_budget import has_budget
from .policy import ModelKey, Policy, PolicyModel, Tier
from .policy_secrets import secret_in
from .retirements import announced_end, retirement_of

TYPICAL_INPUT, TYPICAL_OUTPUT = 1200, 300
"""The tokens of the call by which a cap is judged before any real call is known."""


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """What the price book says of a model now. Prices in USD; None is unknown."""

    input_usd_per_mtok: Decimal | None
    output_usd_per_mtok: Decimal | None
    per_1k_usd: Decimal | None
    context_window: int | None = None
    is_deprecated: bool = False


UNKNOWN = PriceFacts(None, None, None)
Prices = Mapping[ModelKey, PriceFacts]


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not work: where, a code for programs, a sentence for people, and whether it blocks publishing."""

    path: str
    code: str
    message: str
    blocks: bool = True


def problems_of(policy: Policy, prices: Prices) -> list[Problem]:
    """Every problem of a policy at these prices, those of its shape first."""
    of_tiers = (problem for tier in policy.tiers for problem in _of_tier(tier, prices))
    return [*_secrets(policy), *_shape(policy), *of_tiers]


def why_left_out(model: PolicyModel, tier: Tier, facts: PriceFacts) -> tuple[str, str] | None:
    """The code and sentence of why a model cannot be chosen from its tier; None when it can."""
    named = f"{model.provider}/{model.name}"
    if retired := retirement_of(model.provider, model.name):
        return "retired", f"{named} was retired on {retired}: its provider answers no calls."
    if facts.per_1k_usd is None:
        return "unpriced", f"The price book has no price for {named}, so no cap or budget can be kept."
    cap = tier.max_cost_per_1k_tokens
    if cap is not None and facts.per_1k_usd > Decimal(cap):
        rates = f"${_rate(facts.input_usd_per_mtok)} in and ${_rate(facts.output_usd_per_mtok)} out per million tokens"
        each = f"${rate_text(facts.per_1k_usd.quantize(Decimal('0.000001')))}"
        return "over_cap", f"{named} costs {rates}, {each} per 1k tokens of a typical call: over the cap of ${cap}."
    window = model.context_window or facts.context_window
    if tier.min_context_tokens is not None and (window or 0) < tier.min_context_tokens:
        known = f"{window:,} tokens" if window else "of unknown size"
        return "context", f"The context window of {named} ({known}) is below the tier's {tier.min_context_tokens:,}."
    return None


def _secrets(policy: Policy) -> Iterator[Problem]:
    """A draft from before these were refused may still have one."""
    if found := secret_in(policy):
        yield Problem(found[0], "secret", found[1])


def _shape(policy: Policy) -> Iterator[Problem]:
    names = policy.tier_names()
    if not names:
        yield Problem("tiers", "no_tiers", "A policy needs at least one tier.")
    for name, times in Counter(names).items():
        if times > 1:
            yield Problem(f"tiers.{name}", "twice", f"The tier {name} is there {times} times.")
    yield from _edges(policy.tiers)
    if names and policy.default_tier not in names:
        yield Problem("default_tier", "unknown_tier", f"The default tier {policy.default_tier} is none of the tiers.")
    for number, rule in enumerate(policy.rules):
        if rule.tier is not None and rule.tier not in names:
            yield Problem(f"rules.{number}.tier", "unknown_tier", f"A rule names the tier {rule.tier}, which is none.")
        if rule.tier is None and not rule.providers:
            yield Problem(f"rules.{number}", "idle_rule", "A rule sets neither a tier nor providers.")
    if policy.model_routing_budget_per_conversation is not None and not has_budget(policy):
        message = "A budget per conversation is over 0 USD; without one there is no limit."
        yield Problem("model_routing_budget_per_conversation", "no_budget", message)
    split = policy.context.history_split
    if abs(split.current + split.topics + split.bulks - 1) > 1e-6:
        yield Problem("context.history_split", "not_whole", "The parts of the history must add up to 1.")


def _edges(tiers: Sequence[Tier]) -> Iterator[Problem]:
    lower = 0.0
    for tier in tiers:
        if tier.upper <= lower:
            message = f"The range of {tier.name} ends at {tier.upper:g}, where it begins or before ({lower:g})."
            yield Problem(f"tiers.{tier.name}.upper", "edges", message)
        lower = tier.upper


def _of_tier(tier: Tier, prices: Prices) -> Iterator[Problem]:
    path = f"tiers.{tier.name}"
    for key, times in Counter(model.key for model in tier.models).items():
        if times > 1:
            yield Problem(path, "twice", f"{'/'.join(key)} is in {tier.name} {times} times.")
    left_out = []
    for model in tier.models:
        facts = prices.get(model.key, UNKNOWN)
        if reason := why_left_out(model, tier, facts):
            left_out.append(reason)
            yield Problem(f"{path}.{model.provider}/{model.name}", reason[0], reason[1], blocks=False)
        elif facts.is_deprecated:
            message = f"{model.provider}/{model.name} is deprecated by its provider."
            yield Problem(f"{path}.{model.provider}/{model.name}", "deprecated", message, blocks=False)
        if not retirement_of(*model.key) and (end := announced_end(*model.key)):
            named = f"{model.provider}/{model.name}"
            yield Problem(f"{path}.{named}", "ends", f"{named}: {end.told}", blocks=False)
    if len(left_out) == len(tier.models):
        why = " ".join(message for _, message in left_out) or "It has none."
        yield Problem(path, "empty_tier", f"The tier {tier.name} is left without a model. {why}")


def _rate(rate: Decimal | None) -> str:
    return "?" if rate is None else format_money(rate)
