"""Decides which model takes a call, and keeps every decision with the numbers it stood on, but not the message.

Reads: policy, prices and states from memory, the conversation in one trip. Writes: one insert.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.utils.crypto import salted_hmac

from apps.access.domain.errors import Conflict, NotAllowed
from apps.access.domain.identity import Caller
from apps.access.selectors.places import project_id_of
from apps.access.services import places
from apps.budgets.domain.scopes import Facts
from apps.costs.domain import tokens
from apps.costs.services.ingest.reading import new_id
from apps.routing.domain import answers
from apps.routing.domain.asked import SCANNED, WITHOUT_MESSAGE, Asked
from apps.routing.domain.complexity import Ask, Complexity, Weights, analyze
from apps.routing.domain.conversation import Conversation
from apps.routing.domain.deciding import DEFAULT_OUTPUT, Choice, Known, Sizes, choose
from apps.routing.domain.hashed_features import VERSION, hashed_features
from apps.routing.domain.policy import ModelKey
from apps.routing.selectors.catalogue import Catalogue, catalogue_of
from apps.routing.selectors.conversations import conversation_of
from apps.routing.selectors.decisions import answer_of
from apps.routing.selectors.health import states
from apps.routing.selectors.in_force import InForce, in_force
from apps.routing.selectors.quality import qualities_of
from apps.routing.services.budgeted import Standing, hold, standing

COUNTED_AS = "gpt-4.1"
PREVIEW = "not kept"
"""The id of an answer that is not kept and holds nothing: with a blank, which no id of a question has."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, and whether it was given before under the same id."""

    answer: dict[str, Any]
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question with where it belongs."""

    asked: Asked
    caller: Caller
    project_id: int
    agent_id: int
    identity: str
    fingerprint: str
    now: datetime
    ask_hash: int | None


def decide(*, caller: Caller, asked: Asked, now: datetime) -> Decided:
    """Answer a question and keep the decision; the same id with the same question gets the same answer.

    Raises NotAllowed when the key may not ask for the project or agent, Conflict for an id used for another question.
    """
    asking = _placed(caller, asked, now)
    if asked.id is not None and (before := answer_of(asking.project_id, asking.identity)):
        return _repeated(asking, before)
    answer, choice, complexity = _answer(asking, in_force())
    if _store(asking, answer, choice, complexity):
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
    asking = _Asking(asked, caller, project_id, 0, PREVIEW, "", now, _ask_hash(asked.message))
    return _answer(asking, under or in_force())[0]


def _placed(caller: Caller, asked: Asked, now: datetime) -> _Asking:
    asked = _named(caller, asked)
    project, agent = asked.project or places.DEFAULT_PROJECT, asked.agent or ""
    project_id = places.ensure_projects({project})[project]
    if not caller.sees_project(project_id):
        raise NotAllowed(f'You may not ask for the project "{project}".', code="forbidden_project", path="project")
    agent_id = places.ensure_agents({(project_id, agent)})[project_id, agent] if agent else 0
    identity = asked.id or new_id()
    return _Asking(asked, caller, project_id, agent_id, identity, _fingerprint(asked), now, _ask_hash(asked.message))


def _named(caller: Caller, asked: Asked) -> Asked:
    """The question with the project and agent of the key. Raises NotAllowed for others."""
    project = asked.project or caller.project_name or places.DEFAULT_PROJECT
    agent = asked.agent or caller.agent_name
    if caller.project_name is not None and project != caller.project_name:
        message = f'This key asks for project "{caller.project_name}" only, not for "{project}".'
        raise NotAllowed(message, code="forbidden_project", path="project")
    if not caller.may_report_as(agent or ""):
        message = f'This key asks as agent "{caller.agent_name}" or "{caller.agent_name}/…" only, not as "{agent}".'
        raise NotAllowed(message, code="forbidden_agent", path="agent")
    return msgspec.structs.replace(asked, project=project, agent=agent)


def _answer(asking: _Asking, found: InForce | None) -> tuple[dict[str, Any], Choice | None, Complexity | None]:
    budgets = standing(_facts(asking), found.policy if found else None, now=asking.now)
    kept = _kept(asking, found, budgets)
    if kept is not None:
        return {**kept, "budget": budgets.told}, None, None
    assert found is not None
    choice, complexity = _choice(asking, found, budgets)
    answer = answers.routed(choice, found.policy, found.version, complexity, asking.identity)
    return _with_reservation(asking, choice, {**answer, "budget": budgets.told}), choice, complexity


def _facts(asking: _Asking) -> Facts:
    asked = asking.asked
    return Facts(
        project_id=asking.project_id, project=asked.project, agent_id=asking.agent_id or None, agent=asked.agent,
        key_id=asking.caller.key_id, user=asked.user, role=asked.role, task_type=asked.task_type, tool=asked.tool,
        conversation=asked.conversation_id, tags=asked.tags or {},
    )  # fmt: skip


def _with_reservation(asking: _Asking, choice: Choice, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with the amount that is held; where it does not fit, for the next cheaper model, or blocked."""
    asked, chosen = asking.asked, choice.selection.chosen
    if not asked.reserve or chosen is None or asking.identity == PREVIEW:
        return answer
    cheaper = [one for one in choice.selection.fallbacks if (one.cost or 0) < (chosen.cost or 0)]
    refused = None
    for one in (chosen, *sorted(cheaper, key=lambda each: -(each.cost or 0))):
        held = hold(
            _facts(asking), one, choice.sizes,
            identity=asking.identity, parent_id=asked.parent_reservation_id, key_id=asking.caller.key_id,
        )  # fmt: skip
        if held.refused is None:
            return answers.held(answer, choice, one, held.told, refused)
        refused = refused or held.refused
    return answers.blocked(answer, refused or "")


