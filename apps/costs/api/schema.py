"""What the usage and metrics endpoints take and give, as JSON schema; records come from the types that read them."""

from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from apps.costs.api.asking import FILTERS
from apps.costs.domain.usage import OTHER_TOKENS, Usage

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
MONEY: dict[str, Any] = {"type": "string", "pattern": r"^-?\d+\.\d{2,15}$"}
MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def record_schema() -> dict[str, Any]:
    """One usage record, from the struct that reads it."""
    return struct_schema(Usage)


def struct_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """What a struct reads, its patterns in the dialect of JSON schema."""
    _, components = msgspec.json.schema_components([struct])
    found: dict[str, Any] = _without_python_anchors(components[struct.__name__])
    return found


def _without_python_anchors(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_python_anchors(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_python_anchors(item) for item in value]
    return value.replace(r"\Z", "$") if isinstance(value, str) else value


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def record(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object that has all of these properties."""
    return _object(**properties)


def listed(items: dict[str, Any]) -> dict[str, Any]:
    """A list of these."""
    return _list(items)


def results(row: dict[str, dict[str, Any]], **more: dict[str, Any]) -> dict[str, Any]:
    """A list of rows as `results`, and what is told beside it."""
    return _object(results=_list(_object(**row)), **more)


RECORD = record_schema()
ESTIMATE_FIELDS = (
    "provider",
    "model",
    "occurred_at",
    "input_tokens",
    "output_tokens",
    "input_text",
    "output_text",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens",
    "reasoning_output_tokens",
    *OTHER_TOKENS,
    "web_searches",
    "requests",
    "calls",
    "service_tier",
)
ESTIMATE_REQUEST = {
    "application/json": {
        "type": "object",
        "required": ["provider", "model"],
        "properties": {name: RECORD["properties"][name] for name in ESTIMATE_FIELDS},
    }
}
USAGE_REQUEST = {
    "application/json": {
        "anyOf": [
            RECORD,
            {
                "type": "object",
                "required": ["records"],
                "properties": {"records": {**_list(RECORD), "minItems": 1, "maxItems": 1000}},
            },
        ]
    }
}
ERROR = _object(path=TEXT, code=TEXT, message=TEXT)
_RESULT = {
    "type": "object",
    "required": ["index", "id", "status"],
    "properties": {
        "index": NUMBER,
        "id": nullable(TEXT),
        "status": {"enum": ["accepted", "duplicate", "conflict", "rejected"]},
        "errors": _list(ERROR),
        "warnings": _list(ERROR),
        "cost_usd": nullable(MONEY),
    },
}
USAGE_ANSWER = _object(
    accepted=NUMBER,
    duplicates=NUMBER,
    conflicts=NUMBER,
    rejected=NUMBER,
    unpriced=NUMBER,
    cost_usd=MONEY,
    results=_list(_RESULT),
    budgets=_list({"type": "object"}),
)
_COST_PART = _object(unit=TEXT, count=NUMBER, rate_usd=TEXT, cost_usd=MONEY, assumed={"type": "boolean"})
_PRICE = _object(
    id=NUMBER, provider=TEXT, model=TEXT, effective_from=nullable(MOMENT), source=TEXT, source_version=TEXT
)
ESTIMATE_ANSWER = {
    (200, "application/json"): _object(
        cost_usd=nullable(MONEY),
        reason_code=nullable(TEXT),
        reason=nullable(TEXT),
        occurred_at=MOMENT,
        input_tokens=NUMBER,
        output_tokens=NUMBER,
        usage_source={"enum": ["provider", "estimate"]},
        cost_parts=nullable(_list(_COST_PART)),
        assumed=_list(TEXT),
        price=nullable(_PRICE),
        match=nullable(_object(provider=TEXT, model=TEXT, why=TEXT, explanation=TEXT)),
        warnings=_list(ERROR),
    )
}
_TRIED = _object(
    provider=TEXT,
    by={"enum": ["name", "rule"]},
    spellings=_list(TEXT),
    found=nullable(TEXT),
    refused={"type": "boolean"},
)
MATCH_ANSWER = {
    (200, "application/json"): _object(
        provider=TEXT,
        model=TEXT,
        match=nullable(_object(provider=TEXT, model=TEXT, why=TEXT, explanation=TEXT)),
        reason_code=nullable(TEXT),
        explanation=TEXT,
        price=nullable(_PRICE),
        tried=_list(_TRIED),
        near_misses=_list(_object(provider=TEXT, model=TEXT, differs=TEXT)),
        listed_at=_list(TEXT),
    )
}
USAGE_LIST = _object(results=_list({"type": "object"}), next=nullable(TEXT), previous=nullable(TEXT))
COST_METRICS = {
    (200, "application/json"): _object(
        **{"from": MOMENT},
        to=MOMENT,
        tz=TEXT,
        interval=TEXT,
        group_by=_list(TEXT),
        totals={"type": "object"},
        error_bar=nullable(_object(percent=TEXT, error_usd=MONEY, covered_percent=NUMBER, invoice_lines=NUMBER)),
        results=_list({"type": "object"}),
        conversations=nullable(_object(count=NUMBER, cost_usd=MONEY, cost_per_conversation_usd=nullable(MONEY))),
        tools=nullable(_object(executions=NUMBER, cost_usd=MONEY, cost_per_execution_usd=nullable(MONEY))),
        trend=nullable(_object(**{"from": MOMENT}, to=MOMENT, cost_usd=MONEY)),
        subscriptions=nullable(_object(cost_usd=MONEY, results=_list({"type": "object"}))),
        freshness=nullable(MOMENT),
        warnings=_list(ERROR),
    )
}

RATED_METRICS = {
    (200, "application/json"): _object(
        **{"from": MOMENT},
        to=MOMENT,
        tz=TEXT,
        interval=TEXT,
        group_by=_list(TEXT),
        totals={"type": "object"},
        results=_list({"type": "object"}),
        unanswered=_list(_object(path=TEXT, message=TEXT)),
        freshness=nullable(MOMENT),
        warnings=_list(ERROR),
    )
}


def _parameter(name: str, description: str, kind: Any = OpenApiTypes.STR, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


TAGGED = "tag:{name}"
"""A filter for every tag there is."""
RANGE = [
    _parameter("from", "Start of the range, inclusive.", OpenApiTypes.DATETIME),
    _parameter("to", "End of the range, exclusive.", OpenApiTypes.DATETIME),
    _parameter("tz", "IANA time zone that days are cut in."),
    _parameter("demo", "1: usage of demo projects as well.", enum=["0", "1"]),
    *(_parameter(name, f"Only usage of this {name}; may be repeated.", many=True) for name in FILTERS),
    _parameter(TAGGED, "Only usage with this value of the tag that is named; may be repeated.", many=True),
]
MATCH_PARAMETERS = [
    _parameter("model", "The name as an agent would send it.", required=True),
    _parameter("provider", "Who bills for it; left out, the name is read as provider/model."),
    _parameter("at", "The instant of the call; now when left out.", OpenApiTypes.DATETIME),
]
LIST_PARAMETERS = [
    *RANGE,
    _parameter("limit", "Records a page, 1 to 1000.", OpenApiTypes.INT),
    _parameter("cursor", "From `next` or `previous`."),
    _parameter("unpriced", "1: only records whose cost is unknown.", enum=["0", "1"]),
]
METRICS_PARAMETERS = [
    *RANGE,
    _parameter("interval", "Length of the buckets.", enum=["hour", "day", "week", "month", "none"]),
    _parameter("group_by", "Up to two dimensions, separated by a comma."),
]
RESULTS_PARAMETER = [_parameter("results", "all: one result for every record.", enum=["all"])]
PROJECT_PARAMETER = [_parameter("project", 'The project of the record; else the key\'s, else "default".')]
ANY_OBJECT = {(200, "application/json"): {"type": "object"}}
