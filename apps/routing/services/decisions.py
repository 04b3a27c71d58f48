"""Decides which model takes a call.

Reads: policy, prices and states from memory; budgets, the conversation and the key in one trip. Writes: one statement,
which keeps the decision and, if it is asked for, holds what the call may cost.
"""

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from django.conf import settings

from apps.access.domain.errors import Conflict, NotAllowed
from apps.access.domain.identity import Caller
from apps.access.selectors.places import project_id_of
from apps.access.services import places
from apps.access.services.known_keys import KnownKey, confirmed
from apps.budgets.domain.scopes import Facts
from apps.costs.domain import tokens
from apps.costs.domain.money_format import format_money
from apps.costs.services.ingest.reading import new_id
from apps.routing.domain import answers
from apps.routing.domain.asked import SCANNED, Asked
from apps.routing.domain.candidates import Candidate
from apps.routing.domain.complexity import Ask, Complexity, ConversationState, Weights, analyze
from apps.routing.domain.conversation import Conversation
from apps.routing.domain.deciding import DEFAULT_OUTPUT, Known, Sizes, choose
from apps.routing.domain.exploring import WHOLE
from apps.routing.domain.policy import ModelKey
from apps.routing.selectors.catalogue import Catalogue, catalogue_of
from apps.routing.selectors.decisions import answer_of
from apps.routing.selectors.health import states
from apps.routing.selectors.in_force import InForce, in_force
from apps.routing.selectors.quality import qualities_of
from apps.routing.selectors.seen import Seen, see
from apps.routing.services.budgeted import Held, Standing, amount_to_hold, hold, may_block, own_model, standing
from apps.routing.services.keeping import Asking, Reached, keep, together_with_hold

COUNTED_AS = "gpt-4.1"
PREVIEW = "not kept"
"""The id of an answer that is not kept and holds nothing: with a blank, which no id of a question has."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, and whether it was given before under the same id."""

    answer: dict[str, Any]
    is_repeat: bool = False


def decide(*, caller: Caller, asked: Asked, now: datetime) -> Decided:
    """Answer a question and keep the decision; the same id with the same question gets the same answer.

    Raises NotAllowed when the key may not ask for the project or agent, Conflict for an id used for another question.
    """
    asking = _placed(caller, asked, now)
    seen = see(asking.facts, role=asked.role or "", decision_id=asked.id, now=now)
    assert seen is not None
    return _decided(asking, seen)


def decide_for_key(*, known: KnownKey, asked: Asked, now: datetime) -> Decided | None:
    """The same in fewer trips, for a key that was right before, which the trip that reads confirms.

    None, with nothing told or changed, when it is not as it was, or the project or agent is new to this process.
    """
    asked = _named(known.caller, asked)
    place = places.known_place(asked.project or "", asked.agent or "")
    if place is None or not known.caller.sees_project(place.project_id):
        return None
    asking = _asking(known.caller, asked, place.project_id, place.agent_id, now)
    seen = see(asking.facts, role=asked.role or "", decision_id=asked.id, now=now, digest=known.digest)
    if not confirmed(known, seen.holder if seen else None, places_version=place.version):
        return None
    assert seen is not None
    return _decided(asking, seen)


def _decided(asking: Asking, seen: Seen) -> Decided:
    if seen.before is not None:
        return _repeated(asking, seen.before)
    asking = _with_ask(asking, seen.conversation)
    found = in_force()
    answer, reached = _answer(asking, found, seen)
    if asking.asked.reserve and found is not None and answer["reason_code"] != "budget_block":
        return _holding(asking, found, answer, reached, seen)
    return _kept_once(asking, answer, reached)


def _with_ask(asking: Asking, conversation: Conversation) -> Asking:
    """A question without a message is about the ask that the conversation is at: the next one is told from that."""
    if asking.ask_hash is not None or conversation.held is None:
        return asking
    return msgspec.structs.replace(asking, ask_hash=conversation.held.ask_hash)


