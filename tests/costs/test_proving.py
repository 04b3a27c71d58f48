"""P4: rollups equal records; what is tampered with is named and repaired, to the last digit."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.costs.domain.slices import HOUR_TOTALS, HOURS
from apps.costs.models import (
    BooksState,
    ConversationTotal,
    DayFold,
    DaySlice,
    ProvenHour,
    RollupDifference,
    UsageDay,
    UsageQuarter,
    UsageQuarterBy,
    UsageRecord,
)
from apps.costs.selectors import proof
from apps.costs.selectors.backlog import unproven_hours
from apps.costs.services import proof_sweep, proving
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.hours import merge_old_quarters
from apps.costs.services.proof_sweep import prove_closed_hours, prove_span, restore_conversations
from tests.costs.answers import answers
from tests.costs.factories import NOW, any_usage, any_usages, make_usage, record

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = NOW.replace(hour=0, minute=0)
AT = NOW - 3 * HOUR  # 09:07, in the quarter of 09:00
QUARTER = AT.replace(minute=0)


def found(start: datetime = TODAY - 3 * DAY, end: datetime = TODAY + DAY) -> list[str]:
    """Every difference, exactly and in words; fingerprints must suspect the same buckets."""
    differences = proof.differences(start, end)
    buckets = {one.bucket for one in differences}
    assert {span.start for span in proof.suspicious(start, end)} == buckets
    return [f"{one.table} {one.column} {one.was}→{one.is_now}" for one in differences]


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_rollups", *arguments, stdout=out)
    return out.getvalue()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), batch=st.integers(1, 40))
def test_nothing_that_ingest_does_makes_a_difference(seed: int, size: int, batch: int) -> None:
    dice = random.Random(seed)
    usages = any_usages(dice, size, TODAY - 2 * DAY, NOW)
    sent = [dice.choice(usages) | ({"latency_ms": 7} if dice.random() < 0.1 else {}) for _ in range(size)] + usages
    dice.shuffle(sent)
    for begin in range(0, len(sent), batch):
        record(*sent[begin : begin + batch], key_id=dice.choice((None, 7, 8)))
        if dice.random() < 0.2:
            fold_closed_days(now=NOW)
    assert UsageRecord.objects.count() > 0
    assert found() == []
    assert proof.missing_conversations(TODAY - 3 * DAY, TODAY + DAY) == []
    keys = list(ConversationTotal.objects.values_list("project_id", "conversation_id"))
    assert proof.conversation_differences(keys) == []
    assert [one for fold in DayFold.objects.all() for one in proof.fold_differences((fold.bucket, fold.ends_at))] == []


CUBE: list[tuple[dict[str, Any], str]] = [
    ({"input_tokens": 999}, "UsageQuarter input_tokens 999→1000"),
    ({"calls": 5}, "UsageQuarter calls 5→1"),
    ({"ok_calls": 0}, "UsageQuarter ok_calls 0→1"),
    ({"cost_usd": Decimal("0.002800000000001")}, "UsageQuarter cost_usd 0.002800000000001→0.0028"),
    ({"avoided_usd": Decimal(10) ** 22}, "UsageQuarter avoided_usd 10000000000000000000000→0"),
    ({"latency_ms_sum": -4}, "UsageQuarter latency_ms_sum -4→80"),
    ({"latency_bins": [(3 << 40) + 2]}, "UsageQuarter latency_bins at 2 ms 2→0"),
    ({"first_token_bins": []}, "UsageQuarter first_token_bins at 9 ms 0→1"),
]


@pytest.mark.parametrize(("tampering", "named"), CUBE, ids=lambda value: str(value)[:40])
def test_a_tampered_row_of_the_cube_is_named_and_repaired(tampering: dict[str, Any], named: str) -> None:
    record(make_usage(AT, latency_ms=80, time_to_first_token_ms=9), make_usage(AT + HOUR))
    before = _quarters()
    UsageQuarter.objects.filter(bucket=QUARTER).update(**tampering)
    assert named in found()
    assert {one.bucket for one in proving.repair(QUARTER, QUARTER + HOUR, now=NOW)} == {QUARTER}
    assert found() == []
    assert _quarters() == before


def _quarters() -> list[dict[str, Any]]:
    return [{**row, "last_received_at": None} for row in UsageQuarter.objects.order_by("bucket", "cell_id").values()]


def test_a_difference_is_told_in_words() -> None:
    record(make_usage(AT, project="support", agent="coder", tier="premium", task_type="code", user="ada", key_id=None))
    UsageQuarter.objects.update(calls=2)
    UsageQuarterBy.objects.filter(kind=1).update(calls=0)
    cell = "project support, agent coder, model openai gpt-4.1, tier premium, role –, task type code, status ok"
    assert [str(one) for one in proof.differences(QUARTER, QUARTER + HOUR)] == [
        f"UsageQuarter 2026-11-18T09:00Z [{cell}] calls: 2, by the records 1",
        "UsageQuarterBy 2026-11-18T09:00Z [user ada, project support, model openai gpt-4.1] calls: 0, by the records 1",
    ]


def test_lost_and_invented_rows_are_put_right() -> None:
    usages = any_usages(random.Random(1), 40, AT, AT + HOUR)
    record(*usages)
    tables = (UsageQuarter, UsageQuarterBy)
    before = [sorted(map(str, table.objects.values())) for table in tables]
    for table in tables:
        ids = [row.pk for row in table.objects.all()[::2]]
        for pk in ids:
            table.objects.filter(pk=pk).delete()
    UsageQuarter.objects.create(
        cell_id=10**6, bucket=QUARTER, calls=3, latency_bins=[(9 << 40) + 3], last_received_at=NOW
    )
    UsageQuarterBy.objects.create(
        kind=4, value_id=10**6, bucket=QUARTER, project_id=1, model_id=0, calls=1, cost_usd="1"
    )
    assert "UsageQuarter latency_bins at 8 ms 3→0" in found()
    prove_span(QUARTER, QUARTER + 2 * HOUR, now=NOW)
    assert found() == []
    received = dict(UsageQuarter.objects.values_list("pk", "last_received_at"))
    assert all(moment.year == datetime.now(UTC).year for moment in received.values())
    assert [len(rows) for rows in before] == [table.objects.count() for table in tables]


def test_tampered_records_change_what_is_right() -> None:
    record(make_usage(AT, user="ada"), make_usage(AT, id="other", conversation_id="c"))
    UsageRecord.objects.filter(usage_id="other").update(output_tokens=107, cost_usd=None)
    assert "UsageQuarter unpriced_calls 0→1" in found()
    prove_span(QUARTER, QUARTER + HOUR, now=NOW)
    assert found() == []
    assert UsageQuarter.objects.get().output_tokens == 207
    prove_closed_hours(now=NOW)
    assert ConversationTotal.objects.get().output_tokens == 107


@pytest.mark.parametrize(
    ("tampering", "column"),
    [
        ({"cost_usd": Decimal(9)}, "cost_usd: 9, by the records 0.0056"),
        ({"first_at": AT - DAY}, "first_at: 2026-11-17T09:07:00+00:00, by the records 2026-11-18T09:07:00+00:00"),
        ({"last_at": AT}, "last_at: 2026-11-18T09:07:00+00:00, by the records 2026-11-18T10:07:00+00:00"),
    ],
)
def test_a_tampered_conversation_is_named_and_repaired(tampering: dict[str, Any], column: str) -> None:
    record(make_usage(AT, conversation_id="c"), make_usage(AT + HOUR, conversation_id="c"), make_usage(AT))
    before = ConversationTotal.objects.values().get()
    ConversationTotal.objects.update(**tampering)
    prove_closed_hours(now=NOW)
    [kept] = RollupDifference.objects.all()
    assert f"{kept.column}: {kept.was}, by the records {kept.is_now}" == column
    assert (kept.table, kept.key) == ("ConversationTotal", "project default, conversation c")
    assert ConversationTotal.objects.values().get() == before


def test_a_conversation_without_a_total_is_found_by_the_records_of_an_hour() -> None:
    record(make_usage(AT, conversation_id="c"), make_usage(AT - DAY, conversation_id="c"))
    before = ConversationTotal.objects.values().get()
    ConversationTotal.objects.all().delete()
    assert restore_conversations(QUARTER - HOUR, QUARTER, now=NOW) == []
    assert len(restore_conversations(QUARTER, QUARTER + HOUR, now=NOW)) == 6
    assert ConversationTotal.objects.values().get() == before


def test_a_lost_conversation_comes_back_and_an_invented_one_goes() -> None:
    record(make_usage(AT, conversation_id="c", agent="coder"), make_usage(AT - DAY, conversation_id="c", agent="old"))
    before = ConversationTotal.objects.values().get()
    ConversationTotal.objects.update(conversation_id="d")
    run = prove_closed_hours(now=NOW)
    assert {one.key for one in run.found} == {"project default, conversation c", "project default, conversation d"}
    assert ConversationTotal.objects.values().get() == before


def test_a_tampered_fold_is_named_taken_back_and_folded_again() -> None:
    record(*any_usages(random.Random(2), 50, TODAY - DAY, TODAY))
    fold_closed_days(now=NOW)
    right = answers(TODAY - DAY, TODAY, "UTC")
    for table, where in ((UsageDay, {}), (DaySlice, {"slice": 3}), (DaySlice, {"slice": HOUR_TOTALS.number})):
        table.objects.filter(**where).update(calls=10**6)
        assert {one.table for one in prove_closed_hours(now=NOW).found} == {table.__name__}
        assert not DayFold.objects.exclude(zone=HOURS).exists()
        assert fold_closed_days(now=NOW).folded == 1
        assert answers(TODAY - DAY, TODAY, "UTC") == right
        assert prove_closed_hours(now=NOW).found == []


def test_a_repair_reopens_the_day_that_was_folded_from_the_wrong_quarters() -> None:
    record(*any_usages(random.Random(3), 30, TODAY - DAY, TODAY))
    right = answers(TODAY - DAY, TODAY, "UTC")
    UsageQuarter.objects.update(cost_usd=1)
    fold_closed_days(now=NOW)
    assert answers(TODAY - DAY, TODAY, "UTC") != right
    assert prove_closed_hours(now=NOW).found
    fold_closed_days(now=NOW)
    assert answers(TODAY - DAY, TODAY, "UTC") == right


def test_merged_hours_are_proven_and_repaired_as_hours() -> None:
    old = TODAY - 45 * DAY
    record(*any_usages(random.Random(4), 80, old, old + 3 * HOUR))
    right = answers(old, old + 3 * HOUR, "UTC")
    merge_old_quarters(now=NOW)
    BooksState.objects.update(hours_until_set_at=TODAY - DAY)
    assert merge_old_quarters(now=NOW).merged == 3
    record(any_usage(random.Random(5), old, old + HOUR))
    right = answers(old, old + 3 * HOUR, "UTC")
    assert found(old, old + DAY) == []
    UsageQuarter.objects.filter(bucket__lte=old + HOUR).update(calls=50, latency_bins=[(5 << 40) + 1])
    assert found(old, old + DAY)
    prove_span(old, old + DAY, now=NOW)
    assert found(old, old + DAY) == []
    assert answers(old, old + 3 * HOUR, "UTC") == right


def test_what_retention_dropped_is_left_alone() -> None:
    record(make_usage(AT, conversation_id="c"), make_usage(AT - 2 * DAY, conversation_id="c"))
    BooksState.objects.update_or_create(id=1, defaults={"records_from": TODAY - DAY})
    UsageRecord.objects.filter(occurred_at__lt=TODAY - DAY).delete()
    assert found() == []
    assert proving.repair(TODAY - 3 * DAY, TODAY, now=NOW) == []
    assert prove_closed_hours(now=NOW).found == []
    assert (UsageQuarter.objects.count(), ConversationTotal.objects.get().calls) == (2, 2)


def test_numbers_too_large_for_fingerprints_are_compared_exactly() -> None:
    record(*(make_usage(AT, input_tokens=10**12, output_tokens=10**12, cost_usd=None) for _ in range(9)))
    # Whether the fingerprints overflow depends on the weights drawn; what is found must not.
    assert proving.repair(QUARTER, QUARTER + HOUR, now=NOW) == []
    assert UsageQuarter.objects.get().input_tokens == 9 * 10**12


def test_closed_hours_are_proven_newest_first_then_round_and_round() -> None:
    record(make_usage(AT))
    assert unproven_hours(NOW)[0] == NOW.replace(hour=11, minute=0)
    run = prove_closed_hours(now=NOW)
    assert (run.left, run.found) == (0, [])
    assert unproven_hours(NOW) == []
    assert ProvenHour.objects.latest("bucket").bucket == NOW.replace(hour=11, minute=0)
    first = ProvenHour.objects.earliest("proven_at", "bucket")
    ProvenHour.objects.filter(pk=first.pk).update(proven_at=TODAY - DAY)
    assert prove_closed_hours(now=NOW).hours == 24
    assert ProvenHour.objects.get(pk=first.pk).proven_at > TODAY - DAY


def test_an_hour_that_cannot_be_proven_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    record(make_usage(AT))

    def only_today(start: datetime, end: datetime, *, now: datetime) -> list[proof.Difference]:
        if start >= TODAY:
            raise OperationalError("canceling statement due to statement timeout")
        return prove_span(start, end, now=now)

    monkeypatch.setattr(proof_sweep, "prove_span", only_today)
    run = prove_closed_hours(now=NOW)
    assert (run.failed, run.left) == (1, 12)
    assert run.words.endswith("; 12 hours left; 1 stretch failed, see the log of the worker")
    assert unproven_hours(NOW) == [NOW.replace(hour=hour, minute=0) for hour in reversed(range(12))]


def test_the_walk_over_conversations_goes_on_where_it_stood() -> None:
    record(*(make_usage(AT, conversation_id=f"c{n}") for n in range(5)))
    [project] = set(ConversationTotal.objects.values_list("project_id", flat=True))
    first = proof.next_chunk(proof.START, conversations=3)
    second = proof.next_chunk(first.last or proof.START, conversations=3)
    assert first.keys + second.keys == [(project, f"c{n}") for n in range(5)]
    assert proof.next_chunk(second.last or proof.START).last is None
    assert len(proof.next_chunk(proof.START, records=2).keys) == 2


def test_the_command_says_that_all_is_well() -> None:
    record(*any_usages(random.Random(6), 30, TODAY - 2 * DAY, TODAY - DAY))
    said = verify("--from", "2026-11-16", "--to", "2026-11-18T00:00Z")
    assert said == "Rollups equal records from 2026-11-16T00:00Z to 2026-11-18T00:00Z: 0 differences.\n"


def test_the_command_names_differences_repairs_them_and_ends_with_1() -> None:
    record(
        *any_usages(random.Random(7), 30, TODAY - 2 * DAY, TODAY - DAY), make_usage(TODAY - DAY, conversation_id="x")
    )
    fold_closed_days(now=NOW)
    UsageQuarter.objects.filter(bucket__lt=TODAY - DAY).update(repeated_calls=77)
    DaySlice.objects.filter(slice=0).update(calls=78)
    ConversationTotal.objects.filter(conversation_id="x").update(calls=79)
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("verify_rollups", "--from", "2026-11-16", "--to", "2026-11-18", "--repair", stdout=out)
    assert error.value.returncode == 1
    assert {line.split(" ")[0] for line in out.getvalue().splitlines()} == {
        "UsageQuarter",
        "DaySlice",
        "ConversationTotal",
    }
    assert RollupDifference.objects.count() == len(out.getvalue().splitlines())
    fold_closed_days(now=NOW)
    assert "0 differences" in verify("--from", "2026-11-16", "--to", "2026-11-18")


@pytest.mark.parametrize("text", ["yesterday", "2026-11-16T10:30Z", "2026-11-16T10:00"])
def test_the_command_wants_whole_hours(text: str) -> None:
    with pytest.raises(CommandError, match=r"like .*2026-11-01T10:00Z\."):
        verify("--from", text)
