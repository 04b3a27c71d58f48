"""How tasks went, what was wasted, and the rates made of them: exact, disjoint, and the same in the API and Explore."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from apps.access.domain.identity import Scope
from apps.access.models import Project, User
from apps.costs.domain.wasting import WasteTotals, waste_totals
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import BadQuery, UsageQuery
from apps.costs.services.outcomes.recording import record_outcomes
from controlplane.explore.measures import MEASURES, Source
from tests.cast import HeldKey
from tests.costs.posting import load_prices
from tests.usage import REPORTER, call, report

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
DAY = UsageQuery(NOW - timedelta(days=1), NOW)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def at(minute: float) -> datetime:
    return NOW - timedelta(hours=2) + timedelta(minutes=minute)


def judged(task: str, **said: Any) -> None:
    item = {"task_id": task, "source": "tests", **said}
    assert record_outcomes([item], caller=REPORTER, now=NOW).told[0].status == "accepted"


def four_tasks() -> None:
    """Two succeed (1 + 2 USD), one fails (4 USD), one nobody judged (8 USD)."""
    for number, usd in enumerate(("1", "2", "4", "8")):
        report([call(at(number), task_id=f"t{number}", cost_usd=usd, user="ada", agent=f"a{number % 2}")], NOW)
    judged("t0", success=True, quality=0.9)
    judged("t1", success=True)
    judged("t2", success=False, quality=0.5)


def test_tasks_are_counted_where_they_began(db: None) -> None:
    four_tasks()
    (row,) = metrics.tasks_by(DAY, ())
    found = row.totals
    assert (found.tasks, found.judged_tasks, found.succeeded_tasks) == (4, 3, 2)
    assert (found.judged_usd, found.failed_usd, found.succeeded_tokens) == (Decimal(7), Decimal(4), 3000)
    assert (found.usd_per_success, found.tokens_per_success) == (Decimal("3.5"), Decimal(1500))
    assert (found.quality, found.quality_tasks) == (Decimal("0.7"), 2)
    assert found.coverage == Decimal("0.75")
    by_agent = {row.values: row.totals.tasks for row in metrics.tasks_by(DAY, ("agent",))}
    assert by_agent == {("a0",): 2, ("a1",): 2}
    by_user = metrics.tasks_by(UsageQuery(DAY.start, DAY.end, filters={"agent": ("a0",)}), ("user", "model"))
    assert [(row.values, row.totals.judged_usd) for row in by_user] == [(("ada", "gpt-4.1"), Decimal(5))]
    edges = [DAY.start, at(1), DAY.end]
    assert {row.bucket: row.totals.tasks for row in metrics.tasks_by(DAY, (), edges=edges)} == {DAY.start: 1, at(1): 3}
    with pytest.raises(BadQuery, match="joy"):
        metrics.tasks_by(DAY, ("joy",))
    with pytest.raises(BadQuery, match="31 days"):
        metrics.tasks_by(UsageQuery(NOW - timedelta(days=60), NOW), ("user",))


def wasteful_usage() -> None:
    """A failed call (0.30), its retry, a failover to a dearer model; then a conversation that reads no cache."""
    usual: dict[str, Any] = {"input_tokens": 1_000_000, "output_tokens": 0, "request_id": "r"}
    conversation: dict[str, Any] = {"conversation_id": "c", "output_tokens": 0, "cost_usd": None}
    calls = [
        call(at(0), **usual, status="error", error_type="429", cost_usd="0.30"),
        call(at(1), **usual, attempt=2, status="cancelled", cost_usd="0.40"),
        call(at(2), **usual, attempt=3, model="gpt-4.1-mini", cost_usd="5"),
        call(at(10), **conversation, input_tokens=2_000),
        call(at(11), **conversation, input_tokens=3_000),  # 2,000 could have been read: missed
        call(at(12), **conversation, input_tokens=4_000, cache_read_input_tokens=2_900),  # 100 missed
        call(at(20), **conversation, input_tokens=5_000),  # the cache has ended
        call(at(21), **conversation, input_tokens=900),  # the prompt was cut: 900 missed
        call(at(22), **conversation, input_tokens=9_000, role="utility"),  # another prompt
    ]
    report([{name: value for name, value in one.items() if value is not None} for one in calls], NOW)


def test_no_dollar_is_wasted_twice(db: None) -> None:
    load_prices()
    wasteful_usage()
    (row,) = metrics.waste_by(DAY, ())
    found = row.totals
    assert (found.failed_calls, found.failed_usd) == (2, Decimal("0.70"))
    assert (found.retries, found.failovers, found.observed_calls) == (1, 1, 9)
    # A million tokens of gpt-4.1 cost 2 USD; the failover cost 5.
    assert found.failover_usd == Decimal(3)
    # A token from the cache costs 0.5 instead of 2 USD per million.
    assert (found.missed_calls, found.missed_tokens) == (3, 3_000)
    assert found.missed_usd == Decimal(3_000) * Decimal("1.5") / 10**6
    assert found.usd == Decimal("3.7045")
    rows = metrics.waste_by(DAY, ("model", "error_type"))
    assert waste_totals(one.totals for one in rows) == found
    assert {one.values: one.totals.failed_usd for one in rows}["gpt-4.1", "429"] == Decimal("0.30")
    (only_failed,) = metrics.waste_by(UsageQuery(NOW - timedelta(days=300), NOW), (), from_rollups=True)
    assert (only_failed.totals.failed_usd, only_failed.totals.retries) == (Decimal("0.70"), 0)
    # Where there was no usage, nothing needs to be read.
    (since_long,) = metrics.waste_by(UsageQuery(NOW - timedelta(days=60), NOW), ())
    assert since_long.totals == found


def test_too_many_attempts_are_said_to_be(db: None, settings: Settings) -> None:
    load_prices()
    wasteful_usage()
    settings.PRICE_PREVIEW_RECORDS = 1
    with pytest.raises(BadQuery, match="More than 1 attempts"):
        metrics.waste_by(DAY, ())


amounts = st.integers(min_value=0, max_value=10**20).map(lambda femto: Decimal(femto).scaleb(-15))
wastes = st.builds(WasteTotals, st.integers(0, 9), st.integers(0, 9), amounts, failover_usd=amounts, missed_usd=amounts)


@settings(max_examples=50)
@given(st.lists(wastes, max_size=6))
def test_waste_adds_up_in_any_order(parts: list[WasteTotals]) -> None:
    assert waste_totals(parts) == waste_totals(reversed(parts))
    assert waste_totals(parts).usd == sum((part.usd for part in parts), Decimal(0))


def test_the_api_tells_how_well_it_went(reader: HeldKey) -> None:
    load_prices()
    four_tasks()
    wasteful_usage()
    told = reader.client.get("/api/metrics/performance?group_by=model").json()
    whole, (first, second) = told["totals"], told["results"]
    assert (first["model"], second["model"]) == ("gpt-4.1", "gpt-4.1-mini")
    assert (whole["calls"], whole["error_calls"]) == (13, 1)
    assert whole["call_success_rate"] == pytest.approx(11 / 12, abs=1e-6)
    assert (whole["task_completion_rate"], whole["task_coverage"]) == (0.666667, 0.6)  # the conversation, too
    assert (whole["retries"], whole["failovers"], whole["retry_rate"]) == (1, 1, pytest.approx(1 / 13, abs=1e-6))
    assert (whole["latency_mean_ms"], whole["first_token_p95_ms"]) == (800, None)
    assert whole["errors"] == [{"error_type": "429", "calls": 1, "rate": pytest.approx(1 / 13, abs=1e-6)}]
    assert (whole["quality"], whole["quality_tasks"]) == (0.7, 2)
    assert told["unanswered"] == []
    days = reader.client.get("/api/metrics/performance?interval=day").json()["results"]
    assert sum(row["calls"] for row in days) == 13


def test_the_api_tells_what_it_cost(reader: HeldKey) -> None:
    load_prices()
    four_tasks()
    wasteful_usage()
    told = reader.client.get("/api/metrics/efficiency?group_by=model").json()
    whole = told["totals"]
    assert whole["cost_per_successful_task_usd"] == "3.50"
    assert whole["failed_tasks_usd"] == "4.00"
    assert whole["tokens_per_completed_task"] == 1500
    assert whole["waste"]["total_usd"] == "3.7045"
    assert sum(row["calls_share"] for row in told["results"]) == pytest.approx(1)
    for used in whole["utilisation"].values():
        assert sum(one["calls"] for one in used) == whole["calls"]
        assert sum(one["cost_share"] for one in used) == pytest.approx(1)
    assert {one["model"] for one in whole["utilisation"]["model"]} == {row["model"] for row in told["results"]}
    assert sum(Decimal(row["waste"]["failed_usd"]) for row in told["results"]) == Decimal(whole["waste"]["failed_usd"])
    report([call(NOW - timedelta(days=40), cost_usd="0")], NOW)
    long = reader.client.get("/api/metrics/efficiency?from=2026-06-01T00:00:00Z").json()
    assert long["totals"]["waste"]["failed_usd"] == "0.70"
    assert long["totals"]["waste"]["total_usd"] is None
    assert "31 days" in long["unanswered"][0]["message"]
    assert reader.client.get("/api/metrics/efficiency?group_by=joy").status_code == 422


def test_the_api_tells_what_conversations_and_tools_cost_and_where_it_goes(reader: HeldKey) -> None:
    report(
        [call(at(n), conversation_id=f"c{n % 2}", cost_usd="1", tool="search" if n < 2 else None) for n in range(3)],
        NOW,
    )
    report([call(at(4), operation="execute_tool", tool="search", cost_usd="0.5")], NOW)
    report([call(NOW - timedelta(days=40), cost_usd="7", conversation_id="old")], NOW)
    told = reader.client.get("/api/metrics/cost").json()
    assert told["conversations"] == {"count": 2, "cost_usd": "3.00", "cost_per_conversation_usd": "1.50"}
    assert told["tools"] == {"executions": 1, "cost_usd": "2.50", "cost_per_execution_usd": "2.50"}
    assert told["trend"]["cost_usd"] == "7.00"
    filtered = reader.client.get("/api/metrics/cost?agent=coder&from=2026-06-01T00:00:00Z").json()
    assert (filtered["conversations"], filtered["tools"]) == (None, None)
    assert filtered["totals"]["cost_usd"] == "10.50"
    assert reader.client.get("/api/metrics/cost?from=0001-01-02T00:00:00Z").json()["trend"] is None


def test_the_beginning_of_time_is_a_time(reader: HeldKey) -> None:
    for what in ("performance", "efficiency"):
        answer = reader.client.get(f"/api/metrics/{what}?from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z")
        assert (answer.status_code, answer.json()["results"]) == (200, [])


def test_ever_is_a_time_and_what_no_calendar_has_is_refused(reader: HeldKey) -> None:
    report([call(at(1), cost_usd="1")], NOW)
    ever, early = (
        "to=9999-12-31T23:59:59Z&from=2026-01-01T00:00:00Z",
        "from=0001-01-01T00:00:00Z&to=0001-01-05T00:00:00Z",
    )
    for path in ("metrics/cost", "metrics/performance", "metrics/efficiency"):
        assert reader.client.get(f"/api/{path}?{ever}").json()["to"] == "9999-01-01T00:00:00Z"
        assert reader.client.get(f"/api/{path}?{ever}&interval=none&tz=Pacific/Apia").status_code == 200
        assert reader.client.get(f"/api/{path}?{early}&interval=week&tz=America/New_York").status_code == 422
    assert reader.client.get(f"/api/metrics/cost?{ever}").json()["totals"]["cost_usd"] == "1.00"
    for asked in (ever, f"{early}&tz=America/New_York"):
        assert reader.client.get(f"/api/exports/focus?{asked}").status_code in (200, 422)


def test_limited_readers_get_their_part(make_held_key: Callable[..., HeldKey], support: Project) -> None:
    four_tasks()
    report([call(at(5), project="support", task_id="own", status="error", cost_usd="2")], NOW)
    key = make_held_key(Scope.METRICS_READ, project_id=support.pk)
    whole = key.client.get("/api/metrics/efficiency").json()["totals"]
    assert (whole["tasks"], whole["waste"]["failed_usd"]) == (1, "2.00")


def test_explore_shows_the_same(ann: User, signed_in: Callable[[User], Client]) -> None:
    load_prices()
    four_tasks()
    wasteful_usage()
    browser = signed_in(ann)
    expected = {
        "waste_usd": "$3.70", "failed_usd": "$0.7000", "cost_per_success": "$3.50", "failed_tasks_usd": "$4.00",
        "completion_rate": "66.7%", "quality": "70.0%", "retry_rate": "7.7%", "tokens_per_success": "1,500",
    }  # fmt: skip
    for key, words in expected.items():
        page = browser.get(f"/explore?measure={key}&group=agent&period=today")
        assert page.context["table"].whole == words, key
    assert {measure.source for measure in MEASURES.values()} == set(Source)
    how = browser.get("/how").content.decode()
    assert [measure.key for measure in MEASURES.values() if f'id="{measure.how}"' not in how] == []


def test_sums_of_imported_calls_are_no_attempts(reader: HeldKey) -> None:
    """`calls` above 1 stays out of retries and failovers, also where a single call has the same `request_id`."""
    same = {"request_id": "r", "cost_usd": "1"}
    report([call(at(1), **same), call(at(2), attempt=2, **same)], NOW)
    report([call(at(3), attempt=2, calls=9, model="gpt-4.1-mini", **same), call(at(4), attempt=3, **same)], NOW)
    told = reader.client.get("/api/metrics/performance").json()["totals"]
    assert (told["retries"], told["failovers"]) == (2, 0)


def test_a_parameter_that_is_misspelt_is_warned_of(alice: User, signed_in: Callable[[User], Client]) -> None:
    browser = signed_in(alice)
    every = "model=gpt-4.1&tag:team=x&conversation=c&demo=1&from=2026-11-01T00:00:00Z&tz=UTC"
    for name, more in (("cost", True), ("performance", True), ("efficiency", True), ("compression", False)):
        asked = f"/api/metrics/{name}?{every}" + ("&interval=day&group_by=user" if more else "")
        assert browser.get(asked).json()["warnings"] == []
        told = browser.get(f"{asked}&modell=x&modell=y&agents=a" + ("" if more else "&interval=day")).json()["warnings"]
        assert [one["path"] for one in told] == ["agents", *([] if more else ["interval"]), "modell"]
        assert {one["code"] for one in told} == {"unknown_parameter"}
    many = "&".join(f"{'x' * 90}{number}=1" for number in range(30))
    told = browser.get(f"/api/metrics/cost?{many}").json()["warnings"]
    assert [len(told), len(told[0]["path"])] == [20, 64]


def test_totals_are_all_usage_by_whatever_they_are_grouped(admin_key: HeldKey) -> None:
    report([call(at(1), cost_usd="1", user="ada", tags={"team": "x"}), call(at(2), cost_usd="2", tool="t")], NOW)
    expected = {
        "user": {"ada": "1.00", "": "2.00"},
        "tool": {"t": "2.00", "": "1.00"},
        "tag:team": {"x": "1.00", "": "2.00"},
    }
    for name, costs in expected.items():
        told = admin_key.client.get(f"/api/metrics/cost?group_by={name}&interval=day").json()
        assert told["totals"]["cost_usd"] == "3.00", name
        assert {row[name]: row["cost_usd"] for row in told["results"]} == costs


def test_by_interval_alone_every_bucket_is_there(admin_key: HeldKey) -> None:
    """Also the days of 23 and of 25 hours, and a day that begins within the range."""
    report([call(at(1), cost_usd="1", user="ada")], NOW)
    days = "from=2026-10-23T22:00:00Z&to=2026-10-27T11:00:00Z&tz=Europe/Berlin&interval=day"
    starts = ["2026-10-23T22", "2026-10-24T22", "2026-10-25T23", "2026-10-26T23"]
    for name in ("cost", "performance", "efficiency"):
        told = admin_key.client.get(f"/api/metrics/{name}?{days}").json()
        assert [row["bucket"] for row in told["results"]] == [f"{start}:00:00Z" for start in starts]
        assert {row["calls"] for row in told["results"]} == {0}
        hours = "from=2026-11-22T10:00:00Z&to=2026-11-22T14:00:00Z&interval=hour"
        rows = admin_key.client.get(f"/api/metrics/{name}?{hours}").json()["results"]
        assert [(row["bucket"][11:13], row["calls"]) for row in rows] == [("10", 0), ("11", 1), ("12", 0), ("13", 0)]
        assert len(admin_key.client.get(f"/api/metrics/{name}?{hours}&group_by=user").json()["results"]) == 1


def test_filters_know_each_name_of_a_provider_and_no_status_that_cannot_be(admin_key: HeldKey) -> None:
    report([call(at(1), provider="aws.bedrock", cost_usd="1"), call(at(2), provider="openai", cost_usd="2")], NOW)
    for name in ("aws.bedrock", "aws", "bedrock", "Amazon-Bedrock"):
        for group in ("", "&group_by=user", "&group_by=error_type"):  # the cube, a narrow rollup, the records
            told = admin_key.client.get(f"/api/metrics/cost?provider={name}{group}").json()
            assert told["totals"]["cost_usd"] == "1.00", (name, group)
        (record,) = admin_key.client.get(f"/api/usage?provider={name}").json()["results"]
        assert record["cost_usd"] == "1.00"
    for wrong in ("status=failed", "demo=yes", "unpriced=true"):
        refused = admin_key.client.get(f"/api/usage?{wrong}")
        assert refused.status_code == 422, wrong
        assert refused.json()["errors"][0]["path"] == wrong.partition("=")[0]
