"""A compression as it is asked for: messages in the form of chat completions, checked, and put together again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.costs.domain.usage import FieldError, text_error
from apps.routing.domain.compression import Message

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TOOL_ROLES = ("tool", "function")
_TEXT_PARTS = ("text", "input_text", "output_text")
_NUMBERS = {
    "target_tokens": (1, 10**8),
    "keep_recent": (0, 10**4),
    "cached_tokens": (0, 10**8),
    "calls_ahead": (1, 10**4),
}
FIELDS = frozenset(
    {"messages", "provider", "model", "target_tokens", "target_reduction", "keep_recent", "keep", "query"}
    | {"cached_tokens", "calls_ahead", "summary", "builds_on"}
)
SUMMARY_LETTERS = 100_000
_MONEY = re.compile(r"\d{1,12}(\.\d{1,15})?")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be compressed, and how far. None is left to the policy."""

    raw: Sequence[Mapping[str, Any]]
    messages: list[Message]
    provider: str
    model: str
    target_tokens: int | None
    target_reduction: float | None
    keep_recent: int | None
    cached_tokens: int
    calls_ahead: int | None
    query: str
    summary: str | None = None
    """What a model wrote; "" asks what it should be asked, None is for no summary."""
    summary_usd: Decimal = Decimal(0)
    builds_on: str = ""
    """The id of an earlier compression, all of whose shorter texts are among the messages."""


def read_wish(body: Mapping[str, Any], *, most_messages: int) -> Wish | list[FieldError]:
    """The wish of a body, or every field that is wrong."""
    if odd := text_error(dict(body)):
        return [odd]
    errors: list[FieldError] = []
    raw = body.get("messages")
    if not isinstance(raw, list) or not raw:
        return [FieldError("messages", "required", "messages is a list of at least one message.")]
    if len(raw) > most_messages:
        return [
            FieldError("messages", "too_many", f"At most {most_messages} messages are taken, these are {len(raw)}.")
        ]
    keep = body.get("keep") or []
    if not isinstance(keep, list) or not all(_is_whole(place) and 0 <= place < len(raw) for place in keep):
        errors.append(FieldError("keep", "invalid", f"keep is a list of places of messages, 0 to {len(raw) - 1}."))
        keep = []
    messages = [_message(one, place, place in keep, errors) for place, one in enumerate(raw)]
    numbers = {name: _number(body, name, *bounds, errors) for name, bounds in _NUMBERS.items()}
    reduction = body.get("target_reduction")
    if reduction is not None and (
        isinstance(reduction, bool) or not isinstance(reduction, (int, float)) or not 0 < reduction < 1
    ):
        errors.append(FieldError("target_reduction", "out_of_bounds", "target_reduction is a share between 0 and 1."))
    if reduction is not None and numbers["target_tokens"] is not None:
        errors.append(FieldError("target_reduction", "both", "Send target_tokens or target_reduction, not both."))
    texts = {name: _text(body, name, errors) for name in ("provider", "model", "query", "builds_on")}
    summary, summary_usd = _summary(body.get("summary"), errors)
    if errors:
        return errors
    return Wish(
        raw,
        messages,
        texts["provider"],
        texts["model"],
        numbers["target_tokens"],
        None if reduction is None else float(reduction),
        numbers["keep_recent"],
        numbers["cached_tokens"] or 0,
        numbers["calls_ahead"],
        texts["query"],
        summary,
        summary_usd,
        texts["builds_on"],
    )


def put_together(raw: Sequence[Mapping[str, Any]], before: Sequence[Message], texts: Sequence[str]) -> list[Any]:
    """The messages as they were sent, with the texts that changed."""
    return [
        dict(one) if text == message.text else {**one, "content": _content(one["content"], text)}
        for one, message, text in zip(raw, before, texts, strict=True)
    ]


def _message(one: Any, place: int, is_kept: bool, errors: list[FieldError]) -> Message:
    if not isinstance(one, dict) or one.get("role") not in ROLES:
        errors.append(FieldError(f"messages.{place}.role", "invalid", f"A message has a role: {', '.join(ROLES)}."))
        return Message("user", "", is_kept=True)
    role = "tool" if one["role"] in _TOOL_ROLES else one["role"]
    content = one.get("content")
    text = content if isinstance(content, str) else _only_text(content)
    if text is None and content is not None and not isinstance(content, list):
        errors.append(FieldError(f"messages.{place}.content", "type", "content is a text, a list of parts, or null."))
    return Message(role, text or "", _calls(one), is_kept or text is None)


def _only_text(content: Any) -> str | None:
    """The text of a content of one text part; of any other content nothing is taken."""
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        text = content[0].get("text")
        return text if isinstance(text, str) and content[0].get("type") in _TEXT_PARTS else None
    return None


def _content(content: Any, text: str) -> Any:
    return text if isinstance(content, str) else [{**content[0], "text": text}]


def _calls(one: Mapping[str, Any]) -> str:
    spelled = []
    for call in one.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            spelled.append(f"{function.get('name')} {function.get('arguments')}")
    return "\n".join(spelled)


def _summary(value: Any, errors: list[FieldError]) -> tuple[str | None, Decimal]:
    """The text of a summary and what it cost: `true` asks for one, an object brings it."""
    if value is None or isinstance(value, bool):
        return ("" if value else None), Decimal(0)
    if not isinstance(value, dict):
        errors.append(FieldError("summary", "type", "summary is true, or an object with text and cost_usd."))
        return None, Decimal(0)
    text, cost = value.get("text"), value.get("cost_usd")
    if not isinstance(text, str) or not text.strip() or len(text) > SUMMARY_LETTERS:
        errors.append(FieldError("summary.text", "invalid", f"The text has 1 to {SUMMARY_LETTERS} characters."))
        return None, Decimal(0)
    if not isinstance(cost, str) or not _MONEY.fullmatch(cost):
        errors.append(FieldError("summary.cost_usd", "invalid", 'What it cost, in USD, as a text like "0.0012".'))
        return None, Decimal(0)
    return text, Decimal(cost)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(body: Mapping[str, Any], name: str, least: int, most: int, errors: list[FieldError]) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not _is_whole(value) or not least <= value <= most:
        errors.append(FieldError(name, "out_of_bounds", f"{name} is a whole number from {least} to {most}."))
        return None
    return int(value)


def _text(body: Mapping[str, Any], name: str, errors: list[FieldError]) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        errors.append(FieldError(name, "type", f"{name} is a text."))
        return ""
    return value
