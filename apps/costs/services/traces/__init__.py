"""Traces of instrumented agents: read from OTLP, turned into usage records, recorded like any other usage."""

from apps.costs.services.traces.reading import BadTraces, spans_of_json, spans_of_protobuf
from apps.costs.services.traces.recording import TraceResult, record_traces

__all__ = ["BadTraces", "TraceResult", "record_traces", "spans_of_json", "spans_of_protobuf"]
