"""What the door of ingest refuses: each field with its code, impossible numbers, places a key may not write to."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.access.domain.identity import Scope
from apps.costs.models import UsageRecord
from tests.cast import HeldKey
from tests.costs.posting import call, load_prices, only_result, post, posted

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = [
    "provider", "model", "operation", "role", "task_type", "tool", "project", "agent", "user", "conversation_id",
    "task_id", "run_id", "parent_id", "request_id", "response_id", "tool_call_id", "tier", "error_type",
    "compression_id", "decision_id", "reservation_id",
]  # fmt: skip
COUNTS = [
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens", "reasoning_output_tokens", "input_audio_tokens", "input_image_tokens",
    "input_video_tokens", "output_audio_tokens", "output_image_tokens", "output_video_tokens",
    "cache_read_input_audio_tokens", "cache_read_input_image_tokens", "web_searches", "requests", "latency_ms",
    "time_to_first_token_ms",
]  # fmt: skip


@pytest.fixture(autouse=True)
def small_book(db: None) -> None:
    load_prices()


def refusals(key: HeldKey, **fields: Any) -> list[tuple[str, str]]:
    """Path and code of every reason a record is refused for."""
    result = only_result(key, **fields)
    assert result["status"] == "rejected"
    return [(error["path"], error["code"]) for error in result["errors"]]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_strings_of_at_most_128_characters(writer: HeldKey, name: str) -> None:
    assert refusals(writer, **{name: "x" * 129}) == [(name, "too_long")]
    assert refusals(writer, **{name: 5}) == [(name, "type")]


@pytest.mark.parametrize("name", [*COUNTS, "calls", "attempt"])
def test_counts_are_whole_numbers_that_are_possible(writer: HeldKey, name: str) -> None:
    assert refusals(writer, **{name: -1}) == [(name, "negative")]
    assert refusals(writer, **{name: 10**12 + 1}) == [(name, "out_of_range")]
    for other in (1.5, 5.0, "5", True, [5]):
        assert refusals(writer, **{name: other}) == [(name, "type")]


def test_null_is_not_sent(writer: HeldKey) -> None:
    optional = {name: None for name in [*NAMES, *COUNTS] if name not in ("provider", "model", *COUNTS[:2])}
    more = ("calls", "attempt", "status", "service_tier", "cache_hit", "reservation_final", "quality", "tags", "id")
    result = only_result(writer, **optional, **dict.fromkeys(more))
    assert (result["status"], result["cost_usd"]) == ("accepted", only_result(writer)["cost_usd"])
    assert refusals(writer, input_tokens=None, web_searches=None) == [("input_tokens", "missing")]
    assert refusals(writer, provider=None, requests=None, attempt="x") == [("attempt", "type")]


def test_a_tag_that_is_none_is_named(writer: HeldKey) -> None:
    assert refusals(writer, tags={"team": "x", "floor": 4}) == [("tags.floor", "type")]
    assert refusals(writer, tags={"team": "x" * 129}) == [("tags.team", "too_long")]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("id", "", "pattern"),
        ("id", "a b", "pattern"),
        ("id", "a\n", "pattern"),
        ("id", "é", "pattern"),
        ("id", "x" * 65, "pattern"),
        ("id", 5, "type"),
        ("occurred_at", "2026-11-22T12:00:00", "time"),
        ("occurred_at", "2026-11-22 noon", "time"),
        ("occurred_at", "2026-11-22", "time"),
        ("occurred_at", "2026-02-30T00:00:00Z", "time"),
        ("occurred_at", 1795348800, "type"),
        ("calls", 0, "out_of_range"),
        ("attempt", 0, "out_of_range"),
        ("service_tier", "Batch", "choice"),
        ("status", "fine", "choice"),
        ("usage_source", "guess", "choice"),
        ("cache_hit", "true", "type"),
        ("compressed", 1, "type"),
        ("reservation_final", "no", "type"),
        ("success", 1, "type"),
        ("quality", 1.01, "out_of_range"),
        ("quality", -0.01, "out_of_range"),
        ("quality", "0.5", "type"),
        ("tags", ["a"], "type"),
        ("tags", {"a": 1}, "type"),
        ("tags", {"": "a"}, "too_short"),
        ("tags", {"a": "x" * 129}, "too_long"),
        ("tags", {str(number): "x" for number in range(17)}, "too_long"),
        ("input_text", 5, "type"),
    ],
)
def test_each_field_says_what_is_wrong(writer: HeldKey, field: str, value: Any, code: str) -> None:
    ((path, found),) = refusals(writer, **{field: value})
    assert (path.partition(".")[0], found) == (field, code)


@pytest.mark.parametrize("amount", [0.01, 1, True, 1e400, "NaN", "1e400", "1e-3", "Infinity", "-1", "+1", "", " 1",
                                    "1.", ".5", "1,5", "1_0", "٣", "1\n", "1" * 13, "0." + "1" * 16])  # fmt: skip
def test_money_is_a_plain_decimal_string_and_nothing_else(writer: HeldKey, amount: Any) -> None:
    code = "money" if isinstance(amount, str) else "money_as_number"
    body = (
        json.dumps({"records": [call(cost_usd=amount)]}).replace("Infinity,", "1e400,").replace("Infinity}", "1e400}")
    )
    (result,) = posted(writer, body.encode())["results"]
    assert [(error["path"], error["code"]) for error in result["errors"]] == [("cost_usd", code)]


@pytest.mark.parametrize("amount", ["0", "999999999999.999999999999999", "0.000000000000001", "007"])
def test_money_goes_to_the_edge_of_its_pattern(writer: HeldKey, amount: str) -> None:
    assert only_result(writer, cost_usd=amount)["status"] == "accepted"


@pytest.mark.parametrize(
    ("fields", "path", "part", "whole"),
    [
        ({"cache_read_input_tokens": 1001}, "cache_read_input_tokens", 1001, 1000),
        ({"cache_read_input_tokens": 600, "cache_creation_input_tokens": 401}, "cache_read_input_tokens", 1001, 1000),
        (
            {"cache_creation_input_tokens": 3, "cache_creation_1h_input_tokens": 4},
            "cache_creation_1h_input_tokens",
            4,
            3,
        ),
        ({"reasoning_output_tokens": 101}, "reasoning_output_tokens", 101, 100),
        (
            {"input_audio_tokens": 600, "input_image_tokens": 300, "input_video_tokens": 101},
            "input_audio_tokens",
            1001,
            1000,
        ),
        ({"output_video_tokens": 101}, "output_audio_tokens", 101, 100),
        (
            {"cache_read_input_tokens": 5, "input_audio_tokens": 6, "cache_read_input_audio_tokens": 6},
            "cache_read_input_audio_tokens",
            6,
            5,
        ),
        (
            {"cache_read_input_tokens": 9, "input_audio_tokens": 1, "cache_read_input_audio_tokens": 2},
            "cache_read_input_audio_tokens",
            2,
            1,
        ),
        (
            {"cache_read_input_tokens": 9, "input_image_tokens": 1, "cache_read_input_image_tokens": 2},
            "cache_read_input_image_tokens",
            2,
            1,
        ),
        (
            {"operation": "execute_tool", "tool": "t", "input_tokens": None, "cache_read_input_tokens": 5},
            "cache_read_input_tokens",
            5,
            0,
        ),
    ],
)
def test_impossible_numbers_are_refused_naming_both(
    writer: HeldKey, fields: dict[str, Any], path: str, part: int, whole: int
) -> None:
    (error,) = only_result(writer, **fields)["errors"]
    assert (error["path"], error["code"]) == (path, "part_exceeds_whole")
    assert f"({part})" in error["message"]
    assert f"({whole})" in error["message"]


@pytest.mark.parametrize(
    ("left_out", "missing"),
    [
        (["provider"], ["provider"]),
        (["model"], ["model"]),
        (["input_tokens", "output_tokens"], ["input_tokens", "output_tokens"]),
        (["provider", "model", "output_tokens"], ["provider", "model", "output_tokens"]),
    ],
)
def test_what_is_required_is_named(writer: HeldKey, left_out: list[str], missing: list[str]) -> None:
    assert refusals(writer, **dict.fromkeys(left_out)) == [(name, "missing") for name in missing]


def test_an_empty_name_is_a_missing_one(writer: HeldKey) -> None:
    assert refusals(writer, provider="", model="") == [("provider", "missing"), ("model", "missing")]


def test_every_reason_is_told_at_once(writer: HeldKey) -> None:
    found = refusals(writer, id="a b", input_tokens=-1, status="fine", cost_usd=1)
    assert found == [
        ("id", "pattern"),
        ("input_tokens", "negative"),
        ("status", "choice"),
        ("cost_usd", "money_as_number"),
    ]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("2026-11-22T12:05:00Z", None),
        ("2026-11-22T12:05:00.000001Z", "too_late"),
        ("2026-10-18T12:00:00Z", None),
        ("2026-10-18T11:59:59.999999Z", "too_early"),
        ("2026-11-22T14:00:00+02:00", None),
        ("9999-12-31T23:59:59-14:00", "too_late"),
        ("0001-01-01T00:00:00+14:00", "too_early"),
    ],
)
def test_too_early_and_too_late_name_the_servers_time(
    writer: HeldKey, monkeypatch: pytest.MonkeyPatch, sent: str, code: str | None
) -> None:
    monkeypatch.setattr("apps.costs.api.usage.timezone.now", lambda: NOW)
    result = only_result(writer, occurred_at=sent)
    if code is None:
        assert result["status"] == "accepted"
        return
    (error,) = result["errors"]
    assert (error["path"], error["code"]) == ("occurred_at", code)
    assert "2026-11-22T12:00:00Z" in error["message"]


def test_alone_a_refused_record_is_422_with_the_same_reasons(writer: HeldKey) -> None:
    answer = post(writer, call(output_tokens=-3, cost_usd="x"))
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert [(error["path"], error["code"]) for error in answer.json()["errors"]] == [
        ("output_tokens", "negative"),
        ("cost_usd", "money"),
    ]
    assert not UsageRecord.objects.exists()


class TestPlaces:
    def test_a_bound_key_writes_to_its_project_only(self, make_held_key: Any, support: Any) -> None:
        key = make_held_key(Scope.USAGE_WRITE, project_id=support.pk)
        told = posted(key, [call(id="a"), call(id="b", project="support"), call(id="c", project="sales")])
        assert [one["status"] for one in told["results"]] == ["accepted", "accepted", "rejected"]
        assert told["results"][2]["errors"][0]["code"] == "forbidden_project"
        assert set(UsageRecord.objects.values_list("project_id", flat=True)) == {support.pk}

    def test_a_bound_agent_reports_for_itself_and_its_subordinates(self, make_held_key: Any, support: Any) -> None:
        agent = support.agents.create(name="coder")
        key = make_held_key(Scope.USAGE_WRITE, project_id=support.pk, agent_id=agent.pk)
        names = [None, "coder", "coder/sub", "coder/sub/deep", "coder2", "Coder", "other", "coder/../other"]
        told = posted(key, [call(agent=name) for name in names])
        accepted = [names[one["index"]] for one in told["results"] if one["status"] == "accepted"]
        assert accepted == [None, "coder", "coder/sub", "coder/sub/deep", "coder/../other"]
        codes = {one["errors"][0]["code"] for one in told["results"] if one["status"] == "rejected"}
        assert codes == {"forbidden_agent"}

    def test_past_the_cap_new_projects_are_refused_and_known_ones_go_on(
        self, writer: HeldKey, settings: Any, support: Any
    ) -> None:
        settings.MAX_PROJECTS = 2
        told = posted(writer, [call(project=name) for name in ("support", "a", "b", "support")])
        assert [one["status"] for one in told["results"]] == ["accepted", "accepted", "rejected", "accepted"]
        assert told["results"][2]["errors"][0]["code"] == "too_many_projects"
        assert "BURSAR_MAX_PROJECTS" in told["results"][2]["errors"][0]["message"]

    def test_past_the_cap_new_agents_are_refused(self, writer: HeldKey, settings: Any) -> None:
        settings.MAX_AGENTS = 1
        told = posted(writer, [call(agent="a"), call(agent="b"), call()])
        assert [one["status"] for one in told["results"]] == ["accepted", "rejected", "accepted"]
        assert told["results"][1]["errors"][0]["code"] == "too_many_agents"
