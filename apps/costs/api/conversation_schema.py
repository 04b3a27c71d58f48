"""What `/api/conversations` gives, as JSON schema."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from apps.costs.api.schema import MOMENT, MONEY, NUMBER, PROJECT_PARAMETER, RANGE, TEXT, listed, nullable, record
from apps.costs.selectors.conversations import Order, Verdict

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_VERDICT: dict[str, Any] = {
    "success": nullable({"type": "boolean"}),
    "success_source": nullable(TEXT),
    "quality": nullable(_SHARE),
    "quality_source": nullable(TEXT),
}
_CONVERSATION: dict[str, Any] = {
    "project": TEXT,
    "sent_project": TEXT,
    "id": TEXT,
    "agent": TEXT,
    "first_at": MOMENT,
    "last_at": MOMENT,
    "calls": NUMBER,
    "error_calls": NUMBER,
    "tool_executions": NUMBER,
    "unpriced_calls": NUMBER,
    "input_tokens": NUMBER,
    "output_tokens": NUMBER,
    "cache_read_input_tokens": NUMBER,
    "cost_usd": MONEY,
    **_VERDICT,
}
_MODEL = record(
    provider=TEXT,
    model=TEXT,
    calls=NUMBER,
    error_calls=NUMBER,
    unpriced_calls=NUMBER,
    input_tokens=NUMBER,
    cache_read_input_tokens=NUMBER,
    cache_creation_input_tokens=NUMBER,
    output_tokens=NUMBER,
    reasoning_output_tokens=NUMBER,
    cost_usd=MONEY,
)
_TOOL = record(
    tool=TEXT,
    executions=NUMBER,
    failed_executions=NUMBER,
    own_usd=MONEY,
    calls=NUMBER,
    unpriced_calls=NUMBER,
    calls_usd=MONEY,
    cost_usd=MONEY,
)
_TASK = record(id=nullable(TEXT), calls=NUMBER, cost_usd=MONEY, **_VERDICT)
_OUTCOME = record(
    id=TEXT,
    task_id=TEXT,
    source=TEXT,
    success=nullable({"type": "boolean"}),
    quality=nullable(_SHARE),
    note=TEXT,
    occurred_at=MOMENT,
    received_at=MOMENT,
    by=TEXT,
)
LIST = record(results=listed(record(**_CONVERSATION)), next=nullable(TEXT), previous=nullable(TEXT))
ONE = record(
    **_CONVERSATION,
    models=listed(_MODEL),
    tools=listed(_TOOL),
    tasks=listed(_TASK),
    outcomes=listed(_OUTCOME),
    steps=listed({"type": "object"}),
    next=nullable(TEXT),
)


def _parameter(name: str, description: str, kind: Any = OpenApiTypes.STR, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


LIST_PARAMETERS = [
    *RANGE,
    _parameter("sort", "What comes first: the dearest, or what was last heard of.", enum=[one.value for one in Order]),
    _parameter("outcome", "Only conversations that went so.", enum=[one.value for one in Verdict]),
    _parameter("limit", "Conversations a page, 1 to 1000.", OpenApiTypes.INT),
    _parameter("cursor", "From `next`."),
]
ONE_PARAMETERS = [
    *PROJECT_PARAMETER,
    _parameter("limit", "Steps a page, 1 to 1000.", OpenApiTypes.INT),
    _parameter("offset", "Steps to leave out; `next` has it.", OpenApiTypes.INT),
]
