"""What budgets say of a call before it is made: the limit on the choice, the block, and the amount to hold."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from apps.budgets.domain.scopes import Facts
from apps.budgets.domain.states import BudgetRefused, BudgetState, Denial, Unit
from apps.budgets.domain.thresholds import Action
from apps.budgets.selectors import matching
from apps.budgets.selectors.states import contacts_of
from apps.budgets.services.reserving import Together, reserve
from apps.costs.domain.money_format import format_money
from apps.costs.domain.pricing import femto_of, usd
from apps.costs.domain.providers import canonical_provider
from apps.routing.domain.candidates import BudgetLimit, Candidate
from apps.routing.domain.deciding import Sizes
from apps.routing.domain.pacing import STEADY, Pace, Used, pace_of
from apps.routing.domain.policy import ModelKey, Policy

HELD_PERCENT = 150
"""A reservation is so much of the expected cost: answers are sometimes longer than expected."""


class Standing(msgspec.Struct, frozen=True):
    """How budgets stand for a question: the binding one, why nothing may be spent, and what the choice must keep to."""

    told: dict[str, Any] | None = None
    blocked: str | None = None
    limit: BudgetLimit | None = None
    pace: Pace = STEADY


class Held(msgspec.Struct, frozen=True):
    """A reservation as the answer tells it; or the sentence of why there is none."""

    told: dict[str, Any] | None = None
    refused: str | None = None
    is_repeat: bool = False


def standing(states: Sequence[BudgetState], policy: Policy | None, *, now: datetime) -> Standing:
    """What the budgets that apply, tightest first, mean for the choice."""
    if not states:
        return Standing()
    told = _plain(states[0].told())
    blocking = next((state for state in states if state.action == Action.BLOCK), None)
    if blocking is not None:
        contacts = contacts_of(blocking)
        sentence = Denial("budget", Decimal(0), blocking, raise_contacts=contacts).sentence
        return Standing({**_plain(blocking.told()), "raise_contacts": list(contacts)}, sentence, None)
    return Standing(told, None, _limit(states, policy) if policy else None, _pace(states, now))


def hold(
    facts: Facts,
    one: Candidate,
    sizes: Sizes,
    amount: Decimal,
    *,
    identity: str,
    parent_id: str | None,
    key_id: int | None,
    seconds: int | None,
    together: Together,
) -> Held:
    """Hold the amount for a call to this model, and write the decision with it. Outside of a transaction.

    It holds for `seconds`, or as long as is usual.

    A repeat is a reservation that stood before, with which nothing was written.
    """
    known = _with_model(facts, one)
    try:
        made = reserve(
            facts=known, amount_usd=amount, id=identity, parent_id=parent_id, key_id=key_id,
            ttl_seconds=seconds, tokens=sizes.input_tokens + sizes.output_tokens, together=together,
        )  # fmt: skip
    except BudgetRefused as refusal:
        return Held(refused=refusal.denial.sentence)
    expires = made.expires_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    told = {"id": made.id, "amount_usd": format_money(made.amount_usd), "expires_at": expires}
    return Held(told, is_repeat=not made.is_new)


def amount_to_hold(one: Candidate, sizes: Sizes) -> Decimal:
    """What is held for a call; an unpriced one holds its tier's ceiling, and no money when that has none.

    Budgets of calls and tokens hold theirs all the same.
    """
    femto = one.cost
    if femto is None:
        femto = (one.cap or 0) * (sizes.input_tokens + sizes.output_tokens) // 1000
    return usd(femto * HELD_PERCENT // 100)


def may_block(facts: Facts) -> bool:
    """Whether a budget that blocks applies to a call, to whichever model it goes."""
    return matching.matcher().may_block(facts)


def own_model(model: ModelKey | None, policy: Policy, cost: int | None) -> Candidate:
    """What the agent goes on with itself, as far as it said, in the lowest tier that holds it."""
    ceilings = [tier for tier in policy.tiers if model in {one.key for one in tier.models}]
    tier = ceilings[0] if ceilings else None
    cap = None if tier is None or tier.max_cost_per_1k_tokens is None else femto_of(tier.max_cost_per_1k_tokens)
    return Candidate(model or ("", ""), tier.name if tier else "", 0, 0, cost, cap)


def _with_model(facts: Facts, one: Candidate) -> Facts:
    provider, model = one.model
    return replace(
        facts, provider=canonical_provider(provider) if provider else None, model=model or None, tier=one.tier or None
    )


def _limit(states: Sequence[BudgetState], policy: Policy) -> BudgetLimit | None:
    """The lowest tier that any budget asks for, whether one asks for the cheapest, and the least that is left."""
    names = policy.tier_names()
    asked = [(rank, state) for state in states if (rank := _rank(state, names)) is not None]
    left = [(room, state) for state in states if (room := _room(state)) is not None]
    is_cheapest = any(state.action == Action.CHEAPEST for state in states)
    if not asked and not left and not is_cheapest:
        return None
    rank, by = min(asked, key=lambda one: one[0], default=(None, None))
    least, tightest = min(left, key=lambda one: one[0], default=(None, None))
    named = by or tightest
    return BudgetLimit(
        named.name if named else "",
        "conversation_budget" if named and named.each == "conversation" else "budget",
        rank,
        None if least is None else int(least.scaleb(15)),
        is_cheapest,
        named.budget_id if named else None,
        named.resets_at if named else None,
    )


def _pace(states: Sequence[BudgetState], now: datetime) -> Pace:
    """How fast the budgets are used; what holds this call up in no case says nothing, nor do rolling days."""
    rules = matching.matcher().by_id
    counting = [
        state
        for state in states
        if not (state.exempt or state.paused)
        and (rule := rules.get(state.budget_id)) is not None
        and not matching.is_rolling(rule)
    ]
    return pace_of(
        (
            Used(state.name, state.limit, state.spent + state.reserved, state.starts_at, state.resets_at)
            for state in counting
        ),
        now,
    )


def _rank(state: BudgetState, names: Sequence[str]) -> int | None:
    if state.action == Action.DOWNGRADE:
        return names.index(state.tier) if state.tier in names else 0
    return None


def _room(state: BudgetState) -> Decimal | None:
    """What a budget that blocks has left, in USD; None for one that holds nothing up."""
    if state.unit != Unit.USD or state.ceiling is None or state.exempt or state.paused:
        return None
    return state.ceiling - state.spent - state.reserved


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {name: _instant(value) if isinstance(value, datetime) else value for name, value in told.items()}


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
