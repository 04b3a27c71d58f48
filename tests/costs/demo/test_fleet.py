"""The fleet of the demo: always the same, always valid, and believable."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.costs.domain import usage
from apps.costs.domain.fleet import CAST, PROJECTS, Fleet, Record, cast, day_of

MONDAY = date(2026, 11, 16)
WEEK = [MONDAY + timedelta(days=number) for number in range(7)]


@pytest.fixture(scope="module")
def week() -> list[Record]:
    return [record for day in WEEK for record in day_of(Fleet(), day)]


def calls(records: list[Record]) -> list[Record]:
    return [record for record in records if "model" in record]


@settings(max_examples=12, deadline=None)
@given(
    st.builds(Fleet, st.integers(0, 10**9), st.integers(1, 9), st.floats(0.05, 0.8)),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_the_same_fleet_and_day_are_always_the_same_valid_records(fleet: Fleet, day: date) -> None:
    records = day_of(fleet, day)

    assert records == day_of(fleet, day)
    assert len({record["id"] for record in records}) == len(records)
    assert not [errors for record in records if (errors := usage.rule_errors(usage.parse(record)))]


def test_other_fleets_and_days_share_no_id() -> None:
    fleets = [Fleet(), Fleet(seed=2), Fleet(agents=5), Fleet(rate=0.5)]
    ids = [record["id"] for fleet in fleets for day in WEEK[:2] for record in day_of(fleet, day)]
    assert len(set(ids)) == len(ids)


def test_records_come_by_time_and_belong_to_the_day_their_conversation_began() -> None:
    records = day_of(Fleet(), MONDAY)
    times = [datetime.fromisoformat(record["occurred_at"]) for record in records]
    midnight = datetime(2026, 11, 16, tzinfo=UTC)
    assert times == sorted(times)
    assert times[0] >= midnight
    assert times[-1] < midnight + timedelta(hours=36)


def test_no_amount_of_money_is_made_up(week: list[Record]) -> None:
    assert not [record for record in week if "cost_usd" in record]


def test_it_is_about_a_call_a_minute_and_quiet_on_weekends(week: list[Record]) -> None:
    assert 0.6 < len(calls(week)) / (7 * 1440) < 1.2
    by_day = Counter(record["occurred_at"][:10] for record in week)
    weekend = by_day["2026-11-21"] + by_day["2026-11-22"]
    assert weekend / 2 < 0.6 * sum(by_day[str(day)] for day in WEEK[:5]) / 5


def test_every_habit_is_seen(week: list[Record]) -> None:
    assert {record["project"] for record in week} == set(PROJECTS)
    assert {record["agent"] for record in week} == {habit.agent for habit in CAST}
    assert {record["role"] for record in calls(week)} == {"chat", "utility", "embedding"}
    assert len({record["provider"] for record in calls(week)}) == 4
    assert {record["tool"] for record in week if record.get("operation") == "execute_tool"} == {
        tool for habit in CAST for tool, _ in habit.tools
    }
    nightly = [record for record in week if record["agent"] == "nightly-batch"]
    assert {record["service_tier"] for record in nightly} == {"batch"}
    assert {record["occurred_at"][11:13] for record in nightly} <= {"02", "03", "04", "05"}


def test_failures_are_few_and_followed_by_another_try(week: list[Record]) -> None:
    main = [record for record in calls(week) if record["role"] == "chat"]
    failed = [record for record in main if record["status"] == "error"]
    assert 0.005 < len(failed) / len(main) < 0.05
    tries = {(record["request_id"], record["attempt"]) for record in main}
    assert {(one["request_id"], one["attempt"] + 1) for one in failed if one["attempt"] < 3} <= tries
    models = {(record["request_id"], record["attempt"]): record["model"] for record in main}
    assert all(models[request, 2] == models[request, 1] for request, attempt in tries if attempt == 2)
    assert all(models[request, 3] != models[request, 1] for request, attempt in tries if attempt == 3)


def test_every_conversation_ends_with_an_outcome(week: list[Record]) -> None:
    talks = {record["conversation_id"] for record in week}
    outcomes = [record["success"] for record in week if "success" in record]
    assert len(outcomes) == len(talks)
    assert 0.8 < sum(outcomes) / len(outcomes) < 0.97


def test_prompts_are_read_from_the_cache_but_never_by_models_without_one(week: list[Record]) -> None:
    main = [record for record in calls(week) if record["role"] == "chat"]
    share = sum(record["cache_read_input_tokens"] for record in main) / sum(record["input_tokens"] for record in main)
    assert 0.5 < share < 0.95
    writers = {record["provider"] for record in main if record["cache_creation_input_tokens"]}
    assert writers == {"anthropic"}


def test_a_larger_fleet_has_numbered_doubles() -> None:
    assert [habit.agent for habit in cast(8)][-2:] == ["support-bot-2", "coding-agent-2"]
    assert cast(6) == CAST
    with pytest.raises(ValueError, match="at least one agent"):
        cast(0)
