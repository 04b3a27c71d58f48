"""Waste from folds: what each record says by itself, the same from records and folds, and never wrong for long."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.costs.models import DayFold, RollupDifference, WasteSlice
from apps.costs.selectors import metrics, proof
from apps.costs.selectors.metrics import BadQuery, UsageQuery, WasteTotals
from apps.costs.selectors.waste_backlog import waste_folds_between
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.proof_sweep import prove_closed_hours
from apps.costs.services.waste_folding import fold_waste
from tests.cast import HeldKey
from tests.costs.factories import Usage, make_usage, record
from tests.costs.posting import load_prices

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 18, 3, 7, tzinfo=UTC)
DAY = timedelta(days=1)
START = datetime(2026, 11, 14, tzinfo=UTC)
MIDNIGHT = START + 2 * DAY
QUERY = UsageQuery(START, NOW)
GROUPS = ((), ("project",), ("model",), ("agent", "status"), ("provider", "task_type"), ("model", "agent", "status"))
EDGES = tuple(START + DAY * number for number in range(6))
CACHED = {"gpt-4.1": Decimal("0.0000015"), "gpt-4.1-mini": Decimal("0.0000003")}


def turns(dice: random.Random, many: int) -> list[Usage]:
    """Conversations whose calls follow each other closely, also over midnight, and requests tried several times."""
    found = []
    for number in range(many):
        moment = START + dice.choice((0, 1, 2, 3)) * DAY + timedelta(minutes=dice.choice((1, 5, 720, 1430, 1437)))
        fixed = {"agent": dice.choice(("coder", "writer")), "project": dice.choice(("support", "sales"))}
        fixed["task_type"] = dice.choice(("code", "chat"))
        for turn in range(dice.randrange(1, 6)):
            moment += timedelta(seconds=dice.choice((20, 100, 299, 301, 900)))
            call: dict[str, Any] = {
                **fixed,
                "id": f"{number}.{turn}",
                "conversation_id": f"c{number}",
                "model": dice.choice(("gpt-4.1", "gpt-4.1", "gpt-4.1-mini")),
                "status": dice.choice(("ok", "ok", "ok", "error", "cancelled")),
                "input_tokens": dice.randrange(500, 9000),
                "cost_usd": dice.choice((None, None, "0.75")),
            }
            if call["status"] == "error":
                call["error_type"] = dice.choice(("429", "timeout", None))
            if dice.random() < 0.4:
                call |= {"request_id": f"r{number}", "attempt": turn + 1}
            found.append(make_usage(moment, **call))
    return [one for one in found if one["occurred_at"] < (NOW - timedelta(minutes=40)).isoformat()]


def judged(calls: Sequence[Usage]) -> Counter[str]:
    """Counts by their definitions, record by record."""
    told: Counter[str] = Counter()
    for one in calls:
        told["observed_calls"] += 1
        told["failed_calls"] += one["status"] in ("error", "cancelled")
        if "attempt" in one and one["attempt"] > 1:
            told.update(_repeats(one, calls))
        if tokens := _missed(one, calls):
            told.update({"missed_calls": 1, "missed_tokens": tokens})
    return told


def _repeats(one: Usage, calls: Sequence[Usage]) -> dict[str, int]:
    same = [two for two in calls if (two.get("request_id"), two["project"]) == (one["request_id"], one["project"])]
    before = [two for two in same if two["attempt"] < one["attempt"] and _at(one) - _at(two) <= timedelta(hours=1)]
    if not before:
        return {}
    last = max(before, key=lambda two: two["attempt"])
    return {"retries" if last["model"] == one["model"] else "failovers": 1}


def _missed(one: Usage, calls: Sequence[Usage]) -> int:
    names = ("project", "conversation_id", "agent", "model", "task_type")
    earlier = [two for two in calls if all(one[name] == two[name] for name in names) and _at(two) < _at(one)]
    if not earlier or one["status"] in ("error", "cancelled") or one.get("attempt", 1) > 1 or "cost_usd" in one:
        return 0
    last = max(earlier, key=_at)
    if last["input_tokens"] < 1024 or _at(one) - _at(last) > timedelta(seconds=300):
        return 0
    return int(min(last["input_tokens"], one["input_tokens"]))


def _at(one: Usage) -> datetime:
    return datetime.fromisoformat(one["occurred_at"])


def answers(query: UsageQuery = QUERY) -> dict[object, Any]:
    def told(**asked: Any) -> dict[object, WasteTotals]:
        return {
            (row.bucket, row.values): row.totals
            for row in metrics.waste_by(query, **asked)
            if row.totals != WasteTotals()
        }

    found: dict[object, Any] = {group_by: told(group_by=group_by) for group_by in GROUPS}
    found |= {(*group_by, "by day"): told(group_by=group_by, edges=EDGES) for group_by in GROUPS[:4]}
    hours = [query.start + timedelta(hours=number) for number in range((query.end - query.start) // timedelta(hours=1))]
    spent = metrics.grouped(query, ("model",), edges=[*hours, query.end], only=("cost_usd",))
    found["spent by the hour"] = {(row.bucket, row.values): row.totals for row in spent if row.totals.calls}
    return found | {"errors": metrics.errors_by_type(query), "failed": told(group_by=("model",), from_rollups=True)}


def from_records(query: UsageQuery = QUERY) -> dict[object, Any]:
    """The same from records alone."""
    held = dict(DayFold.objects.values_list("pk", "waste_rules"))
    DayFold.objects.update(waste_rules=None)
    found = answers(query)
    for (zone, bucket), rules in held.items():
        DayFold.objects.filter(zone=zone, bucket=bucket).update(waste_rules=rules)
    return found


def fold() -> int:
    fold_closed_days(now=NOW)
    return fold_waste().folded


def differences() -> list[str]:
    folds = waste_folds_between(START - DAY, NOW)
    assert folds
    return [str(one) for each in folds for one in proof.waste_fold_differences(each)]


def test_answers_are_the_same_from_folds_and_by_their_definitions() -> None:
    load_prices()
    calls = turns(random.Random("waste"), 60)
    record(*calls, now=NOW)
    queries = [
        QUERY,
        UsageQuery(START + timedelta(hours=7, minutes=3), NOW, filters={"model": ("gpt-4.1",)}),
        UsageQuery(START, MIDNIGHT + timedelta(minutes=7), filters={"project": ("sales",), "agent": ("coder",)}),
    ]
    before = [answers(query) for query in queries]
    (whole,) = before[0][()].values()
    counts = judged(calls)
    assert min(counts[name] for name in ("retries", "failovers", "missed_calls", "failed_calls")) > 3
    assert {name: getattr(whole, name) for name in counts} == dict(counts)
    by_model = {values[0]: totals for (_, values), totals in before[0]["model",].items()}
    assert all(one.missed_usd == one.missed_tokens * CACHED[model] for model, one in by_model.items())
    assert fold() >= 4
    assert [answers(query) for query in queries] == before
    assert differences() == []
    assert fold_waste().folded == 0
    assert before[0]["errors"] == Counter(one.get("error_type", "") for one in calls if one["status"] == "error")


def test_what_lies_far_back_is_answered_once_it_is_folded(reader: HeldKey, settings: Settings) -> None:
    load_prices()
    record(*turns(random.Random("far"), 12), now=NOW)
    long = UsageQuery(NOW - 60 * DAY, NOW)
    settings.RECORD_QUESTION_DAYS = 1
    with pytest.raises(BadQuery, match="1 days"):
        metrics.waste_by(long, ())
    fold()
    record(make_usage(NOW - timedelta(minutes=5)), now=NOW)
    (far,) = metrics.waste_by(UsageQuery(NOW - 60 * DAY, MIDNIGHT), ())
    (part,) = metrics.waste_by(UsageQuery(START, MIDNIGHT), ())
    assert far == part
    assert far.totals.missed_usd
    asked = f"from={START:%Y-%m-%dT%H:%M:%SZ}&to={MIDNIGHT:%Y-%m-%dT%H:%M:%SZ}&group_by=model"
    told = reader.client.get(f"/api/metrics/performance?{asked}").json()
    assert told["unanswered"] == []
    assert told["totals"]["errors"]


def test_a_late_record_is_seen_in_the_hour_after_it() -> None:
    load_prices()
    same = {"conversation_id": "c", "input_tokens": 4000, "cost_usd": None, "agent": "coder", "project": "support"}
    record(make_usage(MIDNIGHT + timedelta(minutes=2), **same), now=NOW)
    record(make_usage(MIDNIGHT - DAY, **same), make_usage(MIDNIGHT + timedelta(hours=5), **same), now=NOW)
    fold()
    assert next(iter(answers()[()].values())).missed_calls == 0
    record(make_usage(MIDNIGHT - timedelta(minutes=2), **same), now=NOW)
    days = DayFold.objects.exclude(zone="hours").order_by("bucket")
    assert {one.bucket: one.waste_rules is not None for one in days} == {MIDNIGHT: False, MIDNIGHT + DAY: True}
    assert next(iter(answers()[()].values())).missed_tokens == 4000
    assert fold() >= 1
    assert answers() == from_records()
    assert differences() == []


def test_sums_that_are_wrong_are_found_and_made_again() -> None:
    load_prices()
    record(*turns(random.Random("wrong"), 10), now=NOW)
    fold()
    right = answers()
    WasteSlice.objects.filter(slice=0, bucket=START, project_id=0).update(missed_tokens=7)
    WasteSlice.objects.filter(slice=71).delete()
    assert any("missed_tokens: 7" in told for told in differences())
    with pytest.raises(CommandError, match="differences"):
        call_command("verify_rollups")
    prove_closed_hours(now=NOW)
    assert RollupDifference.objects.filter(table="WasteSlice").exists()
    fold()
    assert differences() == []
    assert answers() == right


def test_other_rules_of_the_prompt_cache_make_sums_anew(settings: Settings) -> None:
    load_prices()
    record(*turns(random.Random("rules"), 20), now=NOW)
    fold()
    before = answers()
    settings.PROMPT_CACHE_SECONDS = 60
    assert answers()[()] != before[()]
    assert answers() == from_records()
    assert fold() >= 4
    assert answers() == from_records()
