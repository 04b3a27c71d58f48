"""One usage record as an agent sends it: its fields, their limits, and the numbers that cannot be."""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUIDS = re.compile(f"(?:{_UUID.pattern} )*")
_IDS = re.compile(r"(?:[\x21-\x7e]{1,64} )*")
_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_TAGS = 16
MAX_TOKENS = 10**12
MAX_NAME = 128

Name = Annotated[str, Meta(max_length=MAX_NAME)]
Id = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,64}\Z", description="globally random, unique within its project")]
Count = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Small = Annotated[int, Meta(ge=0, le=10**9)]
Positive = Annotated[int, Meta(ge=1, le=10**9)]
Milliseconds = Annotated[int, Meta(ge=0, le=10**9)]
Usd = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,15})?\Z", description="a decimal string in USD")]
Moment = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]
Tags = Annotated[dict[Annotated[str, Meta(min_length=1, max_length=128)], Name], Meta(max_length=MAX_TAGS)]

OTHER_TOKENS = (
    "input_audio_tokens",
    "input_image_tokens",
    "input_video_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "output_video_tokens",
    "cache_read_input_audio_tokens",
    "cache_read_input_image_tokens",
)


class Usage(msgspec.Struct, frozen=True, gc=False):
    """A record of `POST /api/usage`; api.md says what each field means. None is "not sent"."""

    id: Id | None = None
    occurred_at: Moment | None = None
    provider: Name | None = None
    model: Name | None = None
    operation: Name | None = None
    role: Name | None = None
    task_type: Name | None = None
    tool: Name | None = None
    project: Name | None = None
    agent: Name | None = None
    user: Name | None = None
    conversation_id: Name | None = None
    task_id: Name | None = None
    run_id: Name | None = None
    parent_id: Name | None = None
    request_id: Name | None = None
    response_id: Name | None = None
    tool_call_id: Name | None = None
    tags: Tags | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_text: str | None = None
    output_text: str | None = None
    cache_read_input_tokens: Count = 0
    cache_creation_input_tokens: Count = 0
    cache_creation_1h_input_tokens: Count = 0
    reasoning_output_tokens: Count = 0
    input_audio_tokens: Count = 0
    input_image_tokens: Count = 0
    input_video_tokens: Count = 0
    output_audio_tokens: Count = 0
    output_image_tokens: Count = 0
    output_video_tokens: Count = 0
    cache_read_input_audio_tokens: Count = 0
    cache_read_input_image_tokens: Count = 0
    web_searches: Small = 0
    requests: Small = 1
    calls: Positive = 1
    service_tier: Literal["standard", "batch", "flex", "priority"] = "standard"
    tier: Name | None = None
    status: Literal["ok", "error", "cancelled", "interrupted"] = "ok"
    error_type: Name | None = None
    attempt: Positive = 1
    latency_ms: Milliseconds | None = None
    time_to_first_token_ms: Milliseconds | None = None
    cache_hit: bool = False
    compressed: bool = False
    compression_id: Name | None = None
    decision_id: Name | None = None
    reservation_id: Name | None = None
    reservation_final: bool = True
    cost_usd: Usd | None = None
    usage_source: Literal["provider", "estimate"] = "provider"
    success: bool | None = None
    quality: Share | None = None


# msgspec prepares a type at its first use, which is not safe in two threads at once; an import runs in one.
msgspec.convert({}, Usage)

FIELDS: dict[str, Any] = {field.encode_name: field.type for field in msgspec.structs.fields(Usage)}
KNOWN = frozenset(FIELDS)


class FieldError(msgspec.Struct, frozen=True):
    """Why a record was refused: the field, a code for machines and a sentence for people."""

    path: str
    code: str
    message: str


def key_of(identity: str) -> str:
    """The 16 bytes an id is known by for ever, as hexadecimal: itself if it is a UUID, else a part of its SHA-256.

    UUIDs in time order then also lie in order in the index of keys, which grows at one end only.
    """
    if len(identity) == 36 and _UUID.fullmatch(identity):
        return identity
    return str(uuid.UUID(sha256(identity.encode()).hexdigest()[:32]))


