"""Questions that no rollup answers: read from the records, equal to the rollups wherever both can answer."""

import random
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.costs.domain.calendars import Unit, cut
from apps.costs.domain.latency import percentile_of
from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import OTHER, BadQuery, GroupRow, Totals, UsageQuery, from_records, questions
from tests.cast import HeldKey
from tests.costs.factories import NOW, any_usages, make_usage, record

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
START, END = NOW - 9 * DAY - timedelta(minutes=11), NOW - timedelta(seconds=5)
KEPT = (
    (),
    ("model", "agent"),
    ("provider", "model"),
    ("tier", "status"),
    ("project", "task_type"),
    ("user",),
    ("key", "model"),
    ("project", "tool"),
    ("tag:team", "provider"),
)
FILTERS: tuple[dict[str, tuple[str, ...]], ...] = ({}, {"model": ("gpt-4.1", "made-up")}, {"project": ("sales",)})


def usage(seed: str, many: int = 250) -> None:
    record(*any_usages(random.Random(seed), many, START - DAY, END))


def by_values(rows: list[GroupRow], names: tuple[str, ...] = SUMS) -> dict[object, tuple[object, ...]]:
    found = {(row.bucket, row.values): tuple(getattr(row.totals, name) for name in names) for row in rows}
    return {key: values for key, values in found.items() if any(values)}


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_both_ways_to_an_answer_agree(filters: dict[str, tuple[str, ...]]) -> None:
    usage(f"{filters}")
    zone = "Asia/Kathmandu"
    query = UsageQuery(START, END, zone=zone, filters=filters)
    edges = cut(START, END, Unit.DAY, ZoneInfo(zone))
    for group_by, whole in product(KEPT, (False, True)):
        names = metrics.kept(query, group_by)
        assert not metrics.from_records_only(query, group_by)
        kept = metrics.grouped(query, group_by, edges=edges, whole=whole)
        read = questions._of_records(query, group_by, edges, SUMS, whole=whole)
        assert by_values(kept, names) == by_values(read, names)
        assert kept


def test_groups_that_are_not_kept_apart_become_one() -> None:
    """In one snapshot the database adds them up, by the names the first question read; else the selector does."""
    usage("apart")
    query, edges = UsageQuery(START, END), (START, NOW - 3 * DAY, END)
    asked = ("user",), ("tool", "model"), ("tag:team",), ("agent", "model"), ("agent", "user"), ("provider", "model")
    for group_by, is_one, keeps_none in product(asked, (True, False), (True, False)):
        with metrics.one_snapshot() if is_one else nullcontext():
            every = metrics.grouped(query, group_by, edges=edges, whole=True)
            values = sorted({row.values[0] for row in every})
            top = {group_by[0]: values[:2] if keeps_none else values[-1:]}
            few = metrics.grouped(query, group_by, edges=edges, whole=True, top=top)
        names = metrics.kept(query, group_by)
        assert summed(few, names) == summed(every, names, top), (group_by, top)
        assert {row.values[0] for row in few} - {OTHER} == set(top[group_by[0]])


def place(row: Any) -> tuple[tuple[str, ...], str]:
    return row.values, str(row.bucket)


def test_percentiles_tasks_and_waste_keep_groups_apart_too() -> None:
    usage("apart")
    record(*(make_usage(NOW - 2 * DAY, conversation_id=user, user=user) for user in ("ada", "bob", "eve")))
    query, edges = UsageQuery(START, END), (START, NOW - 3 * DAY, END)
    for group_by in (("user",), ("user", "model")):
        for ask in (partial(metrics.histograms, edges=edges), metrics.tasks_by, metrics.waste_by):
            with metrics.one_snapshot():
                every = ask(query, group_by)
                first, *others = sorted({row.values[0] for row in every})
                few = ask(query, group_by, top={"user": [first]})
            assert others
            assert {row.values[0] for row in few} == {first, OTHER}
            kept = [sorted((row for row in rows if row.values[0] == first), key=place) for rows in (every, few)]
            assert kept[0] == kept[1]


def summed(
    rows: list[GroupRow], names: tuple[str, ...], top: dict[str, list[str]] | None = None
) -> dict[object, tuple[object, ...]]:
    """The sums by bucket and values; groups outside of `top`, which names the first dimension, as OTHER."""
    parts: dict[tuple[object, ...], list[Totals]] = {}
    for row in rows:
        first = row.values[0]
        for only in (top or {}).values():
            first = first if first in only else OTHER
        parts.setdefault((row.bucket, first, *row.values[1:]), []).append(row.totals)
    found = {key: tuple(getattr(metrics.added(each), name) for name in names) for key, each in parts.items()}
    return {key: values for key, values in found.items() if any(values)}


