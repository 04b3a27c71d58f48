"""OTLP requests, in protobuf or JSON, as spans. Only what a record needs is taken; prompts and answers are not."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from apps.costs.domain.traces import Span


class BadTraces(ValueError):
    """The body is not an OTLP trace request."""


def spans_of_protobuf(body: bytes) -> list[Span]:
    """Raises BadTraces."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise BadTraces(f"The body is not an ExportTraceServiceRequest: {error}") from error
    return [
        Span(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            status=span.status.code,
            attributes=_protobuf_attributes(span.attributes),
            resource=resource,
            exceptions=[
                str(kind)
                for event in span.events
                if event.name == "exception" and (kind := _protobuf_attributes(event.attributes).get("exception.type"))
            ],
        )
        for group in request.resource_spans
        for resource in (_protobuf_attributes(group.resource.attributes),)
        for scope in group.scope_spans
        for span in scope.spans
    ]


def spans_of_json(data: Any) -> list[Span]:
    """OTLP's JSON: names in camelCase, ids in hexadecimal, 64-bit numbers as strings. Raises BadTraces."""
    if not isinstance(data, dict):
        raise BadTraces("The body must be a JSON object.")
    try:
        return list(_json_spans(data))
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise BadTraces(f"The body is not an ExportTraceServiceRequest: {error}") from error


def _protobuf_attributes(pairs: Any) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        # Lists, objects and bytes are prompts and answers: no field of a record is made of them.
        if kind in ("string_value", "bool_value", "int_value", "double_value"):
            found[pair.key] = getattr(pair.value, kind)
    return found


def _json_spans(data: Mapping[str, Any]) -> Iterator[Span]:
    for group in data.get("resourceSpans") or ():
        resource = _json_attributes((group.get("resource") or {}).get("attributes"))
        for scope in group.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                yield _json_span(span, resource)


def _json_span(span: Mapping[str, Any], resource: Mapping[str, Any]) -> Span:
    events = [event for event in span.get("events") or () if event.get("name") == "exception"]
    exceptions = [_json_attributes(event.get("attributes")).get("exception.type") for event in events]
    status = (span.get("status") or {}).get("code", 0)
    return Span(
        trace_id=str(span.get("traceId", "")).lower(),
        span_id=str(span.get("spanId", "")).lower(),
        parent_id=str(span.get("parentSpanId") or "").lower(),
        start=int(span.get("startTimeUnixNano") or 0),
        end=int(span.get("endTimeUnixNano") or 0),
        status=2 if status == "STATUS_CODE_ERROR" else status if isinstance(status, int) else 0,
        attributes=_json_attributes(span.get("attributes")),
        resource=resource,
        exceptions=[str(kind) for kind in exceptions if kind],
    )


def _json_attributes(pairs: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs or ():
        value = pair.get("value") or {}
        if "intValue" in value:
            found[str(pair.get("key"))] = int(value["intValue"])
        else:
            for kind in ("stringValue", "boolValue", "doubleValue"):
                if kind in value:
                    found[str(pair.get("key"))] = value[kind]
    return found