def _choice(asking: _Asking, found: InForce, budgets: Standing) -> tuple[Choice, Complexity]:
    asked = asking.asked
    conversation = conversation_of(asking.project_id, asked.conversation_id, asked.role or "")
    complexity = _complexity(asked, conversation, found.weights)
    sizes = _sizes(asked, conversation)
    catalogue = catalogue_of(found, now=asking.now)
    known = Known(
        now=asking.now, cost_of=_cost_of(catalogue, asking.now), windows=catalogue.windows,
        states=states(now=asking.now), qualities=qualities_of(found.policy, asked.task_type),
        conversation=conversation, budget=budgets.limit,
    )  # fmt: skip
    choice = choose(
        asked, found.policy, complexity, known, sizes,
        is_user_turn=_is_user_turn(asking, conversation), trial=_trial(asking.identity),
    )  # fmt: skip
    return choice, complexity


def _kept(asking: _Asking, found: InForce | None, budgets: Standing) -> dict[str, Any] | None:
    """The answer where a person's choice or a switch decides."""
    asked = asking.asked
    is_off = found is None or not found.policy.model_routing_enabled
    is_off = is_off or found is not None and found.policy.off.covers(asked.project or "", asked.agent or "")
    version = found.version if found else 0
    if is_off:
        reason = "Routing is switched off here: the agent keeps its own model."
        return answers.kept(version, asking.identity, "routing_disabled", reason, asked.current)
    if budgets.blocked is not None:
        kept = answers.kept(version, asking.identity, "budget_block", budgets.blocked, None)
        return answers.blocked(kept, budgets.blocked)
    if asked.pinned is not None:
        reason = f"{'/'.join(asked.pinned.key)}: a person chose it, and that wins."
        return answers.kept(version, asking.identity, "pinned", reason, asked.pinned)
    return None


def _complexity(asked: Asked, conversation: Conversation, weights: Weights) -> Complexity:
    ask = Ask(
        message=asked.message[:SCANNED],
        task_type=asked.task_type,
        role=asked.role,
        tools_offered=asked.tools_count,
        input_tokens=asked.input_tokens,
        expected_output_tokens=asked.expected_output_tokens,
        failed_attempts=len(asked.failed_attempts),
    )
    return analyze(ask, conversation.state() if asked.conversation_id else None, weights)


def _sizes(asked: Asked, conversation: Conversation) -> Sizes:
    context = asked.context_tokens or 0
    counted = asked.input_tokens
    if counted is None:
        counted = context + _counted(asked.message)
    output = asked.expected_output_tokens
    if output is None:
        mean = conversation.state().output_tokens_mean
        output = DEFAULT_OUTPUT if mean is None else max(1, round(mean))
    return Sizes(counted, output, max(context, counted), context)


