"""What `/v1/traces` takes and gives, as JSON schema: the part of OTLP that is read. Protobuf says the same."""

from typing import Any

from apps.costs.api.schema import TEXT, listed

_NANOSECONDS: dict[str, Any] = {"type": ["string", "integer"], "description": "since 1970, a decimal string"}
_VALUE = {
    "type": "object",
    "properties": {
        "stringValue": TEXT,
        "boolValue": {"type": "boolean"},
        "intValue": {"type": ["string", "integer"], "pattern": r"^-?\d{1,19}$"},
        "doubleValue": {"type": "number"},
    },
}
_ATTRIBUTES = listed({"type": "object", "required": ["key"], "properties": {"key": TEXT, "value": _VALUE}})
_SPAN = {
    "type": "object",
    "required": ["traceId", "spanId"],
    "properties": {
        "traceId": {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
        "spanId": {"type": "string", "pattern": "^[0-9a-fA-F]{16}$"},
        "parentSpanId": {"type": "string", "pattern": "^([0-9a-fA-F]{16})?$"},
        "name": TEXT,
        "startTimeUnixNano": {**_NANOSECONDS, "pattern": r"^\d{1,19}$"},
        "endTimeUnixNano": {**_NANOSECONDS, "pattern": r"^\d{1,19}$"},
        "attributes": _ATTRIBUTES,
        "status": {"type": "object", "properties": {"code": {"type": "integer"}}},
    },
}
_SCOPE = {"type": "object", "properties": {"spans": listed(_SPAN)}}
_RESOURCE = {"type": "object", "properties": {"attributes": _ATTRIBUTES}}
_GROUP = {"type": "object", "properties": {"resource": _RESOURCE, "scopeSpans": listed(_SCOPE)}}
BYTES = {"type": "string", "format": "binary"}
REQUEST = {
    "application/json": {"type": "object", "properties": {"resourceSpans": listed(_GROUP)}},
    "application/x-protobuf": BYTES,
}
ANSWER = {
    "type": "object",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "required": ["rejectedSpans", "errorMessage"],
            "properties": {"rejectedSpans": TEXT, "errorMessage": TEXT},
        }
    },
}
