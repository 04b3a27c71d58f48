"""One outcome as it is sent: how a task, a conversation, a decision or one call went, and who says so."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from apps.costs.domain.kinds import OutcomeTarget
from apps.costs.domain.usage import FieldError, Id, Moment, Name, Share

MAX_NOTE = 1000
QUALITY_STEP = Decimal("0.000001")


class SentOutcome(msgspec.Struct, frozen=True, gc=False):
    """An outcome of `POST /api/outcomes`; None is "not sent"."""

    id: Id | None = None
    occurred_at: Moment | None = None
    task_id: Name | None = None
    conversation_id: Name | None = None
    decision_id: Name | None = None
    usage_id: Id | None = None
    project: Name | None = None
    success: bool | None = None
    quality: Share | None = None
    source: Literal["tests", "user", "judge", "agent"] | None = None
    task_type: Name | None = None
    note: Annotated[str, Meta(max_length=MAX_NOTE)] | None = None


# msgspec prepares a type at its first use, which is not safe in two threads at once; an import runs in one.
msgspec.convert({}, SentOutcome)

FIELDS: dict[str, Any] = {field.encode_name: field.type for field in msgspec.structs.fields(SentOutcome)}
KNOWN = frozenset(FIELDS)
TARGETS = {
    "task_id": OutcomeTarget.TASK,
    "conversation_id": OutcomeTarget.CONVERSATION,
    "decision_id": OutcomeTarget.DECISION,
    "usage_id": OutcomeTarget.USAGE,
}


def target_of(sent: SentOutcome) -> tuple[OutcomeTarget, str]:
    """What an outcome without rule errors names."""
    return next((kind, getattr(sent, name)) for name, kind in TARGETS.items() if getattr(sent, name))


def rule_errors(sent: SentOutcome, *, latest: datetime) -> list[FieldError]:
    """What is missing or too much, or lies in the future. Empty for an outcome that may be stored."""
    errors = []
    named = [name for name in TARGETS if getattr(sent, name)]
    if len(named) != 1:
        found = f"this one has {' and '.join(named)}" if named else "this one has none"
        errors.append(
            FieldError(named[1] if named else "task_id", "target", f"Name one of {', '.join(TARGETS)}; {found}.")
        )
    if sent.success is None and sent.quality is None:
        errors.append(FieldError("success", "missing", "Send success, quality, or both."))
    if sent.source is None:
        errors.append(FieldError("source", "missing", "source is required: tests, user, judge or agent."))
    if sent.occurred_at is not None and sent.occurred_at > latest:
        bound = f"{latest:%Y-%m-%dT%H:%M:%SZ}"
        errors.append(FieldError("occurred_at", "too_late", f"occurred_at must be before {bound}."))
    return errors


def quality_of(share: float | None) -> Decimal | None:
    """A quality as it is stored: to six decimals, so that sums of many are exact in any order."""
    return None if share is None else Decimal(repr(share)).quantize(QUALITY_STEP)
