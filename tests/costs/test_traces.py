"""POST /v1/traces: spans of instrumented agents become usage records, by today's attribute names and by older ones."""

import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from apps.access.domain.identity import Scope
from apps.access.models import Agent, Project
from apps.access.selectors.places import project_id_of
from apps.costs.domain.traces import BadSpan, Span, operation_of, record_of
from apps.costs.models import UsageRecord
from tests.cast import HeldKey
from tests.costs.posting import call, load_prices, posted

TRACE, PROTOBUF = "5b8efff798038103d269b633813fc60c", "application/x-protobuf"
START = 1_795_636_061_714_576_512
AT = "2026-11-25T19:47:41.714576+00:00"
# What OpenLLMetry 0.62.4 sends for a call of the OpenAI SDK, without the messages.
RECORDED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1",
    "gen_ai.is_streaming": False,
    "gen_ai.response.model": "gpt-4.1-2025-04-14",
    "gen_ai.response.id": "chatcmpl-1",
    "openai.response.service_tier": "default",
    "gen_ai.usage.total_tokens": 1500,
    "gen_ai.usage.output_tokens": 300,
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.cache_read.input_tokens": 800,
    "gen_ai.usage.reasoning_tokens": 100,
}
COUNTS = {"input_tokens": 1200, "output_tokens": 300}
CHAT = {"operation": "chat", "provider": "openai", "model": "gpt-4.1", **COUNTS}
MINIMAL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4.1",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
}


def span(attributes: dict[str, Any], number: int = 1, **changes: Any) -> Span:
    usual: dict[str, Any] = {"trace_id": TRACE, "span_id": f"{number:016x}", "parent_id": "", "start": START,
             "end": START + 840_000_000, "status": 0}  # fmt: skip
    return Span(**(usual | {"attributes": attributes} | changes))


