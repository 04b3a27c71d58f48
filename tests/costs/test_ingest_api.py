"""POST /api/usage: what is stored, what it costs, and what a retry does."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.costs.domain import tokens
from apps.costs.models import UsageKey, UsageQuarter, UsageRecord
from apps.costs.services import partitions
from tests.cast import HeldKey
from tests.costs.posting import CLAUDE as CLAUDE_RATES
from tests.costs.posting import call, load_prices, only_result, post, posted, shown


@pytest.fixture(autouse=True)
def small_book(db: None) -> None:
    load_prices()


def test_it_works(writer: HeldKey) -> None:
    assert posted(writer, call(id="one")) == {
        "accepted": 1,
        "duplicates": 0,
        "conflicts": 0,
        "rejected": 0,
        "unpriced": 0,
        "cost_usd": "0.0028",
        "results": [{"index": 0, "id": "one", "status": "accepted", "cost_usd": "0.0028"}],
        "budgets": [],
    }
    record = UsageRecord.objects.get()
    assert (record.usage_id, record.input_tokens, record.output_tokens) == ("one", 1000, 100)
    assert (record.cost_usd, record.key_id) == (Decimal("0.0028"), writer.key.pk)
    assert UsageQuarter.objects.get().cost_usd == Decimal("0.0028")


FIELDS: list[tuple[str, Any]] = [
    ("operation", "embeddings"),
    ("role", "utility"),
    ("task_type", "memory_recall"),
    ("tool", "browser"),
    ("project", "support"),
    ("agent", "coder/sub"),
    ("user", "Zoë, \"Z\" \\ 'z'"),
    ("conversation_id", "c 1\nnext"),
    ("task_id", "null"),
    ("run_id", "\\N"),
    ("parent_id", "\\."),
    ("request_id", "a,b"),
    ("response_id", "{a}"),
    ("tool_call_id", "'; --"),
    ("tags", {"team": "x", "k=v": "\t", "空": "🦊"}),
    ("cache_read_input_tokens", 400),
    ("cache_creation_input_tokens", 300),
    ("reasoning_output_tokens", 100),
    ("web_searches", 3),
    ("requests", 2),
    ("calls", 7),
    ("service_tier", "priority"),
    ("tier", "premium"),
    ("status", "interrupted"),
    ("error_type", "context_length"),
    ("attempt", 2),
    ("latency_ms", 0),
    ("time_to_first_token_ms", 1_000_000_000),
    ("cache_hit", True),
    ("compressed", True),
    ("compression_id", "z" * 128),
    ("decision_id", "d"),
    ("reservation_id", "r"),
    ("usage_source", "estimate"),
    ("success", False),
    ("quality", 0.25),
]


@pytest.mark.parametrize(("field", "value"), FIELDS, ids=[name for name, _ in FIELDS])
def test_every_field_comes_back_as_sent(admin_key: HeldKey, field: str, value: Any) -> None:
    project = value if field == "project" else "default"
    assert only_result(admin_key, id="x", **{field: value})["status"] == "accepted"
    assert shown(admin_key, "x", project)[field] == value


def test_audio_image_and_video_come_back_together(admin_key: HeldKey) -> None:
    parts = {"input_audio_tokens": 10, "input_image_tokens": 20, "input_video_tokens": 30, "output_audio_tokens": 1}
    parts |= {"output_image_tokens": 2, "output_video_tokens": 3}
    parts |= {"cache_read_input_audio_tokens": 9, "cache_read_input_image_tokens": 8}
    only_result(admin_key, id="x", cache_read_input_tokens=17, **parts)
    assert shown(admin_key, "x")["other_tokens"] == parts


def test_what_was_not_sent_has_its_default(admin_key: HeldKey) -> None:
    before = datetime.now(UTC)
    only_result(admin_key, id="x")
    record = shown(admin_key, "x")
    assert before <= datetime.fromisoformat(record["occurred_at"]) <= datetime.now(UTC)
    expected: dict[str, Any] = {
        "operation": "chat",
        "service_tier": "standard",
        "status": "ok",
        "usage_source": "provider",
    }
    expected |= {"requests": 1, "calls": 1, "attempt": 1, "cache_hit": False, "compressed": False, "web_searches": 0}
    expected |= dict.fromkeys(["conversation_id", "tags", "latency_ms", "success", "quality", "other_tokens"], None)
    assert {name: record[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z"),
        ("2026-11-01T12:00:00+05:45", "2026-11-01T06:15:00Z"),
        ("2026-11-01T12:00:00.123456-03:00", "2026-11-01T15:00:00.123456Z"),
        ("2026-11-01t12:00:00z", "2026-11-01T12:00:00Z"),
    ],
)
def test_times_are_kept_to_the_microsecond_in_utc(
    admin_key: HeldKey, monkeypatch: pytest.MonkeyPatch, sent: str, stored: str
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    only_result(admin_key, id="x", occurred_at=sent)
    assert UsageRecord.objects.get().occurred_at == datetime.fromisoformat(stored)


def test_a_provider_is_kept_as_sent_beside_its_canonical_name(admin_key: HeldKey) -> None:
    only_result(admin_key, id="x", provider="AWS.Bedrock", model="nova")
    record = shown(admin_key, "x")
    assert (record["provider"], record["sent_provider"], record["model"]) == ("aws", "AWS.Bedrock", "nova")


def test_without_an_id_the_server_gives_one(writer: HeldKey) -> None:
    first, second = (only_result(writer)["id"] for _ in range(2))
    assert first < second
    assert {UUID(first).version, UUID(second).version} == {7}
    assert UsageRecord.objects.count() == 2


def test_one_bad_record_keeps_the_others(writer: HeldKey) -> None:
    told = posted(writer, [call(id="a"), call(id="b", input_tokens=-1), "what?", call(id="c")], query="")
    assert (told["accepted"], told["rejected"], told["cost_usd"]) == (2, 2, "0.0056")
    assert [(result["index"], result["id"]) for result in told["results"]] == [(1, "b"), (2, None)]
    assert set(UsageRecord.objects.values_list("usage_id", flat=True)) == {"a", "c"}


def test_results_name_only_what_is_remarkable_unless_all_are_wanted(writer: HeldKey) -> None:
    body = [call(id="a"), call(id="b", inptu_tokens=3), call(id="c")]
    assert [result["id"] for result in posted(writer, body, query="")["results"]] == ["b"]
    body = [call(id="d"), call(id="e", model="never heard of"), call(id="f")]
    results = posted(writer, body, query="?results=all")["results"]
    assert [(one["id"], one["cost_usd"]) for one in results] == [("d", "0.0028"), ("e", None), ("f", "0.0028")]


def test_unknown_fields_are_named_and_not_stored(admin_key: HeldKey) -> None:
    result = only_result(admin_key, id="x", cache_read_tokens=5, metadata={"a": [1]})
    assert [warning["path"] for warning in result["warnings"]] == ["cache_read_tokens", "metadata"]
    assert {warning["code"] for warning in result["warnings"]} == {"unknown_field"}
    assert shown(admin_key, "x")["cache_read_input_tokens"] == 0


class TestRetries:
    def test_the_same_body_is_a_duplicate(self, writer: HeldKey) -> None:
        posted(writer, call(id="x"))
        again = posted(writer, call(id="x"))
        assert (again["accepted"], again["duplicates"], again["cost_usd"]) == (0, 1, "0.00")
        assert UsageRecord.objects.count() == UsageKey.objects.count() == UsageQuarter.objects.get().calls == 1

    def test_alone_another_body_is_409(self, writer: HeldKey) -> None:
        posted(writer, call(id="x"))
        answer = post(writer, call(id="x", output_tokens=101))
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "conflict")
        assert UsageRecord.objects.get().output_tokens == 100

    def test_in_a_batch_it_is_a_conflict_of_that_record(self, writer: HeldKey) -> None:
        posted(writer, call(id="x"))
        told = posted(writer, [call(id="x", model="gpt-4"), call(id="y"), call(id="x")])
        assert [one["status"] for one in told["results"]] == ["conflict", "accepted", "duplicate"]

    def test_repeated_within_a_batch_the_first_stands(self, writer: HeldKey) -> None:
        told = posted(writer, [call(id="x"), call(id="x"), call(id="x", calls=2), call(id="y")])
        assert [one["status"] for one in told["results"]] == ["accepted", "duplicate", "conflict", "accepted"]
        assert (told["accepted"], told["duplicates"], told["conflicts"]) == (2, 1, 1)

    def test_the_order_of_keys_does_not_matter(self, writer: HeldKey) -> None:
        record = call(id="x", tags={"a": "1", "b": "2"})
        posted(writer, json.dumps(record).encode())
        turned = {**dict(reversed(record.items())), "tags": {"b": "2", "a": "1"}}
        assert posted(writer, json.dumps(turned, indent=3).encode())["duplicates"] == 1

    def test_an_id_is_the_projects_own(self, writer: HeldKey) -> None:
        told = posted(writer, [call(id="x"), call(id="x", project="support"), call(id="x", project="sales")])
        assert told["accepted"] == 3

    def test_named_or_not_the_default_project_is_one(self, writer: HeldKey) -> None:
        posted(writer, call(id="x"))
        assert posted(writer, [call(id="x", project="default")])["conflicts"] == 1

    def test_a_retry_is_harmless_whatever_its_time(self, writer: HeldKey) -> None:
        posted(writer, call(id="x", occurred_at=None))
        assert post(writer, call(id="x", occurred_at=datetime.now(UTC).isoformat())).status_code == 409
        assert UsageRecord.objects.count() == 1

    def test_ids_differ_by_case_and_every_printable_character(self, writer: HeldKey) -> None:
        names = ["x", "X", *(chr(code) for code in range(0x21, 0x7F) if chr(code).lower() != "x"), "a" * 64]
        assert posted(writer, [call(id=name) for name in names])["accepted"] == len(names)

    def test_a_uuid_and_its_capitals_are_two_ids(self, writer: HeldKey) -> None:
        name = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"
        assert posted(writer, [call(id=name), call(id=name.upper()), call(id=name.replace("-", ""))])["accepted"] == 3


CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
COSTS: list[tuple[str, dict[str, Any], str | None, str]] = [
    # 500 × 2 + 500 × 0.5 + 100 × 8 = 2,050 $/M
    ("cached tokens at their rate", {"cache_read_input_tokens": 500}, "0.00205", "price"),
    # 400 × 3 + 100 × 0.3 + 300 × 3.75 + 200 × 6 + 100 × 15 = 5,055 $/M, and 2 × 10 $/1000
    (
        "cache writes by their time, and searches",
        CLAUDE
        | {
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 500,
            "cache_creation_1h_input_tokens": 200,
            "web_searches": 2,
        },
        "0.025055",
        "price",
    ),
    ("half price in a batch", {"service_tier": "batch"}, "0.0014", "price"),
    ("the whole request at the long rate", {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 200_001},
     "0.5015025", "price"),
    ("at the threshold the short rate", {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 200_000},
     "0.251", "price"),
    # 400 × 1.25 + 600 × 7 + 100 × 10 = 5,700 $/M
    ("audio at its own rate", {"provider": "google", "model": "gemini-2.5-pro", "input_audio_tokens": 600},
     "0.0057", "price"),
    ("a price of 0 is a price", {"provider": "groq", "model": "gift"}, "0.00", "price"),
    ("what the provider reported wins", {"cost_usd": "0.000000000000001"}, "0.000000000000001", "provider"),
    ("even 0", {"cost_usd": "0"}, "0.00", "provider"),
    ("also for a model without a price", {"model": "m", "cost_usd": "1.50"}, "1.50", "provider"),
    ("a failed call is priced on its tokens", {"status": "error", "error_type": "timeout", "output_tokens": 0},
     "0.002", "price"),
    ("a failed call keeps the reported cost", {"status": "cancelled", "cost_usd": "0.3"}, "0.30", "provider"),
    ("a cached answer costs nothing", {"cache_hit": True}, "0.00", "cache_hit"),
    ("a cached answer costs nothing, reported or not", {"cache_hit": True, "cost_usd": "9"}, "0.00", "cache_hit"),
    ("an unknown model is unpriced", {"model": "never heard of"}, None, "unpriced"),
    ("a tool is free", {"operation": "execute_tool", "tool": "bash"}, "0.00", "free"),
    ("a tool may cost", {"operation": "execute_tool", "tool": "search", "cost_usd": "0.005"}, "0.005", "provider"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "cost", "source"), [case[1:] for case in COSTS], ids=[case[0] for case in COSTS])
def test_costs(admin_key: HeldKey, fields: dict[str, Any], cost: str | None, source: str) -> None:
    told = posted(admin_key, [call(id="x", **fields)])
    assert told["results"][0]["cost_usd"] == cost
    assert (told["unpriced"], told["cost_usd"]) == (int(cost is None), cost or "0.00")
    record = shown(admin_key, "x")
    assert (record["cost_usd"], record["cost_source"]) == (cost, source)
    assert UsageQuarter.objects.get().cost_usd == Decimal(cost or 0)


def test_both_the_reported_and_our_cost_are_kept(admin_key: HeldKey) -> None:
    only_result(admin_key, id="x", cost_usd="0.0031")
    record = shown(admin_key, "x")
    assert (record["cost_usd"], record["price_cost_usd"]) == ("0.0031", "0.0028")
    assert sum(Decimal(part["cost_usd"]) for part in record["cost_parts"]) == Decimal("0.0028")


def test_the_cost_that_a_cached_answer_avoided_is_kept(admin_key: HeldKey) -> None:
    only_result(admin_key, id="x", cache_hit=True)
    assert shown(admin_key, "x")["price_cost_usd"] == "0.0028"
    rollup = UsageQuarter.objects.get()
    assert (rollup.cost_usd, rollup.avoided_usd, rollup.cache_hits) == (Decimal(0), Decimal("0.0028"), 1)


def test_unpriced_is_null_and_counted_never_zero(admin_key: HeldKey) -> None:
    posted(admin_key, [call(id="x", model="m", calls=3), call(id="y", model="m")])
    assert set(UsageRecord.objects.values_list("cost_usd", flat=True)) == {None}
    assert UsageQuarter.objects.get().unpriced_calls == 4
    listed = admin_key.client.get("/api/usage", {"unpriced": "1"}).json()["results"]
    assert {one["id"] for one in listed} == {"x", "y"}


def test_a_price_is_the_one_of_the_time_it_happened(admin_key: HeldKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 11, 3, tzinfo=UTC))
    load_prices({("openai", "gpt-4.1"): CLAUDE_RATES}, effective_from=datetime(2026, 11, 2, tzinfo=UTC), version="2")
    times = ["2026-11-01T23:59:59.999999Z", "2026-11-02T00:00:00Z", "2026-11-02T01:00:00+02:00"]
    told = posted(admin_key, [call(id=time, occurred_at=time) for time in times])
    # 1,000 × 3 + 100 × 15 = 4,500 $/M from the 2nd on.
    assert [one["cost_usd"] for one in told["results"]] == ["0.0028", "0.0045", "0.0028"]


def test_cost_parts_add_up_to_the_cost_and_name_the_price(admin_key: HeldKey) -> None:
    fields = CLAUDE | {"cache_read_input_tokens": 333, "reasoning_output_tokens": 7, "web_searches": 1}
    cost = only_result(admin_key, id="x", **fields)["cost_usd"]
    record = shown(admin_key, "x")
    assert sum(Decimal(part["cost_usd"]) for part in record["cost_parts"]) == Decimal(cost) == Decimal("0.0136009")
    parts = {part["unit"]: (part["count"], part["rate_usd"], part["assumed"]) for part in record["cost_parts"]}
    assert parts["cache_read_input_tokens"] == (333, "0.30", False)
    assert parts["reasoning_output_tokens"] == (7, "15.00", True)
    assert (record["price"]["source"], record["price"]["source_version"]) == ("tests", "1")


class TestTexts:
    def test_texts_are_counted_by_the_models_vocabulary_and_not_kept(self, admin_key: HeldKey) -> None:
        texts = {"input_text": "tiktoken is great!", "output_text": "antidisestablishmentarianism"}
        sent = {"input_tokens": None, "output_tokens": None, **texts}
        only_result(admin_key, id="new", **sent, model="gpt-4.1")
        only_result(admin_key, id="old", **sent, model="gpt-4")
        new, old = shown(admin_key, "new"), shown(admin_key, "old")
        # o200k_base and cl100k_base, as tiktoken's own documentation counts the first text.
        assert (new["input_tokens"], old["input_tokens"]) == (6, 6)
        assert (new["output_tokens"], old["output_tokens"]) == (6, 6)
        assert {new["usage_source"], old["usage_source"]} == {"estimate"}
        assert new["cost_usd"] == "0.00006"
        assert b"tiktoken is great" not in repr(list(UsageRecord.objects.values())).encode()
        assert UsageQuarter.objects.get(cost_usd__gt=0).estimated_calls == 1

    def test_a_count_beats_a_text(self, admin_key: HeldKey) -> None:
        only_result(admin_key, id="x", input_text="one two three", output_text="four")
        record = shown(admin_key, "x")
        assert (record["input_tokens"], record["output_tokens"], record["usage_source"]) == (1000, 100, "provider")

    def test_one_of_both_may_be_a_text(self, admin_key: HeldKey) -> None:
        only_result(admin_key, id="x", output_tokens=None, output_text="")
        record = shown(admin_key, "x")
        assert (record["input_tokens"], record["output_tokens"], record["usage_source"]) == (1000, 0, "estimate")


class TestTools:
    def test_a_tool_execution_is_never_a_call(self, writer: HeldKey) -> None:
        tool = {"operation": "execute_tool", "tool": "bash", "latency_ms": 5}
        bare = dict.fromkeys(["provider", "model", "input_tokens", "output_tokens"])
        posted(writer, [call(**tool), call(**tool, **bare, calls=2)])
        sums = UsageQuarter.objects.all()
        assert sum(row.calls + row.observed_calls + row.ok_calls + row.latency_calls for row in sums) == 0
        assert sum(row.tool_executions for row in sums) == 3

    def test_it_needs_its_tool(self, writer: HeldKey) -> None:
        for fields in ({}, {"provider": None, "model": None, "input_tokens": None, "output_tokens": None}):
            result = only_result(writer, operation="execute_tool", **fields)
            assert [(one["path"], one["code"]) for one in result["errors"]] == [("tool", "missing")]


def test_texts_that_cannot_be_counted_are_to_be_sent_again(writer: HeldKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: Any) -> int:
        raise tokens.VocabularyError("/secret/path: wrong SHA-256")

    monkeypatch.setattr(tokens, "count", damaged)
    answer = post(writer, {"records": [call(id="a"), call(id="b", input_tokens=None, input_text="x")]})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert b"vocabulary" in answer.content
    assert b"/secret" not in answer.content
    assert not UsageRecord.objects.exists()


def test_aggregates_stay_out_of_what_is_observed(writer: HeldKey) -> None:
    fields = {"latency_ms": 100, "time_to_first_token_ms": 10, "attempt": 2}
    posted(writer, [call(**fields), call(calls=9, **fields)])
    row = UsageQuarter.objects.get()
    assert (row.calls, row.observed_calls, row.ok_calls, row.repeated_calls) == (10, 1, 1, 1)
    assert (row.latency_calls, row.latency_ms_sum, row.first_token_calls, row.first_token_ms_sum) == (1, 100, 1, 10)
    assert (len(row.latency_bins), len(row.first_token_bins)) == (1, 1)


def test_a_batch_takes_few_queries_whatever_its_size(
    writer: HeldKey, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    def batch(size: int) -> list[dict[str, Any]]:
        who = [{"agent": f"a{n % 3}", "user": f"u{n % 5}", "conversation_id": f"c{n % 7}"} for n in range(size)]
        return [call(tags={"team": f"t{n % 2}"}, **names) for n, names in enumerate(who)]

    posted(writer, batch(105), query="")
    with django_assert_max_num_queries(12) as small:
        posted(writer, batch(105), query="")
    with django_assert_num_queries(len(small)):
        posted(writer, batch(1000), query="")


def test_a_single_record_takes_few_queries(writer: HeldKey, django_assert_max_num_queries: Any) -> None:
    posted(writer, call())
    found: CaptureQueriesContext
    with django_assert_max_num_queries(8) as found:
        posted(writer, call())
    assert found.captured_queries


def test_a_month_that_was_dropped_behind_its_back_is_made_again(
    writer: HeldKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    october = "2026-10-31T23:59:59Z"
    posted(writer, call(id="a", occurred_at=october))
    with connection.cursor() as cursor:
        for table in partitions.TABLES:
            cursor.execute(f"DROP TABLE {partitions.partition_name(table, date(2026, 10, 1))}")
    assert posted(writer, call(id="b", occurred_at=october))["accepted"] == 1
    assert [record.usage_id for record in UsageRecord.objects.all()] == ["b"]