def _kept_once(asking: Asking, answer: dict[str, Any], reached: Reached) -> Decided:
    """The answer, kept; or that which was kept under its id meanwhile."""
    if keep(asking, answer, reached):
        return Decided(answer)
    before = answer_of(asking.project_id, asking.identity)
    return _repeated(asking, before) if before else Decided(answer)


def preview(*, caller: Caller, asked: Asked, now: datetime, under: InForce | None = None) -> dict[str, Any]:
    """The answer a question would get, under the policy in force or another; nothing is kept or comes into being."""
    asked = _named(caller, asked)
    project_id = project_id_of(asked.project or places.DEFAULT_PROJECT) or 0
    if project_id and not caller.sees_project(project_id):
        raise NotAllowed(
            f'You may not ask for the project "{asked.project}".', code="forbidden_project", path="project"
        )
    facts = _facts(caller, asked, project_id, 0)
    asking = Asking(
        asked, caller, project_id, 0, PREVIEW, "", now, _ask_hash(asked.message, _heard(asked.message)), facts
    )
    seen = see(asking.facts, role=asked.role or "", decision_id=None, now=now)
    assert seen is not None
    return _answer(asking, under or in_force(), seen)[0]


def _placed(caller: Caller, asked: Asked, now: datetime) -> Asking:
    asked = _named(caller, asked)
    project, agent = asked.project or places.DEFAULT_PROJECT, asked.agent or ""
    project_id = places.ensure_projects({project})[project]
    if not caller.sees_project(project_id):
        raise NotAllowed(f'You may not ask for the project "{project}".', code="forbidden_project", path="project")
    agent_id = places.ensure_agents({(project_id, agent)})[project_id, agent] if agent else 0
    return _asking(caller, asked, project_id, agent_id, now)


def _asking(caller: Caller, asked: Asked, project_id: int, agent_id: int, now: datetime) -> Asking:
    identity = asked.id or new_id()
    facts = _facts(caller, asked, project_id, agent_id)
    heard = _heard(asked.message)
    fingerprint, ask_hash = _fingerprint(asked, heard), _ask_hash(asked.message, heard)
    return Asking(asked, caller, project_id, agent_id, identity, fingerprint, now, ask_hash, facts)


def _named(caller: Caller, asked: Asked) -> Asked:
    """The question with the project and agent of the key. Raises NotAllowed for others."""
    project = asked.project or caller.project_name or places.DEFAULT_PROJECT
    agent = asked.agent or caller.agent_name
    if not caller.may_name_project(project):
        message = f'This key asks for project "{caller.project_name}" only, not for "{project}".'
        raise NotAllowed(message, code="forbidden_project", path="project")
    if not caller.may_report_as(agent or ""):
        message = f'This key asks as agent "{caller.agent_name}" or "{caller.agent_name}/…" only, not as "{agent}".'
        raise NotAllowed(message, code="forbidden_agent", path="agent")
    return msgspec.structs.replace(asked, project=project, agent=agent)


def _answer(asking: Asking, found: InForce | None, seen: Seen) -> tuple[dict[str, Any], Reached]:
    if found is not None:
        found = found.called(asking.asked.project or "", asking.asked.agent or "")
    budgets = standing(seen.states, found.policy if found else None, now=asking.now)
    kept = _kept(asking, found, budgets)
    if kept is not None:
        return {**kept, "budget": budgets.told, "budget_blocks": may_block(asking.facts)}, Reached()
    assert found is not None
    reached = _reached(asking, found, budgets, seen.conversation)
    assert reached.choice is not None
    assert reached.complexity is not None
    answer = answers.routed(reached.choice, found.policy, found.version, reached.complexity, asking.identity)
    return {**answer, "budget": budgets.told, "budget_blocks": may_block(asking.facts)}, reached


def _facts(caller: Caller, asked: Asked, project_id: int, agent_id: int) -> Facts:
    return Facts(
        project_id=project_id, project=asked.project, agent_id=agent_id or None, agent=asked.agent,
        key_id=caller.key_id, user=asked.user, role=asked.role, task_type=asked.task_type, tool=asked.tool,
        conversation=asked.conversation_id, tags=asked.tags or {},
    )  # fmt: skip