@pytest.mark.parametrize("group_by", [("user", "agent"), ("tag:team", "tag:env"), ("tool", "user")])
def test_other_combinations_add_up_to_all_usage(group_by: tuple[str, ...]) -> None:
    usage(str(group_by))
    query = UsageQuery(START, END)
    assert metrics.from_records_only(query, group_by)
    rows = metrics.grouped(query, group_by, edges=(), whole=True)
    assert metrics.added([row.totals for row in rows]) == metrics.added(
        [row.totals for row in metrics.grouped(query, (), edges=())]
    )
    with_values = metrics.grouped(query, group_by, edges=())
    assert {row.values for row in rows if "" not in row.values} == {
        row.values for row in with_values if "" not in row.values
    }
    assert len(rows) >= 3


def test_a_narrow_question_reads_records_for_a_measure_its_rollup_lacks() -> None:
    usage("measure")
    query = UsageQuery(START, END)
    kept = metrics.grouped(query, ("user",), edges=(), whole=True)
    read = metrics.grouped(query, ("user",), edges=(), wanted=("ok_calls",), whole=True)
    assert by_values(kept, NARROW_SUMS) == by_values(read, NARROW_SUMS)
    assert not any(row.totals.ok_calls for row in kept)
    assert sum(row.totals.ok_calls for row in read) == metrics.totals(query).ok_calls > 0


@pytest.mark.parametrize("group_by", [(), ("model",), ("user", "agent")])
def test_histograms_by_group_merge_to_the_whole(group_by: tuple[str, ...]) -> None:
    usage("latency")
    query = UsageQuery(START, END)
    rows = metrics.histograms(query, group_by, edges=cut(START, END, Unit.DAY, ZoneInfo("UTC")))
    whole = metrics.merged(row.counts for row in rows)
    assert percentile_of(whole, 0.95) == metrics.totals(query).latency_p95_ms
    assert whole.sum() == metrics.totals(query).latency_calls


def test_filters_by_what_is_not_there() -> None:
    record(make_usage(user="ada", tags={"team": "x"}), make_usage(user="bob"), make_usage())

    def spent(**filters: tuple[str, ...]) -> Decimal:
        query = UsageQuery(NOW - DAY, NOW, filters={name.replace("_", ":"): each for name, each in filters.items()})
        return metrics.added([row.totals for row in metrics.grouped(query, (), edges=())]).cost_usd

    one = Decimal("0.0028")
    assert spent(user=("",)) == one
    assert spent(user=("", "ada")) == 2 * one
    assert spent(tag_team=("",)) == 2 * one
    assert spent(tag_team=("x",), user=("ada", "bob")) == one
    assert spent(key=("",)) == 0


def test_too_many_days_are_refused_with_the_way_out(settings: Settings) -> None:
    october = UsageQuery(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC))
    metrics.grouped(october, ("user", "agent"), edges=())
    longer = UsageQuery(NOW - 32 * DAY, NOW)
    with pytest.raises(BadQuery, match="for at most 31 days at a time. Choose a shorter period"):
        metrics.grouped(longer, ("user", "agent"), edges=())
    settings.RECORD_QUESTION_DAYS = 40
    assert metrics.grouped(longer, ("user", "agent"), edges=()) == []


def test_a_slow_question_is_stopped_and_the_snapshot_goes_on(settings: Settings) -> None:
    settings.RECORD_QUESTION_MS = 30
    with metrics.one_snapshot(), connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
        with pytest.raises(BadQuery, match=r"longer than 0\.03 s"), from_records.bounded():
            cursor.execute("SELECT pg_sleep(5)")
        with from_records.bounded():
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("30ms",)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before


def test_an_unknown_dimension_is_named() -> None:
    with pytest.raises(BadQuery, match="Cannot group or filter by colour; known are project"):
        metrics.grouped(UsageQuery(START, END), ("user", "colour"), edges=())


def test_the_api_answers_too(reader: HeldKey) -> None:
    record(make_usage(user="ada", agent="coder", reasoning_output_tokens=40))
    asked = "/api/metrics/cost?from=2026-11-17T00:00:00Z&to=2026-11-18T12:00:00Z"
    client: Client = reader.client
    answer = client.get(f"{asked}&group_by=user,agent").json()
    assert [(row["user"], row["agent"], row["cost_usd"]) for row in answer["results"]] == [("ada", "coder", "0.0028")]
    assert answer["totals"]["reasoning_output_tokens"] == 40
    assert client.get(f"{asked}&group_by=user,agent&from=2026-01-01T00:00:00Z").status_code == 422
    assert client.get(f"{asked}&group_by=conversation,tag:team").status_code == 200
    assert client.get(f"{asked}&group_by=colour").status_code == 422
