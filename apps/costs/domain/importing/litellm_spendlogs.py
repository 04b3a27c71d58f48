"""LiteLLM spend logs: the table `LiteLLM_SpendLogs`, one row per request through the proxy.

Source: BerriAI/litellm, `schema.prisma` (model LiteLLM_SpendLogs), `get_logging_payload` of
`litellm/proxy/spend_tracking/spend_tracking_utils.py` and `calculate_usage` of
`litellm/llms/anthropic/chat/transformation.py`. As JSON (`GET /spend/logs`, or the pages of
`GET /spend/logs/v2` with their `data`), JSON lines, or CSV of the table; JSON columns of a CSV are JSON in a cell.

`prompt_tokens` includes cached tokens: LiteLLM adds Anthropic's reads and writes to it. Versions before that left them
out; a row whose cached tokens exceed its `prompt_tokens` is one of those, and gets the missing ones added.
`spend` is LiteLLM's own calculation in USD; 0 means that it knew no price. A failed call has `status` failure.
`request_id` is the provider's response id, with `_cache_hit<time>` behind it when the proxy's own cache answered.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .fields import (
    SERVICE_TIERS,
    first,
    listed,
    mapping,
    milliseconds,
    moment,
    money,
    money_text,
    present,
    tags,
    text,
    whole,
)
from .model_names import provider_and_model
from .rows import items, opened, table
from .shapes import Format, Item, Options, Read, Record, TextSource

OPERATIONS = {"completion": "chat", "responses": "chat", "anthropic_messages": "chat", "embedding": "embeddings",
              "text_completion": "text_completion", "generate_content": "generate_content",
              "generate_content_stream": "generate_content"}  # fmt: skip
ASYNCHRONOUS = ("atext_completion", "acompletion", "aresponses", "aanthropic_messages", "aembedding",
                "agenerate_content", "agenerate_content_stream", "aimage_generation", "aimage_edit", "amoderation",
                "atranscription", "aspeech", "arerank", "asearch", "aocr", "allm_passthrough_route", "_arealtime",
                "_aresponses_websocket", "avideo_generation")  # fmt: skip
"""Spellings that LiteLLM gives the same call when it is awaited; other names may begin with an "a" of their own."""
NEEDED = ("request_id", "startTime", "prompt_tokens", "completion_tokens", "model")
KEY_HASH_SHOWN = 16


def read(stream: TextSource, options: Options) -> Iterator[Item]:
    """One call, or tool execution of an MCP server, for each row."""

    def one(number: int, row: Mapping[str, Any]) -> Item:
        if "models" in row and "model" not in row:
            raise ValueError("the row sums up a day: ask for single calls, with summarize=false")
        at = moment(first(row, "startTime", "start_time"), "startTime")
        metadata = mapping(row.get("metadata"))
        record = _who(row, metadata, options) | _when(row, at) | _ending(row, metadata)
        what = _tool(row) if row.get("mcp_namespaced_tool_name") else _call(row, metadata, options)
        return Read(number, at, record | what | _cost(row, options))

    return items(opened(table(stream, NEEDED)), one)


def _who(row: Mapping[str, Any], metadata: Mapping[str, Any], options: Options) -> Record:
    customer, member = text(row.get("end_user")), text(row.get("user"))
    named = {
        "team": metadata.get("user_api_key_team_alias") or row.get("team_id"),
        "litellm_key": str(row.get("api_key") or "")[:KEY_HASH_SHOWN],
        "litellm_user": member if customer else None,
        "model_group": row.get("model_group") if row.get("model_group") != row.get("model") else None,
    }
    return present(
        agent=options.agent or text(metadata.get("user_api_key_alias")),
        user=customer or member,
        conversation_id=text(row.get("session_id")),
        response_id=text(str(row.get("request_id") or "").partition("_cache_hit")[0]),
        tags=tags(named, listed(row.get("request_tags"))),
    )


def _when(row: Mapping[str, Any], at: Any) -> Record:
    end, began = first(row, "endTime", "end_time"), first(row, "completionStartTime")
    latency = whole(row.get("request_duration_ms"), "request_duration_ms") or milliseconds(at, end, "endTime")
    # LiteLLM writes the end where an answer was not streamed.
    streamed = began is not None and began != end
    return present(
        latency_ms=latency,
        time_to_first_token_ms=milliseconds(at, began, "completionStartTime") if streamed else None,
    )


def _ending(row: Mapping[str, Any], metadata: Mapping[str, Any]) -> Record:
    if (row.get("status") or metadata.get("status")) != "failure":
        return {}
    error = mapping(metadata.get("error_information"))
    return {"status": "error", **present(error_type=text(first(error, "error_code", "error_class")))}


def _call(row: Mapping[str, Any], metadata: Mapping[str, Any], options: Options) -> Record:
    provider, model = provider_and_model(
        options.provider or text(row.get("custom_llm_provider")) or "", options.model or text(row.get("model")) or ""
    )
    kind = str(row.get("call_type") or "completion")
    kind = kind.removeprefix("_").removeprefix("a") if kind in ASYNCHRONOUS else kind
    usage = mapping(metadata.get("usage_object")) or mapping(metadata.get("additional_usage_values"))
    return {
        "provider": provider,
        "model": model,
        "operation": OPERATIONS.get(kind, kind),
        **_tokens(row, usage),
        **present(
            cache_hit=str(row.get("cache_hit")).lower() == "true",
            service_tier=SERVICE_TIERS.get(str(usage.get("service_tier"))),
        ),
    }


def _tokens(row: Mapping[str, Any], usage: Mapping[str, Any]) -> Record:
    inside, made = mapping(usage.get("prompt_tokens_details")), mapping(usage.get("completion_tokens_details"))
    ages = mapping(inside.get("cache_creation_token_details"))
    reads = whole(first(usage, "cache_read_input_tokens") or inside.get("cached_tokens"), "cached_tokens")
    writes = whole(
        first(usage, "cache_creation_input_tokens") or inside.get("cache_creation_tokens"), "cache_creation_tokens"
    )
    prompt = whole(row.get("prompt_tokens"), "prompt_tokens")
    searches = first(inside, "web_search_requests") or mapping(usage.get("server_tool_use")).get("web_search_requests")
    return {
        "input_tokens": _whole_input(prompt, reads, writes),
        "output_tokens": whole(row.get("completion_tokens"), "completion_tokens"),
        **present(
            cache_read_input_tokens=reads,
            cache_creation_input_tokens=writes,
            cache_creation_1h_input_tokens=whole(ages.get("ephemeral_1h_input_tokens"), "ephemeral_1h_input_tokens"),
            reasoning_output_tokens=whole(made.get("reasoning_tokens"), "reasoning_tokens"),
            input_audio_tokens=whole(inside.get("audio_tokens"), "audio_tokens"),
            output_audio_tokens=whole(made.get("audio_tokens"), "audio_tokens"),
            web_searches=whole(searches, "web_search_requests"),
        ),
    }


def _whole_input(prompt: int, reads: int, writes: int) -> int:
    """The input with its cached tokens, also for old rows that left out the writes, or both."""
    if reads + writes <= prompt:
        return prompt
    return prompt + writes if reads <= prompt else prompt + reads + writes


def _tool(row: Mapping[str, Any]) -> Record:
    return {"operation": "execute_tool", "tool": text(row["mcp_namespaced_tool_name"])}


def _cost(row: Mapping[str, Any], options: Options) -> Record:
    spend = money(row.get("spend"), "spend")
    return {"cost_usd": money_text(spend)} if spend and options.keep_costs else {}


FORMAT = Format("litellm-spendlogs", "LiteLLM spend logs (JSON, JSON lines or CSV)", read)
