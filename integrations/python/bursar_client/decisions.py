"""Which model for this call: asked with a short timeout, remembered for its ttl, decided alone when nobody answers."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from .fields import Decision, Model, as_model, plain
from .ids import new_id
from .policy import Policies, decide_alone
from .transport import Transport, Unreachable

MOST_REMEMBERED = 10_000
# A conversation has one model for one purpose; what else the question says does not change a sticky answer.
_STICKY = ("conversation_id", "project", "agent", "user", "role", "task_type", "tool")
_EXACT = ("strategy", "quality_threshold", "max_cost_usd", "parent_reservation_id")
_OF_ONE_CALL = ("id", "reserve", "reserve_ttl_s")
Key = tuple[Any, ...]


class Decider:
    """Decisions of one client. Safe in threads."""

    def __init__(self, transport: Transport, policies: Policies, seconds: float) -> None:
        self._transport, self._policies, self._seconds = transport, policies, seconds
        self._remembered: OrderedDict[Key, tuple[float, Decision]] = OrderedDict()
        self.lock = threading.Lock()

    def remembered(self, question: Mapping[str, Any]) -> Decision | None:
        """The server's answer to this question, if it still holds. Takes microseconds.

        A question that reserves is asked anew while a budget that blocks applies, and held for each time.
        """
        if question.get("failed_attempts"):
            return None
        now = time.monotonic()
        for key in (_sticky_key(question), _key(question)):
            found = self._remembered.get(key) if key else None
            if found is None or now >= found[0]:
                continue
            if not question.get("reserve") or found[1].raw.get("budget_blocks") is False:
                return found[1]
        return None

    def ask(self, question: Mapping[str, Any]) -> Decision:
        """The server's decision. Raises Unreachable when there is none."""
        body = {name: plain(value) for name, value in question.items() if value is not None}
        for name in ("current", "pinned"):
            if name in body:
                body[name] = plain(as_model(question[name]) or question[name])
        body.setdefault("id", new_id())
        answer = self._transport.ask("POST", "/api/routing/decisions", body=body, seconds=self._seconds)
        raw = answer.json()
        if answer.status not in (200, 201) or raw.get("action") not in ("route", "keep", "block"):
            raise Unreachable(f"{answer.status}: {answer.detail}")
        decision = _decision(raw)
        self._remember(question, decision)
        return decision

    def alone(self, question: Mapping[str, Any], why: str) -> Decision:
        """The answer when the server gives none."""
        for key in (_sticky_key(question), _key(question)):
            found = self._remembered.get(key) if key else None
            if found is not None and not question.get("failed_attempts") and not question.get("reserve"):
                # Its time is over, but a conversation that changes its model for an outage gains nothing.
                return found[1]
        return decide_alone(self._policies.last(), question, why)

    def _remember(self, question: Mapping[str, Any], decision: Decision) -> None:
        ttl = decision.raw.get("ttl_s")
        # A block is asked for anew: whoever raises the budget wants the agent to go on at once.
        if decision.action == "block" or not isinstance(ttl, int | float) or ttl <= 0:
            return
        # What is held is held for one call; where nothing blocks, the next ones need no hold of their own.
        if decision.reservation and decision.raw.get("budget_blocks") is not False:
            return
        sticky = _sticky_key(question) if decision.raw.get("sticky") is True else None
        raw = {**decision.raw, "reservation": None}
        kept = Decision(**{**decision.__dict__, "source": "cache", "reservation": None, "raw": raw})
        with self.lock:
            self._remembered[sticky or _key(question)] = (time.monotonic() + ttl, kept)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)


def _decision(raw: Mapping[str, Any]) -> Decision:
    fallbacks = tuple(model for one in raw.get("fallbacks") or () if (model := as_model(one)))
    return Decision(
        action=raw["action"],
        model=as_model(raw.get("model")),
        fallbacks=fallbacks,
        reason_code=str(raw.get("reason_code", "")),
        reason=str(raw.get("reason", "")),
        id=raw.get("id"),
        tier=raw.get("tier"),
        budget=raw.get("budget"),
        reservation=raw.get("reservation"),
        raw=raw,
    )


def _sticky_key(question: Mapping[str, Any]) -> Key | None:
    """What a sticky answer holds for; None without a conversation."""
    if not question.get("conversation_id"):
        return None
    named = tuple(question.get(name) for name in _STICKY)
    models = (_spelled(question.get("current")), _spelled(question.get("pinned")))
    return (*named, *models, *sorted(question.get("requires") or ()), *map(question.get, _EXACT), _tags(question))


def _key(question: Mapping[str, Any]) -> Key:
    """The whole question."""
    told = {name: plain(value) for name, value in question.items() if name not in _OF_ONE_CALL}
    sent = json.dumps(told, sort_keys=True, default=repr)
    return ("exact", hashlib.sha256(sent.encode()).digest())


def _tags(question: Mapping[str, Any]) -> Key:
    tags = question.get("tags")
    return tuple(sorted(tags.items())) if tags else ()


def _spelled(value: object) -> Model | None:
    return as_model(value)
