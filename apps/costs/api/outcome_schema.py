"""What `/api/outcomes` takes and gives, as JSON schema; outcomes come from the type that reads them."""

from typing import Any

from apps.costs.api.schema import ERROR, NUMBER, TEXT, nullable, struct_schema
from apps.costs.domain.outcomes import TARGETS, SentOutcome


def _outcome() -> dict[str, Any]:
    """An outcome names exactly one target, says success or quality, and who says so."""
    found = struct_schema(SentOutcome)
    properties = dict(found["properties"])
    for name in (*TARGETS, "source", "success", "quality"):
        properties[name] = next(kind for kind in properties[name]["anyOf"] if kind.get("type") != "null")
    for name in ("task_id", "conversation_id", "decision_id"):
        properties[name] = {**properties[name], "minLength": 1}
    return {
        **found,
        "properties": properties,
        "required": ["source"],
        "oneOf": [{"required": [name]} for name in TARGETS],
        "anyOf": [{"required": ["success"]}, {"required": ["quality"]}],
    }


OUTCOME = _outcome()
REQUEST = {
    "application/json": {
        "anyOf": [
            OUTCOME,
            {
                "type": "object",
                "required": ["outcomes"],
                "properties": {"outcomes": {"type": "array", "items": OUTCOME, "minItems": 1, "maxItems": 1000}},
            },
        ]
    }
}
_RESULT = {
    "type": "object",
    "required": ["index", "id", "status"],
    "properties": {
        "index": NUMBER,
        "id": nullable(TEXT),
        "status": {"enum": ["accepted", "duplicate", "conflict", "rejected"]},
        "waiting": {"type": "boolean"},
        "errors": {"type": "array", "items": ERROR},
        "warnings": {"type": "array", "items": ERROR},
    },
}
_COUNTS = ("accepted", "duplicates", "conflicts", "rejected", "waiting")
ANSWER = {
    "type": "object",
    "required": [*_COUNTS, "results"],
    "properties": {**dict.fromkeys(_COUNTS, NUMBER), "results": {"type": "array", "items": _RESULT}},
}