def are_uuids(ids: str) -> bool:
    """Whether these ids, each followed by a space, all are UUIDs and so known by themselves."""
    return _UUIDS.fullmatch(ids) is not None


def are_ids(ids: str) -> bool:
    """Whether these ids, each followed by a space, all fit the pattern of an id."""
    return _IDS.fullmatch(ids) is not None


def parse(raw: dict[str, Any]) -> Usage:
    """A decoded JSON object as a record. Raises msgspec.ValidationError when a field is not of its type."""
    return msgspec.convert(raw, Usage)


def without_nulls(raw: Any) -> Any:
    """A decoded JSON object without what it says nothing of: null is "not sent", of counts as well."""
    return {name: value for name, value in raw.items() if value is not None} if isinstance(raw, dict) else raw


def field_errors(raw: object, fields: Mapping[str, Any] = FIELDS, *, what: str = "A record") -> list[FieldError]:
    """Every field of a refused record that is not of its type, each with its own message."""
    if not isinstance(raw, dict):
        return [FieldError("", "type", f"{what} is a JSON object.")]
    errors = []
    for name, kind in fields.items():
        if name in raw:
            try:
                msgspec.convert(raw[name], kind)
            except msgspec.ValidationError as error:
                errors.append(_field_error(name, raw[name], str(error)))
    return errors


_CODES = {
    "length <=": "too_long",
    "length >=": "too_short",
    "regex": "pattern",
    "RFC3339": "time",
    "timezone": "time",
    "enum": "choice",
    "<=": "out_of_range",
    ">=": "out_of_range",
}
"""What msgspec says, by words in it, and our code for it; the first that fits."""


def _field_error(name: str, value: object, said: str) -> FieldError:
    reason, _, inside = said.partition(" - at `$")
    path = f"{name}.{_odd_key(value)}" if inside.startswith("[...]") else name + inside.rstrip("`")
    if name == "cost_usd" and isinstance(value, int | float):
        return FieldError(
            path, "money_as_number", 'Money is a decimal string, for example "0.0123", not a JSON number.'
        )
    if name == "cost_usd":
        return FieldError(path, "money", "Expected digits, at most 12 before the point and 15 after it, as a string.")
    if isinstance(value, int) and value < 0:
        return FieldError(path, "negative", f"{name} ({value}) cannot be below 0.")
    return FieldError(path, next((code for words, code in _CODES.items() if words in reason), "type"), reason + ".")


def _odd_key(value: object) -> str:
    """Which pair of an object of strings is none, or too long."""
    pairs = value.items() if isinstance(value, dict) else ()
    odd = (key for key, one in pairs if not isinstance(one, str) or len(one) > MAX_NAME)
    return str(next(odd, ""))[:MAX_NAME]


def text_error(value: object) -> FieldError | None:
    """The first string inside a decoded JSON value that PostgreSQL cannot store: it has U+0000 or half a surrogate."""
    if isinstance(value, str):
        if "\0" in value:
            return FieldError("", "nul", "A string holds the character U+0000, which cannot be stored.")
        if not value.isascii() and _SURROGATE.search(value):
            return FieldError("", "surrogate", "A string holds half a surrogate pair, which is no character.")
        return None
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        parts = (*value.keys(), *value.values())
    elif isinstance(value, list):
        parts = value
    for part in parts:
        if isinstance(part, str):
            if part.isascii() and "\0" not in part:
                continue
        elif not isinstance(part, dict | list):
            continue
        if error := text_error(part):
            return error
    return None


def is_plain(usage: Usage) -> bool:
    """Whether a record is an ordinary model call whose numbers are possible: the common case, decided at once."""
    return (
        usage.operation != "execute_tool"
        and bool(usage.provider)
        and bool(usage.model)
        and usage.input_tokens is not None
        and usage.output_tokens is not None
        and usage.cache_read_input_tokens + usage.cache_creation_input_tokens <= usage.input_tokens
        and usage.cache_creation_1h_input_tokens <= usage.cache_creation_input_tokens
        and usage.reasoning_output_tokens <= usage.output_tokens
    )