def _holding(asking: Asking, found: InForce, answer: dict[str, Any], reached: Reached, seen: Seen) -> Decided:
    """The answer with the amount that is held; where it does not fit, for the next cheaper model, or blocked."""
    choice = reached.choice
    chosen = choice.selection.chosen if choice else None
    sizes = choice.sizes if choice else _sizes(asking.asked, seen.conversation.state())
    if choice and chosen:
        cheaper = [one for one in choice.selection.fallbacks if (one.cost or 0) < (chosen.cost or 0)]
        tries = [chosen, *sorted(cheaper, key=lambda each: -(each.cost or 0))]
    else:
        tries = [_own(asking, found, sizes)]
    refused = None
    for one in tries:
        told = answers.held(answer, choice, one, None, refused) if choice and chosen else answer
        held = _hold(asking, told, reached, one, sizes)
        if held is None:
            before = answer_of(asking.project_id, asking.identity)
            return _repeated(asking, before) if before else _kept_once(asking, told, reached)
        if held.refused is None:
            told = {**told, "reservation": held.told}
            return _kept_once(asking, told, reached) if held.is_repeat else Decided(told)
        refused = refused or held.refused
    if answer["reason_code"] == "routing_disabled":
        # Every answer is `keep` then; the budget stands beside it, and nothing is held.
        return _kept_once(asking, answer, reached)
    return _kept_once(asking, answers.blocked(answer, refused or ""), reached)


def _own(asking: Asking, found: InForce, sizes: Sizes) -> Candidate:
    """The model that a person pinned, or that the agent goes on with where none can be chosen."""
    model = asking.asked.pinned or asking.asked.current
    key = model.key if model else None
    cost_of = _cost_of(catalogue_of(found, now=asking.now), asking.now)
    return own_model(key, found.policy, cost_of(key, sizes.input_tokens, sizes.output_tokens, 0) if key else None)


def _hold(asking: Asking, told: dict[str, Any], reached: Reached, one: Candidate, sizes: Sizes) -> Held | None:
    """The amount held and the decision kept with it; None when a decision was kept under this id meanwhile."""
    amount = amount_to_hold(one, sizes)
    kept = {**told, "reservation": {"id": asking.identity, "amount_usd": format_money(amount), "expires_at": None}}
    try:
        return hold(
            asking.facts, one, sizes, amount, identity=asking.identity,
            parent_id=asking.asked.parent_reservation_id, key_id=asking.caller.key_id,
            seconds=asking.asked.reserve_ttl_s, together=together_with_hold(asking, kept, reached),
        )  # fmt: skip
    except Conflict:
        if answer_of(asking.project_id, asking.identity) is None:
            raise
        return None


def _reached(asking: Asking, found: InForce, budgets: Standing, conversation: Conversation) -> Reached:
    asked = asking.asked
    state = conversation.state()
    complexity = _complexity(asked, state, found.weights)
    sizes = _sizes(asked, state)
    catalogue = catalogue_of(found, now=asking.now)
    known = Known(
        now=asking.now, cost_of=_cost_of(catalogue, asking.now), windows=catalogue.windows,
        states=states(now=asking.now), qualities=qualities_of(found.policy, asked.task_type),
        conversation=conversation, budget=budgets.limit, pace=budgets.pace,
    )  # fmt: skip
    choice = choose(
        asked, found.policy, complexity, known, sizes,
        is_user_turn=_is_user_turn(asking, conversation), trial=_trial(asking.identity),
    )  # fmt: skip
    return Reached(choice, complexity)


def _kept(asking: Asking, found: InForce | None, budgets: Standing) -> dict[str, Any] | None:
    """The answer where a person's choice or a switch decides."""
    asked = asking.asked
    is_off = found is None or not found.policy.model_routing_enabled
    is_off = is_off or found is not None and found.policy.off.covers(asked.project or "", asked.agent or "")
    version = found.version if found else 0
    if is_off:
        reason = f"Routing is switched off here: the agent keeps its own model. {budgets.blocked or ''}".rstrip()
        return answers.kept(version, asking.identity, "routing_disabled", reason, asked.current)
    if budgets.blocked is not None:
        kept = answers.kept(version, asking.identity, "budget_block", budgets.blocked, None)
        return answers.blocked(kept, budgets.blocked)
    if asked.pinned is not None:
        reason = f"{'/'.join(asked.pinned.key)}: a person chose it, and that wins."
        return answers.kept(version, asking.identity, "pinned", reason, asked.pinned)
    return None


