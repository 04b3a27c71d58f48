"""`POST /v1/traces`: OTLP over HTTP, so that any instrumented agent reports without a line of ours."""

from collections.abc import Mapping
from datetime import timedelta
from typing import IO, Any, ClassVar, cast

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.access.api.bodies import read_body
from apps.access.domain.identity import Caller, Scope
from apps.costs.api import trace_schema
from apps.costs.domain.traces import Span
from apps.costs.services.ingest.reading import Window
from apps.costs.services.traces import BadTraces, TraceResult, record_traces, spans_of_json, spans_of_protobuf

PROTOBUF = "application/x-protobuf"


class TracesView(APIView):
    """Take spans; those that are model calls or tool executions become usage records."""

    judges_each_record = True
    required_scopes: ClassVar = {"POST": Scope.USAGE_WRITE}

    def get_parsers(self) -> list[BaseParser]:
        """JSON as everywhere, and protobuf."""
        return [*super().get_parsers(), ProtobufParser()]

    @extend_schema(
        operation_id="traces_record",
        request=trace_schema.REQUEST,
        responses={(200, "application/json"): trace_schema.ANSWER, (200, PROTOBUF): trace_schema.BYTES},
    )
    def post(self, request: Request) -> HttpResponse:
        """Record the calls among the spans; answers after the database has committed, in the format of the request."""
        data: Any = request.data
        if request.stream is None and (request.content_type or "").startswith(PROTOBUF):
            # A protobuf body without a byte is a request without a span; no parser gets to see it.
            data = Decoded([])
        try:
            spans = data.spans if isinstance(data, Decoded) else spans_of_json(data if request.stream else None)
        except BadTraces as error:
            raise ParseError(str(error)) from error
        now = timezone.now()
        window = Window(
            now,
            now - timedelta(days=settings.INGEST_PAST_DAYS),
            now + timedelta(seconds=settings.INGEST_FUTURE_SECONDS),
        )
        caller = cast(Caller, request.auth)
        result = record_traces(spans, caller=caller, now=now, window=window, batch=settings.INGEST_MAX_RECORDS)
        return _answer(result, protobuf=isinstance(data, Decoded))


class Decoded:
    """The spans of a protobuf body."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans


class ProtobufParser(BaseParser):
    """Reads an ExportTraceServiceRequest. Raises ParseError (400) or RequestDataTooBig (413)."""

    media_type = PROTOBUF

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = parser_context["request"] if parser_context else None
        body = read_body(stream, request.META.get("HTTP_CONTENT_ENCODING", "") if request else "")
        try:
            return Decoded(spans_of_protobuf(body))
        except BadTraces as error:
            raise ParseError(str(error)) from error


def _answer(result: TraceResult, *, protobuf: bool) -> HttpResponse:
    """`partial_success` only when there is something to say: exporters log whatever stands there."""
    if protobuf:
        told = ExportTraceServiceResponse()
        if result.message:
            told.partial_success.rejected_spans = result.rejected
            told.partial_success.error_message = result.message
        response = HttpResponse(told.SerializeToString(), content_type=PROTOBUF)
    else:
        partial = {"rejectedSpans": str(result.rejected), "errorMessage": result.message}
        response = JsonResponse({"partialSuccess": partial} if result.message else {})
    counts = ("accepted", "duplicates", "ignored", "rejected")
    response["X-Bursar-Spans"] = ", ".join(f"{name}={getattr(result, name)}" for name in counts)
    return response