def record(attributes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The record of a span, without what every record has."""
    found = record_of(span(attributes, **changes))
    assert found is not None
    common = {"id": f"{TRACE}-0000000000000001", "occurred_at": AT, "latency_ms": 840, "run_id": TRACE}
    assert found.items() >= common.items()
    return {name: value for name, value in found.items() if name not in common}


def test_a_recorded_span() -> None:
    parent = record(RECORDED, parent_id="00f067aa0ba902b7", resource={"service.name": "support"})
    assert parent == CHAT | {
        "model": "gpt-4.1-2025-04-14",
        "response_id": "chatcmpl-1",
        "agent": "support",
        "parent_id": f"{TRACE}-00f067aa0ba902b7",
        "cache_read_input_tokens": 800,
        "reasoning_output_tokens": 100,
    }


OLDER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4.1",
         "gen_ai.usage.prompt_tokens": 1200, "gen_ai.usage.completion_tokens": 300},
        CHAT,
    ),
    (
        {"llm.request.type": "chat", "llm.vendor": "openai", "llm.request.model": "gpt-4.1",
         "llm.usage.prompt_tokens": 1200, "llm.usage.completion_tokens": 300,
         "traceloop.association.properties.session_id": "42"},
        CHAT | {"conversation_id": "42"},
    ),
    (
        {"openinference.span.kind": "LLM", "llm.provider": "openai", "llm.model_name": "gpt-4.1",
         "llm.token_count.prompt": 1200, "llm.token_count.completion": 300, "session.id": "42", "user.id": "alice",
         "llm.token_count.prompt_details.cache_read": 800, "llm.token_count.completion_details.reasoning": 100},
        CHAT | {"conversation_id": "42", "user": "alice", "cache_read_input_tokens": 800,
                "reasoning_output_tokens": 100},
    ),
    (
        {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai", "gen_ai.request.model": "e",
         "gen_ai.usage.input_tokens": 8},
        {"operation": "embeddings", "role": "embedding", "provider": "openai", "model": "e", "input_tokens": 8,
         "output_tokens": 0},
    ),
    (
        # Anthropic's own input leaves out what was cached.
        MINIMAL | {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read_input_tokens": 900,
                   "gen_ai.usage.cache_creation_input_tokens": 200},
        CHAT | {"input_tokens": 1200, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 200},
    ),
    (
        MINIMAL | {"gen_ai.response.time_to_first_chunk": 0.25, "openai.response.service_tier": "flex"},
        CHAT | {"time_to_first_token_ms": 250, "service_tier": "flex"},
    ),
    (
        MINIMAL | {"bursar.task_type": "code", "bursar.project": "web", "bursar.tag.team": "x", "bursar.attempt": 2,
                   "gen_ai.agent.name": "coder", "gen_ai.conversation.id": "42", "bursar.cost_usd": "0"},
        CHAT | {"task_type": "code", "project": "web", "tags": {"team": "x"}, "attempt": 2, "agent": "coder",
                "conversation_id": "42"},
    ),
    (
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "browser", "gen_ai.tool.call.id": "c1",
         "gen_ai.provider.name": "openai"},
        {"operation": "execute_tool", "tool": "browser", "tool_call_id": "c1"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "expected"), OLDER)
def test_attribute_names_of_all_ages(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert record(attributes) == expected


def test_failed_calls() -> None:
    failed = {name: value for name, value in MINIMAL.items() if "usage" not in name}
    expected = CHAT | {"input_tokens": 0, "output_tokens": 0, "status": "error"}
    assert record(failed | {"error.type": "429"}, status=2) == expected | {"error_type": "429"}
    assert record(failed, status=2, exceptions=["TimeoutError"]) == expected | {"error_type": "TimeoutError"}
    assert record(failed, status=2) == expected | {"error_type": "unknown"}


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "POST"},
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 9},
        {"gen_ai.operation.name": "create_agent"},
        {"gen_ai.operation.name": "invoke_agent", "llm.request.type": "chat"},
        {"openinference.span.kind": "AGENT"},
        {"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 9},
        {"traceloop.span.kind": "workflow"},
    ],
)
def test_what_is_no_call(attributes: dict[str, Any]) -> None:
    assert operation_of(span(attributes)) is None
    assert record_of(span(attributes)) is None


@pytest.mark.parametrize(
    "ids",
    [
        {"trace_id": "00"},
        {"span_id": ""},
        {"trace_id": f"{TRACE}\n"},
        {"trace_id": "0" * 32},
        {"span_id": "0" * 16},
    ],
)
def test_a_call_needs_its_ids(ids: dict[str, Any]) -> None:
    with pytest.raises(BadSpan, match="is none"):
        record_of(span(MINIMAL, **ids))


# Through the API


@pytest.fixture
def writer(writer: HeldKey) -> HeldKey:
    """With a small price book."""
    load_prices()
    return writer


def value_of(value: object) -> dict[str, Any]:
    kinds: list[tuple[type, str]] = [
        (bool, "boolValue"),
        (int, "intValue"),
        (float, "doubleValue"),
        (str, "stringValue"),
    ]
    kind = next(name for one, name in kinds if isinstance(value, one))
    return {kind: str(value) if kind == "intValue" else value}


def otlp(*spans: Span, service: str = "support") -> dict[str, Any]:
    """An OTLP request in JSON."""
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    told = [
        {"traceId": one.trace_id, "spanId": one.span_id, "startTimeUnixNano": str(one.start), "kind": 3, "name": "x",
         "endTimeUnixNano": str(one.end), "status": {"code": one.status},
         "attributes": [{"key": name, "value": value_of(value)} for name, value in one.attributes.items()]}
        for one in spans
    ]  # fmt: skip
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": told}]}]}


def protobuf(data: dict[str, Any]) -> bytes:
    """The same in protobuf."""
    request = ExportTraceServiceRequest()
    for group in data["resourceSpans"]:
        made = request.resource_spans.add()
        fill(made.resource.attributes, group["resource"]["attributes"])
        for one in group["scopeSpans"][0]["spans"]:
            target = made.scope_spans.add().spans.add(
                trace_id=bytes.fromhex(one["traceId"]), span_id=bytes.fromhex(one["spanId"]), name=one["name"],
                start_time_unix_nano=int(one["startTimeUnixNano"]), end_time_unix_nano=int(one["endTimeUnixNano"]),
            )  # fmt: skip
            target.status.code = one["status"]["code"]
            fill(target.attributes, one["attributes"])
    return bytes(request.SerializeToString())


def fill(target: Any, pairs: list[dict[str, Any]]) -> None:
    names = {"stringValue": "string_value", "boolValue": "bool_value", "intValue": "int_value",
             "doubleValue": "double_value"}  # fmt: skip
    for pair in pairs:
        (kind, value), made = next(iter(pair["value"].items())), target.add(key=pair["key"])
        setattr(made.value, names[kind], int(value) if kind == "intValue" else value)


def now_span(attributes: dict[str, Any], number: int = 1, **changes: Any) -> Span:
    start = time.time_ns() - 10**9
    return span(attributes, number, **({"start": start, "end": start + 840_000_000} | changes))


def send(key: HeldKey, data: dict[str, Any]) -> dict[str, Any]:
    answer = key.client.post("/v1/traces", json.dumps(data), "application/json")
    assert answer.status_code == 200, answer.content
    return {"spans": answer["X-Bursar-Spans"], **answer.json().get("partialSuccess", {})}


@pytest.mark.parametrize("form", ["json", "protobuf", "protobuf, gzip"])
def test_it_works(writer: HeldKey, form: str) -> None:
    data = otlp(now_span(RECORDED), now_span({"http.request.method": "POST"}, 2), now_span(RECORDED, 3, status=2))
    body = json.dumps(data).encode() if form == "json" else protobuf(data)
    headers = {"Content-Encoding": "gzip"} if "gzip" in form else {}
    body = gzip.compress(body) if headers else body
    kind = "application/json" if form == "json" else PROTOBUF
    for accepted, duplicates, twice in ((2, 0, True), (0, 2, False)):
        answer = writer.client.post("/v1/traces", body, kind, headers=headers)
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == kind
        assert answer["X-Bursar-Spans"] == f"accepted={accepted}, duplicates={duplicates}, ignored=1, rejected=0"
        message = (
            answer.json().get("partialSuccess", {}).get("errorMessage", "")
            if form == "json"
            else ExportTraceServiceResponse.FromString(answer.content).partial_success.error_message
        )
        assert ("count twice" in message) is twice
    ok, failed = UsageRecord.objects.order_by("usage_id")
    assert (ok.usage_id, ok.input_tokens, ok.cache_read_input_tokens) == (f"{TRACE}-0000000000000001", 1200, 800)
    assert ok.cost_usd == Decimal("0.0036")  # 400 * 2 + 800 * 0.5 + 300 * 8, a million
    assert (ok.run_id, ok.latency_ms, ok.response_id) == (TRACE, 840, "chatcmpl-1")
    assert failed.latency_ms == 840


def test_a_refused_span_costs_the_others_nothing(writer: HeldKey) -> None:
    no_usage = {name: value for name, value in MINIMAL.items() if "usage" not in name}
    old = now_span(MINIMAL, 3, start=1_000_000_000_000_000_000, end=0)
    told = send(writer, otlp(now_span(MINIMAL, 1), now_span(no_usage, 2), old, now_span(MINIMAL, 4, span_id="xyz")))
    assert told["spans"] == "accepted=1, duplicates=0, ignored=0, rejected=3"
    assert told["rejectedSpans"] == "3"
    for words in ("'xyz' is none", f"{TRACE}-0000000000000002: Send input_tokens", "occurred_at must be after"):
        assert words in told["errorMessage"]
    assert UsageRecord.objects.count() == 1


def test_the_same_call_by_two_ways_is_warned_of(writer: HeldKey) -> None:
    posted(writer, call(id="by-the-client", response_id="chatcmpl-1", occurred_at=datetime.now(UTC).isoformat()))
    other = send(writer, otlp(now_span({**RECORDED, "gen_ai.response.id": "chatcmpl-2"}, 1)))
    assert "errorMessage" not in other
    told = send(writer, otlp(now_span(RECORDED, 2)))
    assert told["rejectedSpans"] == "0"
    assert told["errorMessage"].startswith(
        "1 calls were reported by another way too, and count twice (response ids chatcmpl-1)."
    )
    assert UsageRecord.objects.count() == 3


def test_a_key_of_one_agent_speaks_for_it(make_held_key: Callable[..., HeldKey], support: Project) -> None:
    agent = Agent.objects.create(project=support, name="triage")
    key = make_held_key(Scope.USAGE_WRITE, project_id=support.pk, agent_id=agent.pk)
    told = send(key, otlp(now_span(MINIMAL, 1), now_span({**MINIMAL, "bursar.agent": "other"}, 2), service="unknown"))
    assert told["spans"] == "accepted=1, duplicates=0, ignored=0, rejected=1"
    assert UsageRecord.objects.get().project_id == project_id_of("support")


def test_many_spans_are_recorded_in_batches(writer: HeldKey, settings: Any) -> None:
    settings.INGEST_MAX_RECORDS = 2
    told = send(writer, otlp(*(now_span(MINIMAL, number) for number in range(1, 6))))
    assert told["spans"] == "accepted=5, duplicates=0, ignored=0, rejected=0"


BODIES = [
    (b"[]", "application/json", 400),
    (b'{"resourceSpans": 5}', "application/json", 400),
    (b'{"resourceSpans": [5]}', "application/json", 400),
    (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "x"}]}]}]}', "application/json", 400),
    (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": 1e999}]}]}]}', "application/json", 400),
    (b"", "application/json", 400),
    (b"\xff\xff", PROTOBUF, 400),
    (b"x", "text/plain", 415),
    (b"{}", "application/json", 200),
    (b"", PROTOBUF, 200),
]


def test_bodies(writer: HeldKey) -> None:
    for body, kind, status in BODIES:
        # Django's client says nothing of the type of an empty body by itself.
        answer = writer.client.post("/v1/traces", body, kind, headers={"Content-Type": kind})
        assert (body, kind, answer.status_code) == (body, kind, status), answer.content
        assert status == 200 or answer["Content-Type"] == "application/problem+json"


def test_a_body_that_is_too_large_is_refused(writer: HeldKey, settings: Any) -> None:
    settings.INGEST_MAX_BYTES = 1000
    body = gzip.compress(b"\0" * 5000)
    answer = writer.client.post("/v1/traces", body, PROTOBUF, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_it_needs_a_key_that_may_report(charlie: Any, reader: HeldKey) -> None:
    assert charlie.post("/v1/traces", b"{}", "application/json").status_code == 401
    assert reader.client.post("/v1/traces", b"{}", "application/json").status_code == 403
