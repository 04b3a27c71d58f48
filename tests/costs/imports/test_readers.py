"""Each format: what a row of it becomes. The samples are made up; their shape is the tools' own."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.costs.domain.importing import BadFile, LeftOut, Read, Unreadable
from apps.costs.domain.importing.shapes import UNDATED_START
from tests.costs.imports.samples import csv_line, lines, read, record

OPENROUTER = (
    "generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,byok_usage_inference,"
    "tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug,provider_name,variant,cancelled,"
    "streamed,user,finish_reason_raw,finish_reason_normalized,generation_time_ms,time_to_first_token_ms,"
    "api_key_disabled,api_key_name,app_name"
)
OPENAI = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,"
    "service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens,input_text_tokens,"
    "output_text_tokens,input_cached_text_tokens,input_audio_tokens,input_cached_audio_tokens,output_audio_tokens,"
    "input_image_tokens,input_cached_image_tokens,output_image_tokens"
)


def conversation(**changes: Any) -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    return {
        "task_id": 3,
        "trial": 1,
        "reward": 1.0,
        "info": {"task": {"user_id": "mia_li_1", "instruction": "one two"}, "reward_info": {}},
        "traj": [
            {"role": "system", "content": "a b c d"},
            {"role": "user", "content": "e f"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "g h i", "name": "look_up", "tool_call_id": "call_1"},
            {"role": "assistant", "content": "j k"},
            {"role": "user", "content": "bye"},
        ],
        **changes,
    }


def test_tau_bench_makes_a_call_of_each_assistant_message_and_an_execution_of_each_tool_message() -> None:
    common = {
        "conversation_id": "tau-bench task 3 trial 1",
        "task_type": "customer_service",
        "agent": "tau-bench",
        "user": "mia_li_1",
    }
    call = {**common, "provider": "openai", "model": "gpt-4o", "role": "chat", "usage_source": "estimate"}
    options = {"provider": "openai", "model": "gpt-4o"}

    # The tool calls' JSON has no blanks and counts as one word.
    assert read("tau-bench", json.dumps([conversation()]), **options) == [
        Read(
            1,
            UNDATED_START + timedelta(seconds=10),
            call | {"input_tokens": 6, "output_tokens": 1, "tool": "look_up", "tool_call_id": "call_1"},
        ),
        Read(
            2,
            UNDATED_START + timedelta(seconds=15),
            common | {"operation": "execute_tool", "tool": "look_up", "tool_call_id": "call_1"},
        ),
        Read(
            3,
            UNDATED_START + timedelta(seconds=20),
            call | {"input_tokens": 10, "output_tokens": 2, "success": True},
        ),
    ]


def test_tau_bench_spreads_conversations_and_marks_unsolved_tasks() -> None:
    items = read("tau-bench", json.dumps([conversation(), conversation(reward=0.0)], indent=1))
    last = items[-1]
    assert isinstance(last, Read)
    assert (last.row, last.at) == (6, UNDATED_START + timedelta(minutes=5, seconds=20))
    assert last.record["success"] is False


def test_tau_bench_keeps_no_text() -> None:
    assert "look_up" in str(read("tau-bench", json.dumps([conversation()])))
    for secret in ("a b c d", "g h i", "one two", "arguments"):
        assert secret not in str(read("tau-bench", json.dumps([conversation()])))


def test_tau_bench_refuses_a_conversation_without_messages_and_goes_on() -> None:
    broken = conversation()
    del broken["traj"]
    first, *rest = read("tau-bench", json.dumps([broken, conversation()]))
    assert isinstance(first, Unreadable)
    assert "Conversation 1 cannot be read" in first.message
    assert [item.row for item in rest] == [2, 3, 4]


def test_azure_times_are_utc_down_to_the_microsecond() -> None:
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805909,374,44\r\n"
    assert read("azure-llm", text, provider="azure", model="gpt-4", agent="a") == [
        Read(
            1,
            datetime(2023, 11, 16, 18, 15, 46, 680590, tzinfo=UTC),
            {"provider": "azure", "model": "gpt-4", "input_tokens": 374, "output_tokens": 44, "agent": "a"},
        )
    ]


def test_azure_names_a_row_that_cannot_be_read() -> None:
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,many,44\n2023-11-16 18:15:47,1,2\n"
    broken, good = read("azure-llm", text)
    assert broken == Unreadable(1, "unreadable", "ContextTokens is not a whole number: 'many'.")
    assert isinstance(good, Read)


def test_mooncake_reads_blocks_seen_before_from_the_cache_but_only_at_the_start_of_a_prompt() -> None:
    rows = [
        {"timestamp": 0, "input_length": 1500, "output_length": 5, "hash_ids": [0, 1, 2]},
        {"timestamp": 0, "input_length": 1500, "output_length": 5, "hash_ids": [0, 1, 2]},
        {"timestamp": 1500, "input_length": 2000, "output_length": 5, "hash_ids": [0, 1, 3, 4]},
        {"timestamp": 3000, "input_length": 2000, "output_length": 5, "hash_ids": [7, 1, 2, 3]},
    ]
    items = [item for item in read("mooncake", lines(map(json.dumps, rows))) if isinstance(item, Read)]
    # 3 blocks are 1,536 tokens, but there were 1,500; then 2 blocks; then none, since the first one is new.
    assert [item.record.get("cache_read_input_tokens", 0) for item in items] == [0, 1500, 1024, 0]
    assert items[2].at == UNDATED_START + timedelta(milliseconds=1500)


def litellm(**changes: Any) -> dict[str, Any]:
    return {
        "request_id": "chatcmpl-1",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.00123,
        "total_tokens": 1100,
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "startTime": "2026-11-01T10:00:00.000Z",
        "endTime": "2026-11-01T10:00:02.500Z",
        "completionStartTime": "2026-11-01T10:00:00.400Z",
        "model": "claude-sonnet-4-5",
        "model_id": "m1",
        "model_group": "smart",
        "custom_llm_provider": "anthropic",
        "api_base": "https://api.anthropic.com",
        "user": "member@example.org",
        "metadata": {"user_api_key_alias": "support-bot", "user_api_key_team_alias": "Blue", "usage_object": {}},
        "cache_hit": "False",
        "cache_key": "Cache OFF",
        "request_tags": ["jobID:21", "prod"],
        "team_id": "t1",
        "end_user": "customer-7",
        "session_id": "s-1",
        "status": "success",
        **changes,
    }


def test_litellm_spend_logs() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "cache_read_input_tokens": 600,
        "cache_creation_input_tokens": 200,
        "prompt_tokens_details": {
            "cached_tokens": 600,
            "cache_creation_tokens": 200,
            "cache_creation_token_details": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
        },
        "completion_tokens_details": {"reasoning_tokens": 30},
        "server_tool_use": {"web_search_requests": 2},
    }
    metadata = litellm()["metadata"] | {"usage_object": usage}
    (item,) = read("litellm-spendlogs", json.dumps([litellm(metadata=metadata)]))
    assert item == Read(
        1,
        datetime(2026, 11, 1, 10, tzinfo=UTC),
        {
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "operation": "chat",
            "agent": "support-bot",
            "user": "customer-7",
            "conversation_id": "s-1",
            "response_id": "chatcmpl-1",
            "tags": {
                "team": "Blue",
                "litellm_key": "88dc28d0f030c55e",
                "litellm_user": "member@example.org",
                "model_group": "smart",
                "jobID": "21",
                "prod": "yes",
            },
            "latency_ms": 2500,
            "time_to_first_token_ms": 400,
            "input_tokens": 1000,
            "output_tokens": 100,
            "cache_read_input_tokens": 600,
            "cache_creation_input_tokens": 200,
            "cache_creation_1h_input_tokens": 50,
            "reasoning_output_tokens": 30,
            "web_searches": 2,
            "cost_usd": "0.001230000000000",
        },
    )


@pytest.mark.parametrize(
    ("prompt", "reads", "writes", "expected"),
    [(1000, 600, 200, 1000), (800, 600, 200, 800), (799, 600, 200, 999), (31, 0, 1253, 1284), (31, 500, 100, 631)],
    ids=["included", "all of it", "writes left out", "writes left out, no reads", "both left out"],
)
def test_litellm_rows_of_old_versions_get_their_cached_tokens_back(
    prompt: int, reads: int, writes: int, expected: int
) -> None:
    usage = {"cache_read_input_tokens": reads, "cache_creation_input_tokens": writes}
    row = litellm(prompt_tokens=prompt, metadata={"additional_usage_values": usage})
    found = record("litellm-spendlogs", json.dumps(row))
    assert found["input_tokens"] == expected
    assert found.get("cache_read_input_tokens", 0) == reads
    assert found.get("cache_creation_input_tokens", 0) == writes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model": "openai/gpt-4o", "custom_llm_provider": ""}, ("openai", "gpt-4o")),
        ({"model": "openai/gpt-4o", "custom_llm_provider": "openai"}, ("openai", "gpt-4o")),
        ({"model": "gpt-4o", "custom_llm_provider": None}, ("openai", "gpt-4o")),
        ({"model": "openai/gpt-4o", "custom_llm_provider": "openrouter"}, ("openrouter", "openai/gpt-4o")),
    ],
)
def test_litellm_names_models_with_or_without_their_provider(
    changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    found = record("litellm-spendlogs", json.dumps(litellm(**changes)))
    assert (found["provider"], found["model"]) == expected


def test_litellm_failures_cache_hits_and_tools() -> None:
    failed = record(
        "litellm-spendlogs",
        json.dumps(
            litellm(
                status="failure",
                spend=0,
                prompt_tokens=0,
                completion_tokens=0,
                metadata={"error_information": {"error_code": "429", "error_class": "RateLimitError"}},
            )
        ),
    )
    assert (failed["status"], failed["error_type"]) == ("error", "429")
    assert "cost_usd" not in failed

    hit = record("litellm-spendlogs", json.dumps(litellm(cache_hit="True", spend=0, request_id="c_cache_hit17.5")))
    assert (hit["cache_hit"], hit["response_id"]) == (True, "c")

    tool = record("litellm-spendlogs", json.dumps(litellm(mcp_namespaced_tool_name="github/search", model="")))
    assert (tool["operation"], tool["tool"], tool["cost_usd"]) == (
        "execute_tool",
        "github/search",
        "0.001230000000000",
    )


def test_litellm_rows_of_a_csv_hold_json_in_cells() -> None:
    row = litellm() | {"metadata": json.dumps(litellm()["metadata"]), "request_tags": json.dumps(["prod"])}
    text = csv_line(",".join(row), **row)
    found = record("litellm-spendlogs", text)
    assert found["agent"] == "support-bot"
    assert found["tags"]["prod"] == "yes"
    assert found["cost_usd"] == "0.001230000000000"


def test_litellm_costs_can_be_left_to_the_price_book() -> None:
    assert "cost_usd" not in record("litellm-spendlogs", json.dumps(litellm()), keep_costs=False)


def test_an_answer_that_was_not_streamed_has_no_first_token() -> None:
    row = litellm(completionStartTime=litellm()["endTime"])
    assert "time_to_first_token_ms" not in record("litellm-spendlogs", json.dumps(row))


def test_openai_usage_is_an_aggregate() -> None:
    text = csv_line(
        OPENAI,
        start_time=1759622400,
        project_id="proj_1",
        num_model_requests="10.0",
        user_id="user-1",
        api_key_id="key_1",
        model="gpt-4o-2024-08-06",
        batch="FALSE",
        service_tier="default",
        input_tokens="59200.0",
        output_tokens="10646.0",
        input_cached_tokens="5760.0",
        input_uncached_tokens="53440.0",
        input_text_tokens="59200.0",
        output_text_tokens="10646.0",
        input_cached_text_tokens="5760.0",
    )
    assert read("openai-usage-csv", text) == [
        Read(
            1,
            datetime(2025, 10, 5, tzinfo=UTC),
            {
                "provider": "openai",
                "model": "gpt-4o-2024-08-06",
                "calls": 10,
                "requests": 10,
                "input_tokens": 59200,
                "output_tokens": 10646,
                "cache_read_input_tokens": 5760,
                "user": "user-1",
                "tags": {"openai_project": "proj_1", "openai_key": "key_1"},
            },
        )
    ]


@pytest.mark.parametrize("total", [1300, 1000], ids=["input_tokens is everything", "input_tokens is text"])
def test_openai_counts_by_kind_decide_what_the_input_is(total: int) -> None:
    text = csv_line(
        OPENAI,
        start_time=1759622400,
        num_model_requests=1,
        model="gpt-4o-audio-preview",
        batch="TRUE",
        input_tokens=total,
        output_tokens=50,
        input_cached_tokens=120,
        input_text_tokens=1000,
        output_text_tokens=40,
        input_cached_text_tokens=100,
        input_audio_tokens=200,
        input_cached_audio_tokens=20,
        output_audio_tokens=10,
        input_image_tokens=100,
    )
    found = record("openai-usage-csv", text)
    assert (found["input_tokens"], found["output_tokens"], found["cache_read_input_tokens"]) == (1300, 50, 120)
    assert (found["input_audio_tokens"], found["input_image_tokens"], found["output_audio_tokens"]) == (200, 100, 10)
    assert found["cache_read_input_audio_tokens"] == 20
    assert found["service_tier"] == "batch"


def openai_result(**changes: Any) -> dict[str, Any]:
    """A result as the usage API gives it today: counts by kind leave out what the cache gave or took."""
    return {"object": "organization.usage.completions.result", "model": "gpt-5.6", "num_model_requests": 4,
            "input_tokens": 10_000, "input_uncached_tokens": 1_000, "input_cached_tokens": 8_000,
            "input_cache_write_tokens": 700, "input_cache_write_12h_tokens": 300,
            "input_text_tokens": 900, "input_audio_tokens": 60, "input_image_tokens": 40,
            "input_cached_text_tokens": 7_900, "input_cached_audio_tokens": 100, "input_cached_image_tokens": 0,
            "output_tokens": 500, "output_text_tokens": 480, "output_audio_tokens": 20, "output_image_tokens": 0,
            "batch": None, "service_tier": None} | changes  # fmt: skip


def test_openai_counts_by_kind_leave_out_what_the_cache_gave_and_took() -> None:
    page = {"object": "page", "data": [{"object": "bucket", "start_time": 1793836800, "results": [openai_result()]}]}
    found = record("openai-usage-csv", json.dumps(page))
    assert {name: found[name] for name in found if name.endswith("_tokens")} == {
        "input_tokens": 10_000,
        "cache_read_input_tokens": 8_000,
        "cache_creation_input_tokens": 1_000,
        "input_audio_tokens": 160,
        "input_image_tokens": 40,
        "cache_read_input_audio_tokens": 100,
        "output_tokens": 500,
        "output_audio_tokens": 20,
    }


def test_openai_values_of_other_kinds_touch_no_other() -> None:
    buckets = [7, {"start_time": 1793836800, "results": [8, openai_result()]}, {"results": "x"}]
    *broken, found, last = read("openai-usage-csv", json.dumps({"data": buckets}))
    assert [type(item) for item in (*broken, last)] == [Unreadable, Unreadable, LeftOut]
    assert isinstance(found, Read)
    for odd in ("[1, null]", '{"data": null}', '{"data": 5}'):
        assert all(isinstance(item, Unreadable) for item in read("openai-usage-csv", odd))


def test_openai_empty_buckets_are_left_out_and_ungrouped_rows_refused() -> None:
    empty = csv_line(OPENAI, start_time=1759881600)
    assert read("openai-usage-csv", empty) == [LeftOut(1, "a bucket without requests")]
    ungrouped = csv_line(OPENAI, start_time=1759881600, num_model_requests=3, input_tokens=1, output_tokens=1)
    (item,) = read("openai-usage-csv", ungrouped)
    assert isinstance(item, Unreadable)
    assert "not grouped by model" in item.message


def test_openai_pages_of_the_api_are_read_too() -> None:
    result = {"object": "organization.usage.completions.result", "input_tokens": 1000, "output_tokens": 500,
              "input_cached_tokens": 800, "num_model_requests": 5, "project_id": None, "model": "gpt-4o",
              "batch": False}  # fmt: skip
    bucket = {"object": "bucket", "start_time": 1730419200, "end_time": 1730505600, "results": [result, result]}
    page = {"object": "page", "data": [bucket, bucket | {"results": []}], "has_more": False, "next_page": None}
    one, two, empty = read("openai-usage-csv", json.dumps(page, indent=2))
    assert isinstance(one, Read)
    assert isinstance(two, Read)
    assert one.record == two.record
    assert (one.record["input_tokens"], one.record["cache_read_input_tokens"], one.record["calls"]) == (1000, 800, 5)
    assert isinstance(empty, LeftOut)


def test_openai_costs_are_not_usage() -> None:
    bucket = {"object": "bucket", "start_time": 1, "results": [{"amount": {"value": 1}, "line_item": None}]}
    with pytest.raises(BadFile, match="costs, not usage"):
        read("openai-usage-csv", json.dumps({"data": [bucket]}))
    with pytest.raises(BadFile, match="no column num_model_requests"):
        read("openai-usage-csv", "start_time,end_time,amount_value\n1,2,3\n")


def test_openai_tokens_without_requests_are_told_and_not_left_out() -> None:
    (item,) = read("openai-usage-csv", "start_time,num_model_requests,model,input_tokens,output_tokens\n1,0,gpt-4o,5,0")
    assert item == Unreadable(1, "unreadable", "the row has tokens, but no requests.")


def test_pages_of_apis_hold_their_rows_as_data() -> None:
    """`GET /spend/logs/v2` of LiteLLM, `GET /api/public/observations` of Langfuse."""
    calls = {"data": [litellm()] * 2, "total": 2, "page": 1}
    both = read("litellm-spendlogs", json.dumps(calls, indent=1))
    assert [item.row for item in both if isinstance(item, Read)] == [1, 2]
    old = langfuse(usage={"input": 7, "output": 2, "total": 9, "unit": "TOKENS", "inputCost": 0.01, "outputCost": None,
                          "totalCost": 0.01}, usage_details={}, usageDetails="{}")  # fmt: skip
    span, call = read("langfuse-observations", json.dumps({"data": [langfuse(type="SPAN"), old], "meta": {"page": 1}}))
    assert isinstance(span, LeftOut)
    assert isinstance(call, Read)
    assert (call.record["input_tokens"], call.record["output_tokens"]) == (7, 2)
    (day,) = read("litellm-spendlogs", json.dumps([{"startTime": "2026-02-01", "spend": 1, "models": {}, "users": {}}]))
    assert isinstance(day, Unreadable)
    assert "summarize=false" in day.message


def test_openrouter_activity() -> None:
    text = csv_line(
        OPENROUTER,
        generation_id="gen-1782618417-abc",
        created_at="2026-06-28 03:46:57.713",
        cost_total="0.0123",
        cost_web_search="0.004",
        cost_cache="-0.001",
        byok_usage_inference="0.01",
        tokens_prompt=10389,
        tokens_completion=137,
        tokens_reasoning=150,
        tokens_cached=8000,
        model_permaslug="openai/gpt-oss-120b",
        provider_name="Groq",
        variant="nitro",
        cancelled="false",
        streamed="true",
        user="u-1",
        finish_reason_normalized="stop",
        generation_time_ms=900,
        time_to_first_token_ms=210,
        api_key_name="laptop",
        app_name="Agent Zero",
    )
    assert read("openrouter-activity", text) == [
        Read(
            1,
            datetime(2026, 6, 28, 3, 46, 57, 713000, tzinfo=UTC),
            {
                "provider": "openrouter",
                "model": "openai/gpt-oss-120b:nitro",
                "input_tokens": 10389,
                "output_tokens": 137,
                "cache_read_input_tokens": 8000,
                "reasoning_output_tokens": 137,
                "agent": "Agent Zero",
                "user": "u-1",
                "response_id": "gen-1782618417-abc",
                "latency_ms": 900,
                "time_to_first_token_ms": 210,
                "tags": {"openrouter_key": "laptop", "upstream": "Groq"},
                "cost_usd": "0.022300000000000",
            },
        )
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"cancelled": "true"}, ("cancelled", None)),
        ({"finish_reason_normalized": "error"}, ("error", "error")),
        ({}, (None, None)),
    ],
)
def test_openrouter_endings(values: dict[str, str], expected: tuple[str | None, str | None]) -> None:
    row = {"generation_id": "g", "created_at": "2026-06-01T12:00:00Z", "cost_total": "0", "tokens_prompt": 1,
           "tokens_completion": 1, "model_permaslug": "a/b"}  # fmt: skip
    found = record("openrouter-activity", csv_line(OPENROUTER, **row, **values))
    assert (found.get("status"), found.get("error_type")) == expected
    assert found["cost_usd"] == "0.000000000000000"


def langfuse(**changes: Any) -> dict[str, Any]:
    return {
        "id": "obs-1",
        "trace_id": "trace-1",
        "project_id": "p",
        "environment": "production",
        "type": "GENERATION",
        "parent_observation_id": "obs-0",
        "start_time": "2026-05-29 13:46:19.963000",
        "end_time": "2026-05-29 13:46:21.000000",
        "name": "answer",
        "metadata": {},
        "level": "DEFAULT",
        "status_message": "",
        "input": "secret question",
        "output": "secret answer",
        "provided_model_name": "gpt-4o",
        "usage_details": {"input": 86, "input_cached_tokens": 17817, "output": 100, "output_reasoning_tokens": 88,
                          "total": 18091},
        "cost_details": {"input": 0.000215, "total": 0.02},
        "completion_start_time": "2026-05-29 13:46:20.163000",
        "total_cost": 0.0246,
        "latency": 1.037,
        "user_id": "u-1",
        "session_id": "s-1",
        "trace_name": "support chat",
        "tags": ["beta"],
        "release": "",
        **changes,
    }  # fmt: skip


def test_langfuse_usage_types_exclude_each_other() -> None:
    (item,) = read("langfuse-observations", json.dumps(langfuse()))
    assert item == Read(
        1,
        datetime(2026, 5, 29, 13, 46, 19, 963000, tzinfo=UTC),
        {
            "provider": "openai",
            "model": "gpt-4o",
            "operation": "chat",
            "task_type": "answer",
            "agent": "support chat",
            "user": "u-1",
            "conversation_id": "s-1",
            "task_id": "trace-1",
            "request_id": "obs-1",
            "parent_id": "obs-0",
            "tags": {"environment": "production", "beta": "yes"},
            "latency_ms": 1037,
            "time_to_first_token_ms": 200,
            "input_tokens": 17903,
            "output_tokens": 188,
            "cache_read_input_tokens": 17817,
            "reasoning_output_tokens": 88,
            "cost_usd": "0.024600000000000",
        },
    )
    assert "secret" not in str(item)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input": 10, "output": 5, "cache_read_input_tokens": 7}, (17, 5, 7, 0, 0)),
        ({"input": 10, "output": 5, "cache_creation_input_tokens": 3}, (13, 5, 0, 3, 0)),
        (
            {
                "input": 1,
                "input_cache_creation_5m": 2,
                "input_cache_creation_1h": 4,
                "input_cache_read": 8,
                "output": 1,
            },
            (15, 1, 8, 6, 4),
        ),
        ({"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59}, (50, 9, 0, 0, 0)),
        ({"input": 10, "output": 5, "images": 3}, (10, 5, 0, 0, 0)),
    ],
)
def test_langfuse_input_is_the_sum_of_its_types(usage: dict[str, int], expected: tuple[int, ...]) -> None:
    found = record("langfuse-observations", json.dumps(langfuse(usage_details=usage)))
    parts = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation_1h_input_tokens")
    assert (found["input_tokens"], found["output_tokens"], *(found.get(name, 0) for name in parts)) == expected


def test_langfuse_names_of_the_api_and_json_in_cells_of_a_csv() -> None:
    row = {
        "id": "obs-1",
        "traceId": "trace-1",
        "type": "GENERATION",
        "startTime": "2026-05-29T13:46:19.963Z",
        "endTime": "2026-05-29T13:46:21.000Z",
        "model": "claude-sonnet-4-5",
        "usageDetails": json.dumps({"input": 10, "output": 5, "total": 15}),
        "costDetails": json.dumps({"input": 0.1, "output": 0.2, "total": 0.3}),
        "level": "ERROR",
        "sessionId": "",
    }
    found = record("langfuse-observations", csv_line(",".join(row), **row))
    assert (found["provider"], found["input_tokens"], found["output_tokens"]) == ("anthropic", 10, 5)
    assert (found["conversation_id"], found["status"], found["latency_ms"]) == ("trace-1", "error", 1037)
    assert found["cost_usd"] == "0.300000000000000"


def test_langfuse_spans_are_no_calls_and_tools_are_executions() -> None:
    rows = [langfuse(type="SPAN"), langfuse(type="TOOL", name="search"), langfuse(type="EMBEDDING")]
    span, tool, embedding = read("langfuse-observations", lines(map(json.dumps, rows)))
    assert span == LeftOut(1, "SPAN is no call")
    assert isinstance(tool, Read)
    assert (tool.record["operation"], tool.record["tool"]) == ("execute_tool", "search")
    assert "input_tokens" not in tool.record
    assert isinstance(embedding, Read)
    assert embedding.record["operation"] == "embeddings"


def test_a_model_nobody_knows_needs_a_provider() -> None:
    (item,) = read("langfuse-observations", json.dumps(langfuse(provided_model_name="house-model")))
    assert item == Unreadable(1, "unreadable", "no provider is named for the model house-model: give --provider.")
    assert (
        record("langfuse-observations", json.dumps(langfuse(provided_model_name="house-model")), provider="own")[
            "provider"
        ]
        == "own"
    )


def test_an_observation_without_a_known_cost_is_left_to_the_price_book() -> None:
    for unknown in (None, 0):
        row = langfuse(total_cost=unknown, cost_details={})
        assert "cost_usd" not in record("langfuse-observations", json.dumps(row))


def test_langfuse_calls_without_counts_are_refused_unless_they_failed_or_have_a_cost() -> None:
    bare = {"id": "o", "type": "GENERATION", "startTime": "2026-11-01T00:00:00Z", "model": "gpt-4o"}
    for nothing in ({}, {"usageDetails": {"total": 55}}, {"usage": {"input": 0, "output": 0, "total": 0}}):
        (item,) = read("langfuse-observations", json.dumps(bare | nothing))
        assert isinstance(item, Unreadable)
        assert "neither counts" in item.message
    assert record("langfuse-observations", json.dumps(bare | {"totalCost": 0.25}))["cost_usd"] == "0.250000000000000"
    assert record("langfuse-observations", json.dumps(bare | {"level": "ERROR"}))["status"] == "error"
    old = record("langfuse-observations", json.dumps(bare | {"usage": {"promptTokens": 5, "completionTokens": 3}}))
    assert (old["input_tokens"], old["output_tokens"]) == (5, 3)


def test_litellm_awaited_calls_are_the_same_operations() -> None:
    kinds = {"acompletion": "chat", "anthropic_messages": "chat", "aresponses": "chat", "aembedding": "embeddings",
             "add_message": "add_message", "_arealtime": "realtime", "arerank": "rerank"}  # fmt: skip
    for kind, operation in kinds.items():
        assert record("litellm-spendlogs", json.dumps(litellm(call_type=kind)))["operation"] == operation
