"""Keeps a decision with the numbers it stood on, but not the message: alone, or together with what it holds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from apps.access.domain.identity import Caller
from apps.access.statements import prepared
from apps.budgets.domain.scopes import Facts
from apps.budgets.services.reserving import Together
from apps.routing.domain.asked import WITHOUT_MESSAGE, Asked
from apps.routing.domain.complexity import Complexity
from apps.routing.domain.deciding import Choice
from apps.routing.domain.hashed_features import VERSION, hashed_features

_COLUMNS = {
    "project_id": "int",
    "decision_id": "text",
    "fingerprint": "uuid",
    "created_at": "timestamptz",
    "key_id": "bigint",
    "agent_id": "int",
    "conversation_id": "text",
    "role": "text",
    "task_type": "text",
    "ask_hash": "bigint",
    "action": "text",
    "reason_code": "text",
    "tier": "text",
    "provider": "text",
    "model": "text",
    "policy_version": "int",
    "score": "numeric",
    "expected_cost_usd": "numeric",
    "propensity": "numeric",
    "features_version": "smallint",
    "features": "bytea",
    "asked": "jsonb",
    "answer": "jsonb",
}
_NAMES = ", ".join(_COLUMNS)
_VALUES = ", ".join(f"%s::{kind}" for kind in _COLUMNS.values())
_ALONE = f"""
    INSERT INTO routing_decision ({_NAMES})
    SELECT {_VALUES} FROM (SELECT set_config('synchronous_commit', 'off', true)) AS without_waiting
    ON CONFLICT DO NOTHING RETURNING 1
"""
"""Does not wait for the disk: a crash of the database may lose its last decisions, but nothing of money."""
_TOGETHER = "routing_hold_and_keep"
_NAMED = ", ".join(f"%(decision_{name})s::{kind}" for name, kind in _COLUMNS.items())
_OWN_NAMES = tuple(f"decision_{name}" for name in _COLUMNS)


class Asking(msgspec.Struct, frozen=True):
    """A question with where it belongs, and what budgets may be scoped by."""

    asked: Asked
    caller: Caller
    project_id: int
    agent_id: int
    identity: str
    fingerprint: str
    now: datetime
    ask_hash: int | None
    facts: Facts


class Reached(msgspec.Struct, frozen=True):
    """What was chosen, and from what; both None where a person or a switch decided."""

    choice: Choice | None = None
    complexity: Complexity | None = None


def keep(asking: Asking, answer: Mapping[str, Any], reached: Reached) -> bool:
    """Keep a decision; False when one of this id was kept before."""
    return bool(prepared(_ALONE, _row(asking, answer, reached)))


def together_with_hold(asking: Asking, answer: Mapping[str, Any], reached: Reached) -> Together:
    """What keeps a decision in the statement that holds its cost, which tells when the reservation in it expires.

    The statement fails when a decision of this id was kept before.
    """
    return Together(_TOGETHER, _NAMED, dict(zip(_OWN_NAMES, _row(asking, answer, reached), strict=True)))


def _row(asking: Asking, answer: Mapping[str, Any], reached: Reached) -> list[Any]:
    asked, model = asking.asked, answer["model"] or {"provider": "", "name": ""}
    complexity = reached.complexity
    features = hashed_features(complexity.reading) if complexity and complexity.reading else b""
    return [
        asking.project_id, asking.identity, asking.fingerprint, asking.now, asking.caller.key_id, asking.agent_id,
        asked.conversation_id, asked.role or "", asked.task_type or "", asking.ask_hash, answer["action"],
        answer["reason_code"], answer["tier"] or "", model["provider"], model["name"], answer["policy_version"],
        str(answer["complexity"]["score"]) if answer["complexity"] else None,
        answer["expected"]["cost_usd"] if answer["expected"] else None, f"{answer['propensity']:.6f}",
        VERSION if features else 0, features or None, _question_told(asked, reached.choice), _without_evidence(answer),
    ]  # fmt: skip


def _question_told(asked: Asked, choice: Choice | None) -> str:
    """The question as JSON without the message, and the sizes the call was taken to have."""
    kept: dict[str, Any] = {
        name: value for name in WITHOUT_MESSAGE if (value := getattr(asked, name)) not in (None, [], False)
    }
    if choice is not None:
        kept["sizes"] = choice.sizes
    return _json(kept)


def _without_evidence(answer: Mapping[str, Any]) -> str:
    """The answer as JSON; evidence quotes the message, which is not kept."""
    complexity = answer["complexity"]
    if complexity is None:
        return _json(answer)
    factors = [
        {"name": one["name"], "value": one["value"], "contribution": one["contribution"]}
        for one in complexity["factors"]
    ]
    return _json({**answer, "complexity": {**complexity, "factors": factors}})


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
