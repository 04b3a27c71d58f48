"""Langfuse observations: the export of the observations table, of blob storage, or of the API.

Source: langfuse.com/docs, "Blob storage export field reference" (`observations_v2/`, `observations/`) and "Token & cost
tracking". JSON, JSON lines or CSV; names in snake_case (blob storage) or camelCase (pages and API); objects of a CSV
are JSON in a cell.

A GENERATION or EMBEDDING is a call, a TOOL a tool execution; all other types lie around calls and are left out.
Langfuse's usage types exclude each other: `input` leaves out cached tokens, `output` leaves out reasoning. So the input
is the sum of all types that name input or a prompt cache, the output that of all that name output or reasoning; `total`
is no type. Where a usage object was stored as OpenAI wrote it (`prompt_tokens`), its totals are taken as they are.
`total_cost` is USD; null or 0 means that Langfuse knew no price. `latency` is seconds or milliseconds, depending on how
old the integration is, so it is taken from the times. The conversation is the session, or else the trace.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from .fields import first, listed, mapping, milliseconds, moment, money, money_text, present, tags, text, whole
from .model_names import provider_and_model
from .rows import items, opened, table
from .shapes import Format, Item, LeftOut, Options, Read, Record, TextSource

NO_COUNTS = ("total", "unit", "inputCost", "outputCost", "totalCost")
"""What the API's older `usage` has beside counts."""
CALLS = {"GENERATION": "chat", "EMBEDDING": "embeddings"}


def read(stream: TextSource, options: Options) -> Iterator[Item]:
    """One call or tool execution for each observation that is one."""

    def one(number: int, row: Mapping[str, Any]) -> Item:
        kind = str(row.get("type") or "").upper()
        if kind not in CALLS and kind != "TOOL":
            return LeftOut(number, f"{kind or 'an observation without a type'} is no call")
        at = moment(first(row, "start_time", "startTime"), "start_time")
        common = _who(row, options) | _when(row, at) | _ending(row)
        if kind == "TOOL":
            return Read(number, at, common | {"operation": "execute_tool", "tool": text(row.get("name")) or "tool"})
        common |= present(task_type=text(row.get("name")))
        return Read(number, at, common | {"operation": CALLS[kind]} | _call(row, options) | _cost(row, options))

    return items(opened(table(stream, ("id", "type"))), one)


def _who(row: Mapping[str, Any], options: Options) -> Record:
    trace = text(first(row, "trace_id", "traceId"))
    return present(
        agent=options.agent or text(first(row, "trace_name", "traceName")),
        user=text(first(row, "user_id", "userId")),
        conversation_id=text(first(row, "session_id", "sessionId")) or trace,
        task_id=trace,
        request_id=text(row.get("id")),
        parent_id=text(first(row, "parent_observation_id", "parentObservationId")),
        tags=tags(
            {"environment": row.get("environment"), "release": row.get("release")},
            listed(first(row, "tags", "trace_tags", "traceTags")),
        ),
    )


def _when(row: Mapping[str, Any], at: Any) -> Record:
    return present(
        latency_ms=milliseconds(at, first(row, "end_time", "endTime"), "end_time"),
        time_to_first_token_ms=milliseconds(
            at, first(row, "completion_start_time", "completionStartTime"), "completion_start_time"
        ),
    )


def _ending(row: Mapping[str, Any]) -> Record:
    return {"status": "error", "error_type": "error"} if row.get("level") == "ERROR" else {}


def _call(row: Mapping[str, Any], options: Options) -> Record:
    named = text(first(row, "provided_model_name", "providedModelName", "model")) or ""
    hint = mapping(row.get("metadata")).get("ls_provider")
    provider, model = provider_and_model(options.provider or text(hint) or "", options.model or named)
    tokens = _tokens(_usage(row))
    # Nothing counted is not nothing used: without a cost either, the call would be booked as free.
    if not (any(tokens.values()) or _cost(row, options) or row.get("level") == "ERROR"):
        raise ValueError("the observation has neither counts of input and output tokens nor a cost")
    return {"provider": provider, "model": model, **tokens}


def _usage(row: Mapping[str, Any]) -> dict[str, int]:
    spellings = (row.get(name) for name in ("usage_details", "usageDetails", "usage"))
    written = next((found for found in map(mapping, spellings) if found), None)
    if not written:
        written = {
            "input": first(row, "promptTokens", "inputTokens"),
            "output": first(row, "completionTokens", "outputTokens"),
        }
    counts = {name: count for name, count in written.items() if name not in NO_COUNTS}
    return {name: whole(count, name) for name, count in counts.items()}


def _tokens(usage: Mapping[str, int]) -> Record:
    """Usage types that exclude each other, as totals and the parts within them."""
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        return {"input_tokens": usage.get("prompt_tokens", 0), "output_tokens": usage.get("completion_tokens", 0)}
    made = {name: usage[name] for name in usage if _names(name, "output", "reasoning", "completion")}
    taken = {name: usage[name] for name in usage if name not in made and _names(name, "input", "cache", "prompt")}
    cached = {name: usage[name] for name in taken if "cache" in name}
    writes = {name: usage[name] for name in cached if _names(name, "creation", "write")}
    reads = {name: usage[name] for name in cached if name not in writes}
    return {
        "input_tokens": sum(taken.values()),
        "output_tokens": sum(made.values()),
        **present(
            cache_read_input_tokens=sum(reads.values()),
            cache_creation_input_tokens=sum(writes.values()),
            cache_creation_1h_input_tokens=sum(count for name, count in writes.items() if "1h" in name),
            reasoning_output_tokens=sum(count for name, count in made.items() if "reasoning" in name),
            input_audio_tokens=sum(count for name, count in taken.items() if "audio" in name),
            output_audio_tokens=sum(count for name, count in made.items() if "audio" in name),
        ),
    }


def _names(usage_type: str, *words: str) -> bool:
    return any(word in usage_type for word in words)


def _recorded_cost(row: Mapping[str, Any]) -> Decimal | None:
    details = mapping(first(row, "cost_details", "costDetails"))
    return money(first(row, "total_cost", "totalCost", "calculatedTotalCost") or details.get("total"), "total_cost")


def _cost(row: Mapping[str, Any], options: Options) -> Record:
    total = _recorded_cost(row)
    return {"cost_usd": money_text(total)} if total and options.keep_costs else {}


FORMAT = Format("langfuse-observations", "Langfuse observations (JSON, JSON lines or CSV)", read)