def _complexity(asked: Asked, state: ConversationState, weights: Weights) -> Complexity:
    ask = Ask(
        message=asked.message[:SCANNED],
        task_type=asked.task_type,
        role=asked.role,
        tools_offered=asked.tools_count,
        input_tokens=asked.input_tokens,
        expected_output_tokens=asked.expected_output_tokens,
        failed_attempts=len(asked.failed_attempts),
    )
    return analyze(ask, state if asked.conversation_id else None, weights)


def _sizes(asked: Asked, state: ConversationState) -> Sizes:
    context = asked.context_tokens or 0
    counted = asked.input_tokens
    if counted is None:
        counted = context + _estimated(asked.message)
    output = asked.expected_output_tokens
    if output is None:
        mean = state.output_tokens_mean
        output = DEFAULT_OUTPUT if mean is None else max(1, round(mean))
    return Sizes(counted, output, max(context, counted), context)


def _estimated(message: str) -> int:
    """The tokens of a message for a model not chosen yet, so with the buffer that such counts have.

    What is beyond the part that is looked at counts like that part.
    """
    seen = message[:SCANNED]
    counted = tokens.approximate(seen, COUNTED_AS, Decimal(settings.TOKEN_ESTIMATE_BUFFER))
    return counted * max(1, len(message)) // max(1, len(seen))


def _cost_of(catalogue: Catalogue, now: datetime) -> Any:
    minute = now.hour * 60 + now.minute

    def cost(model: ModelKey, input_tokens: int, output_tokens: int, cached: int) -> int | None:
        card = catalogue.card(model, now)
        if card is None:
            return None
        return card.charge(input_tokens, output_tokens, cache_read=cached, minute_of_day=minute)[0]

    return cost


def _is_user_turn(asking: Asking, conversation: Conversation) -> bool:
    """Whether the ask is new; without a message, or with the one before, the same turn goes on."""
    held = conversation.held
    return held is None or (asking.ask_hash is not None and asking.ask_hash != held.ask_hash)


def _trial(identity: str) -> int:
    """A number below a million that nobody can choose: an id is known to who asks, the key is not."""
    key = _key_of("bursar.trial", settings.SECRET_KEY)
    drawn = hashlib.blake2b(identity.encode(), digest_size=8, key=key).digest()
    return WHOLE * int.from_bytes(drawn, "big") >> 64


def _heard(message: str) -> bytes:
    """A keyed hash of the message: nobody without the key can try messages against it."""
    return hmac.digest(_key_of("bursar.ask", settings.SECRET_KEY), message.encode(), "sha256")


def _fingerprint(asked: Asked, heard: bytes) -> str:
    """A keyed hash of the question, the message by its own."""
    rest = msgspec.json.encode(msgspec.structs.replace(asked, message=""))
    key = _key_of("bursar.decision", settings.SECRET_KEY)
    return str(uuid.UUID(bytes=hashlib.blake2b(heard + rest, digest_size=16, key=key).digest()))


def _ask_hash(message: str, heard: bytes) -> int | None:
    return int.from_bytes(heard[:8], "big", signed=True) if message.strip() else None


@lru_cache(maxsize=8)
def _key_of(purpose: str, secret: str) -> bytes:
    """The key that `salted_hmac` makes of a purpose, made once."""
    return hashlib.sha256(f"{purpose}{secret}".encode()).digest()


def _repeated(asking: Asking, before: tuple[str, dict[str, Any]]) -> Decided:
    if before[0] != asking.fingerprint:
        raise Conflict(
            "This id was sent before with another question; the first one stands.", code="conflict", path="id"
        )
    return Decided(before[1], is_repeat=True)
