"""What an agent asks before a call: the fields of `POST /api/routing/decisions` and their limits."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from apps.costs.domain.usage import (
    Count,
    FieldError,
    Id,
    Name,
    Share,
    Tags,
    Usd,
    field_errors,
    text_error,
    without_nulls,
)

from .policy import Ability, ModelKey, Strategy

MAX_MESSAGE = 1_000_000
SCANNED = 65_536
"""Characters of a message that are looked at."""
MAX_FAILED = 50


class Model(msgspec.Struct, frozen=True):
    """A model as the API writes it."""

    provider: Annotated[str, Meta(min_length=1, max_length=128)]
    name: Annotated[str, Meta(min_length=1, max_length=128)]

    @property
    def key(self) -> ModelKey:
        """Provider and name."""
        return (self.provider, self.name)


class FailedAttempt(Model, frozen=True):
    """A model that was tried for this ask, and what it failed with."""

    error_type: Name = ""


class Asked(msgspec.Struct, frozen=True):
    """One question; api.md says what each field means. None is "not sent"."""

    id: Id | None = None
    conversation_id: Name | None = None
    project: Name | None = None
    agent: Name | None = None
    user: Name | None = None
    role: Name | None = None
    task_type: Name | None = None
    tool: Name | None = None
    tags: Tags | None = None
    message: Annotated[str, Meta(max_length=MAX_MESSAGE)] = ""
    input_tokens: Count | None = None
    expected_output_tokens: Count | None = None
    tools_offered: Annotated[int, Meta(ge=0, le=10_000)] | Annotated[list[Name], Meta(max_length=10_000)] | None = None
    requires: Annotated[list[Ability], Meta(max_length=3)] = []
    context_tokens: Count | None = None
    current: Model | None = None
    pinned: Model | None = None
    strategy: Strategy | None = None
    quality_threshold: Share | None = None
    max_cost_usd: Usd | None = None
    failed_attempts: Annotated[list[FailedAttempt], Meta(max_length=MAX_FAILED)] = []
    reserve: bool = False
    parent_reservation_id: Name | None = None
    reserve_ttl_s: Annotated[int, Meta(ge=1, le=3600)] | None = None

    @property
    def tools_count(self) -> int | None:
        """How many tools the call offers; a list of names counts them."""
        return len(self.tools_offered) if isinstance(self.tools_offered, list) else self.tools_offered


# msgspec prepares a type at its first use, which is not safe in two threads at once; an import runs in one.
msgspec.convert({}, Asked)

FIELDS: dict[str, Any] = {field.encode_name: field.type for field in msgspec.structs.fields(Asked)}
WITHOUT_MESSAGE = tuple(name for name in FIELDS if name != "message")
Kind = Literal["route", "keep", "block"]


def read(raw: object) -> Asked | list[FieldError]:
    """A decoded JSON object as a question, or every field of it that is wrong."""
    if odd := text_error(raw):
        return [odd]
    sent = raw
    try:
        if isinstance(raw, dict) and None in raw.values():
            sent = without_nulls(raw)
        return msgspec.convert(sent, Asked)
    except msgspec.ValidationError as error:
        return field_errors(sent, FIELDS, what="A question") or [FieldError("", "type", f"{error}.")]
