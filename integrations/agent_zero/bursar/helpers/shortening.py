"""Prompts made shorter before a call, by Bursar, when the policy asks for it. What fails leaves the prompt as it is.

What was shortened once stays so for the chat, in the same words: the provider's cache of the prompt is lost once for a
step, not with every call. The next step waits until the prompt has grown by what the last one was to take.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from . import plane, tally, zero
from .options import Options

MOST_CHATS = 200
ANSWERED_BY_SERVER = 200


@dataclass
class Shortened:
    """What holds for one chat: shorter contents by the hash of the old ones, and the size below which all is well."""

    contents: dict[str, str] = field(default_factory=dict)
    id: str = ""
    enough_below: float = 0.0


@dataclass(frozen=True)
class Wish:
    """What the policy says of prompts. `window` is the model's, 0 where it is unknown."""

    share: float
    window: int
    input_usd_per_mtok: Decimal | None
    min_usd_per_1k: Decimal
    reduction: float

    def asks(self, tokens: int) -> bool:
        """Whether the history fills its share of the window, or tokens of this model are dear."""
        if self.window and tokens > self.share * self.window:
            return True
        price = self.input_usd_per_mtok
        return price is not None and price / 1000 >= self.min_usd_per_1k


async def shorten(
    agent: Any, call_data: dict[str, Any], options: Options, model: tuple[str, str], wrapper: Any
) -> dict[str, Any]:
    """Put shorter messages into the call; returns what its record says of it, nothing for a prompt left as it was."""
    client, messages = plane.client(options), call_data.get("messages")
    # A call that goes on from the provider's own state sends only what is new.
    if not options.compress or client is None or not messages or call_data.get("previous_response_id"):
        return {}
    try:
        policy = getattr(client._last_config(), "raw", None) or {}
        zero.split_history((policy.get("context") or {}).get("history_split"))
        kept = _kept(str(agent.context.id))
        shorter = with_contents(messages, kept.contents)
        wish = wish_of(policy, model, wrapper)
        tokens = zero.approximate_tokens(zero.text_of(shorter))
        if wish.asks(tokens) and tokens >= kept.enough_below:
            body = body_of(shorter, model, cached_tokens=tally.cached_of(str(agent.context.id)))
            if kept.id and kept.contents.keys() <= {_key(one) for one in messages}:
                # All of what the last step took out is still out: calls go on saving it.
                body["builds_on"] = kept.id
            answer = await asyncio.to_thread(_ask, client, body, options.compress_seconds)
            if answer is None:
                return _used(call_data, messages, shorter, kept)
            kept.enough_below = max(int(answer["tokens_after"]), tokens * (1 - wish.reduction)) / (1 - wish.reduction)
            if answer.get("worth_it"):
                _learn(kept, messages, shorter, answer)
                shorter = with_contents(messages, kept.contents)
        return _used(call_data, messages, shorter, kept)
    except Exception:
        plane.logger.exception("A prompt could not be made shorter; it goes as it is.")
        return {}


def wish_of(policy: Mapping[str, Any], model: tuple[str, str], wrapper: Any) -> Wish:
    """The settings of the policy for this model."""
    context, compression = policy.get("context") or {}, policy.get("compression") or {}
    entry: Mapping[str, Any] = next(
        (
            one
            for tier in (policy.get("model_tiers") or {}).values()
            for one in tier.get("models") or ()
            if (one.get("provider"), one.get("name")) == model
        ),
        {},
    )
    conf = getattr(wrapper, "a0_model_conf", None)
    windows = [int(size) for size in (getattr(conf, "ctx_length", 0), entry.get("context_window")) if size]
    return Wish(
        share=float(context.get("chat_model_ctx_history", 0.7)),
        window=min(windows, default=0),
        input_usd_per_mtok=_decimal(entry.get("input_usd_per_mtok")),
        min_usd_per_1k=_decimal(compression.get("min_cost_per_1k_tokens")) or Decimal("0.005"),
        reduction=min(0.9, max(0.05, float(compression.get("target_reduction", 0.3)))),
    )


def body_of(messages: Sequence[Any], model: tuple[str, str], *, cached_tokens: int) -> dict[str, Any]:
    """The question to Bursar. What is no plain text is kept, and not sent."""
    told = [spelled(one) for one in messages]
    return {
        "messages": [one or {"role": "user", "content": ""} for one in told],
        "keep": [place for place, one in enumerate(told) if one is None],
        "provider": model[0],
        "model": model[1],
        "cached_tokens": cached_tokens,
    }


def spelled(message: Any) -> dict[str, Any] | None:
    """A message of Agent Zero in the form of chat completions; None for what is not plain text.

    Agent Zero writes calls of tools as JSON of the assistant, and their results as JSON of the user.
    """
    content = getattr(message, "content", None)
    if not isinstance(content, str):
        return None
    kind = str(getattr(message, "type", ""))
    if kind == "system":
        return {"role": "system", "content": content}
    value = _object(content)
    if kind == "ai":
        if "tool_name" not in value:
            return {"role": "assistant", "content": content}
        call = {"name": str(value["tool_name"]), "arguments": json.dumps(value.get("tool_args"), ensure_ascii=False)}
        return {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": call}]}
    if isinstance(value.get("tool_result"), str):
        return {"role": "tool", "content": value["tool_result"]}
    return {"role": "user", "content": content}


def with_contents(messages: Sequence[Any], contents: Mapping[str, str]) -> list[Any]:
    """The messages, those that were made shorter as copies."""
    return [_with(one, contents[key]) if (key := _key(one)) in contents else one for one in messages]


def _ask(client: Any, body: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    try:
        answer = client._transport.ask("POST", "/api/routing/compressions", body=body, seconds=seconds)
    except Exception as error:
        plane.logger.warning("Bursar could not be asked for a shorter prompt: %s", error)
        return None
    return answer.json() if answer.status == ANSWERED_BY_SERVER else None


def _learn(kept: Shortened, messages: Sequence[Any], asked: Sequence[Any], answer: Mapping[str, Any]) -> None:
    kept.id = str(answer["id"])
    for message, sent, told in zip(messages, asked, answer["messages"], strict=True):
        before = spelled(sent)
        text = told.get("content")
        if before is None or not isinstance(text, str) or text == before["content"]:
            continue
        if before["role"] == "tool":
            text = json.dumps({**_object(sent.content), "tool_result": text}, ensure_ascii=False)
        kept.contents[_key(message)] = text


def _used(call_data: dict[str, Any], messages: Sequence[Any], shorter: list[Any], kept: Shortened) -> dict[str, Any]:
    if all(one is other for one, other in zip(messages, shorter, strict=True)):
        return {}
    call_data["messages"] = shorter
    return {"compressed": True, "compression_id": kept.id}


def _kept(chat: str) -> Shortened:
    chats: OrderedDict[str, Shortened] = plane.kept().setdefault("shortened", OrderedDict())
    found = chats.setdefault(chat, Shortened())
    chats.move_to_end(chat)
    while len(chats) > MOST_CHATS:
        chats.popitem(last=False)
    return found


def _key(message: Any) -> str:
    content = getattr(message, "content", None)
    return hashlib.sha256(content.encode()).hexdigest() if isinstance(content, str) else ""


def _with(message: Any, content: str) -> Any:
    shorter = copy.copy(message)
    shorter.content = content
    return shorter


def _object(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _decimal(text: Any) -> Decimal | None:
    try:
        return None if text is None else Decimal(str(text))
    except InvalidOperation:
        return None