def rule_errors(usage: Usage) -> list[FieldError]:
    """Missing fields and impossible numbers, each naming both values. Empty for a record that may be stored."""
    if usage.operation == "execute_tool":
        return _missing(usage, "tool") + _part_errors(usage)
    errors = _missing(usage, "provider", "model")
    for count, text in (("input_tokens", "input_text"), ("output_tokens", "output_text")):
        if getattr(usage, count) is None and getattr(usage, text) is None:
            errors.append(FieldError(count, "missing", f"Send {count}, or {text} to have it counted."))
    return errors + _part_errors(usage)


def _missing(usage: Usage, *names: str) -> list[FieldError]:
    return [FieldError(name, "missing", f"{name} is required.") for name in names if not getattr(usage, name)]


def _part_errors(usage: Usage) -> list[FieldError]:
    is_tool = usage.operation == "execute_tool"
    inputs, outputs = (
        (0 if count is None and is_tool else count) for count in (usage.input_tokens, usage.output_tokens)
    )
    cached = usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    pairs = [
        ("cache_read_input_tokens", "cache reads and writes together", cached, "input_tokens", inputs),
        (
            "cache_creation_1h_input_tokens",
            "cache_creation_1h_input_tokens",
            usage.cache_creation_1h_input_tokens,
            "cache_creation_input_tokens",
            usage.cache_creation_input_tokens,
        ),
        ("reasoning_output_tokens", "reasoning_output_tokens", usage.reasoning_output_tokens, "output_tokens", outputs),
        ("input_audio_tokens", "audio, image and video input together", _media(usage, "input"), "input_tokens", inputs),
        (
            "output_audio_tokens",
            "audio, image and video output together",
            _media(usage, "output"),
            "output_tokens",
            outputs,
        ),
        (
            "cache_read_input_audio_tokens",
            "cached audio and image input together",
            usage.cache_read_input_audio_tokens + usage.cache_read_input_image_tokens,
            "cache_read_input_tokens",
            usage.cache_read_input_tokens,
        ),
        (
            "cache_read_input_audio_tokens",
            "cache_read_input_audio_tokens",
            usage.cache_read_input_audio_tokens,
            "input_audio_tokens",
            usage.input_audio_tokens,
        ),
        (
            "cache_read_input_image_tokens",
            "cache_read_input_image_tokens",
            usage.cache_read_input_image_tokens,
            "input_image_tokens",
            usage.input_image_tokens,
        ),
    ]
    return [
        FieldError(path, "part_exceeds_whole", f"{what} ({part}) cannot exceed {whole_name} ({whole}).")
        for path, what, part, whole_name, whole in pairs
        if whole is not None and part > whole
    ]


def _media(usage: Usage, side: str) -> int:
    return sum(int(getattr(usage, f"{side}_{kind}_tokens")) for kind in ("audio", "image", "video"))


def other_tokens(usage: Usage) -> dict[str, int] | None:
    """The counts of audio, image and video parts that are not 0, or None."""
    found = {name: getattr(usage, name) for name in OTHER_TOKENS if getattr(usage, name)}
    return found or None


def time_error(usage: Usage, earliest: datetime, latest: datetime, now: datetime) -> FieldError | None:
    """Whether occurred_at lies outside [earliest, latest]; the message carries the server's time."""
    moment = usage.occurred_at
    if moment is None or earliest <= moment <= latest:
        return None
    which = ("too_early", "after", earliest) if moment < earliest else ("too_late", "before", latest)
    bound = f"{which[2]:%Y-%m-%dT%H:%M:%SZ}"
    return FieldError(
        "occurred_at",
        which[0],
        f"occurred_at must be {which[1]} {bound}; the server's time is {now:%Y-%m-%dT%H:%M:%SZ}.",
    )