def _counted(message: str) -> int:
    """The tokens of a message; what is beyond the part that is looked at counts like that part."""
    seen = message[:SCANNED]
    return tokens.count(seen, COUNTED_AS) * max(1, len(message)) // max(1, len(seen))


def _cost_of(catalogue: Catalogue, now: datetime) -> Any:
    minute = now.hour * 60 + now.minute

    def cost(model: ModelKey, input_tokens: int, output_tokens: int, cached: int) -> int | None:
        card = catalogue.card(model, now)
        if card is None:
            return None
        return card.charge(input_tokens, output_tokens, cache_read=cached, minute_of_day=minute)[0]

    return cost


def _is_user_turn(asking: _Asking, conversation: Conversation) -> bool:
    """Whether the ask is new; without a message, or with the one before, the same turn goes on."""
    held = conversation.held
    return held is None or (asking.ask_hash is not None and asking.ask_hash != held.ask_hash)


def _trial(identity: str) -> int:
    return int(salted_hmac("bursar.trial", identity).hexdigest()[:8], 16)


def _fingerprint(asked: Asked) -> str:
    """A keyed hash of the question: nobody without the key can try messages against it."""
    digest = salted_hmac("bursar.decision", msgspec.json.encode(asked), algorithm="sha256").hexdigest()
    return str(uuid.UUID(digest[:32]))


def _ask_hash(message: str) -> int | None:
    if not message.strip():
        return None
    digest = salted_hmac("bursar.ask", message, algorithm="sha256").digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _repeated(asking: _Asking, before: tuple[str, dict[str, Any]]) -> Decided:
    if before[0] != asking.fingerprint:
        raise Conflict(
            "This id was sent before with another question; the first one stands.", code="conflict", path="id"
        )
    return Decided(before[1], is_repeat=True)


_INSERT = """
    INSERT INTO routing_decision (
        project_id, decision_id, fingerprint, created_at, key_id, agent_id, conversation_id, role, task_type, ask_hash,
        action, reason_code, tier, provider, model, policy_version, score, expected_cost_usd, features_version,
        features, asked, answer
    )
    SELECT %s, %s, %s::uuid, %s, %s::bigint, %s, %s, %s, %s, %s::bigint, %s, %s, %s, %s, %s, %s, %s::numeric,
        %s::numeric, %s, %s::bytea, %s::jsonb, %s::jsonb
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS without_waiting
    ON CONFLICT DO NOTHING RETURNING 1
"""
"""Does not wait for the disk: a crash of the database may lose its last decisions, but nothing of money."""


def _store(asking: _Asking, answer: Mapping[str, Any], choice: Choice | None, complexity: Complexity | None) -> bool:
    asked, model = asking.asked, answer["model"] or {"provider": "", "name": ""}
    features = hashed_features(asked.message) if complexity else b""
    row = [
        asking.project_id, asking.identity, asking.fingerprint, asking.now, asking.caller.key_id, asking.agent_id,
        asked.conversation_id, asked.role or "", asked.task_type or "", asking.ask_hash, answer["action"],
        answer["reason_code"], answer["tier"] or "", model["provider"], model["name"], answer["policy_version"],
        str(answer["complexity"]["score"]) if answer["complexity"] else None,
        answer["expected"]["cost_usd"] if answer["expected"] else None,
        VERSION if features else 0, features or None, _question_told(asked, choice), _without_evidence(answer),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, row)
        return cursor.fetchone() is not None


def _question_told(asked: Asked, choice: Choice | None) -> str:
    """The question as JSON without the message, and the sizes the call was taken to have."""
    told = msgspec.to_builtins(asked)
    kept = {name: told[name] for name in WITHOUT_MESSAGE if told[name] not in (None, [], False)}
    if choice is not None:
        kept["sizes"] = msgspec.to_builtins(choice.sizes)
    return json.dumps(kept)


def _without_evidence(answer: Mapping[str, Any]) -> str:
    """The answer as JSON; evidence quotes the message, which is not kept."""
    complexity = answer["complexity"]
    if complexity is None:
        return json.dumps(answer)
    factors = [{name: value for name, value in one.items() if name != "evidence"} for one in complexity["factors"]]
    return json.dumps({**answer, "complexity": {**complexity, "factors": factors}})
