"""Retention drops whole months that are old enough, nothing else, and says what."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from apps.costs.models import (
    ConversationTotal,
    DayFold,
    DaySlice,
    ProvenHour,
    RerateLine,
    RetentionRun,
    UsageDay,
    UsageKey,
    UsageQuarter,
    UsageQuarterBy,
    UsageRecord,
)
from apps.costs.selectors import proof
from apps.costs.selectors.backlog import unfolded_days
from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.partitions import partitions_of
from apps.costs.services import partitions
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.proof_sweep import prove_closed_hours
from apps.costs.services.retention import enforce
from tests.costs.answers import answers
from tests.costs.factories import NOW, make_usage, record
from tests.costs.rerating.steps import applied, reversed_again, set_price

pytestmark = pytest.mark.django_db(transaction=True)
JANUARY, MARCH, SEPTEMBER = (datetime(2026, month, 10, 12, tzinfo=UTC) for month in (1, 3, 9))
OPEN = datetime(2026, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def short_memory(settings: Settings) -> None:
    """On 18 November records reach back to 20 June, rollups to 12 February."""
    settings.RETENTION_RECORD_DAYS, settings.RETENTION_ROLLUP_DAYS = 151, 279


@pytest.fixture(autouse=True)
def no_old_months(transactional_db: None) -> None:
    """Months that other tests made do not count here."""
    with connection.cursor() as cursor:
        for table in partitions.TABLES:
            for name in names(table):
                cursor.execute(f"DROP TABLE {name}")


@pytest.fixture
def usage_of_three_months(no_old_months: None) -> None:
    for at in (JANUARY, MARCH, SEPTEMBER):
        record(make_usage(at, id=f"in {at:%B}".replace(" ", "-"), conversation_id=f"{at:%B}", user="ada"))


def names(table: str) -> list[str]:
    return [one.name for one in partitions_of(table) if one.begins < OPEN]


def test_records_go_after_their_days_and_rollups_after_theirs(usage_of_three_months: None) -> None:
    report = enforce(now=NOW)
    assert sorted(one.name for one in report.dropped) == [
        "costs_usageday_2026_01",
        "costs_usagequarter_2026_01",
        "costs_usagequarterby_2026_01",
        "costs_usagerecord_2026_01",
        "costs_usagerecord_2026_03",
    ]
    assert names("costs_usagerecord") == ["costs_usagerecord_2026_09"]
    assert names("costs_usagequarter") == ["costs_usagequarter_2026_03", "costs_usagequarter_2026_09"]
    assert [row.occurred_at for row in UsageRecord.objects.all()] == [SEPTEMBER]
    assert [row.bucket for row in UsageQuarter.objects.order_by("bucket")] == [MARCH, SEPTEMBER]
    assert UsageQuarterBy.objects.filter(kind=1).count() == 2
    assert {row.conversation_id for row in ConversationTotal.objects.all()} == {"March", "September"}
    assert enforce(now=NOW).dropped == []


def test_ids_are_remembered_for_ever(usage_of_three_months: None) -> None:
    enforce(now=NOW)
    assert UsageKey.objects.count() == 3
    again = record(make_usage(JANUARY, id="in-January", conversation_id="January", user="ada"))
    assert again.count("duplicate") == 1


def test_late_records_find_their_month_again(usage_of_three_months: None) -> None:
    enforce(now=NOW)
    assert record(make_usage(JANUARY)).count("accepted") == 1
    assert names("costs_usagerecord")[0] == "costs_usagerecord_2026_01"


def test_what_was_dropped_is_not_missed_by_the_proof(usage_of_three_months: None) -> None:
    prove_closed_hours(now=NOW)
    enforce(now=NOW)
    assert horizon().provable_from == datetime(2026, 4, 1, tzinfo=UTC)
    assert proof.differences(JANUARY.replace(hour=0), NOW.replace(minute=0)) == []
    assert prove_closed_hours(now=NOW).found == []
    assert ProvenHour.objects.earliest("bucket").bucket >= datetime(2026, 4, 1, tzinfo=UTC)
    assert UsageQuarter.objects.count() == 2


def test_folds_of_dropped_months_go_with_them(usage_of_three_months: None) -> None:
    fold_closed_days(now=NOW, at_most=1000)
    spring = answers(datetime(2026, 2, 1, tzinfo=UTC), NOW, "UTC")
    enforce(now=NOW)
    first = datetime(2026, 2, 1, tzinfo=UTC)
    assert DayFold.objects.earliest("bucket").bucket == first
    assert (
        DaySlice.objects.earliest("bucket").bucket
        == UsageDay.objects.earliest("bucket").bucket
        == MARCH.replace(hour=0)
    )
    assert unfolded_days(NOW) == []
    assert answers(first, NOW, "UTC") == spring


def test_a_day_that_begins_in_a_dropped_month_is_read_from_what_is_left(settings: Settings) -> None:
    settings.REPORTING_ZONE = "Asia/Kathmandu"
    at = datetime(2026, 2, 1, 3, tzinfo=UTC)
    record(make_usage(at), make_usage(at - timedelta(hours=6)), make_usage(at + timedelta(days=2)))
    fold_closed_days(now=NOW, at_most=1000)
    enforce(now=NOW)
    found = answers(at - timedelta(days=3), NOW, "Asia/Kathmandu")
    assert found["totals {}"].calls == 2
    assert unfolded_days(NOW) == []


def test_a_run_that_was_broken_off_is_finished(usage_of_three_months: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE costs_usagequarter DETACH PARTITION costs_usagequarter_2026_01")
    _leave_detaching("costs_usagerecord", "costs_usagerecord_2026_01")
    assert partitions_of("costs_usagerecord")[0].state == "detaching"
    report = enforce(now=NOW)
    assert (len(report.dropped), report.errors) == (5, [])
    assert names("costs_usagerecord") == ["costs_usagerecord_2026_09"]


def test_records_need_not_wait_for_a_broken_off_run_to_be_finished(usage_of_three_months: None) -> None:
    _leave_detaching("costs_usagerecord", "costs_usagerecord_2026_01")
    assert record(make_usage(JANUARY)).count("accepted") == 1
    assert partitions_of("costs_usagerecord")[0].state == "attached"


def _leave_detaching(table: str, name: str) -> None:
    """Break a concurrent detach off while it waits for a transaction that has read the table."""
    with psycopg.connect(**connection.get_connection_params()) as reader:
        reader.execute(f"SELECT count(*) FROM {table}")
        with connection.cursor() as own:
            own.execute("SET statement_timeout = '300ms'")
            with pytest.raises(Exception, match="statement timeout"):
                own.execute(f"ALTER TABLE {table} DETACH PARTITION {name} CONCURRENTLY")
            own.execute("RESET statement_timeout")


def test_a_month_that_is_in_use_is_named_and_left_for_the_next_run(
    usage_of_three_months: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.costs.services.retention.PATIENCE_SECONDS", 1)
    with psycopg.connect(**connection.get_connection_params()) as reader:
        reader.execute("SELECT count(*) FROM costs_usagerecord")
        report = enforce(now=NOW)
    assert len(report.dropped) == 3
    assert report.errors[0].startswith("costs_usagerecord_2026_01 is left for the next run: canceling statement")
    assert "left for the next run" in RetentionRun.objects.get().error
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("15s",)
    assert len(enforce(now=NOW).dropped) == 2


def test_the_report_stays(usage_of_three_months: None) -> None:
    enforce(now=NOW)
    run = RetentionRun.objects.get()
    assert (len(run.dropped), run.conversations, run.error) == (5, 1, "")
    assert set(run.dropped[0]) == {"table", "partition", "rows", "bytes"}
    assert run.dropped[0]["bytes"] > 0


def test_a_dry_run_drops_nothing(usage_of_three_months: None) -> None:
    report = enforce(now=NOW, dry_run=True)
    assert (len(report.dropped), report.conversations) == (5, 1)
    assert UsageRecord.objects.count() == 3
    assert not RetentionRun.objects.exists()


def test_the_command_shows_the_report(settings: Settings) -> None:
    now = timezone.now()
    old = (now - timedelta(days=200)).replace(day=10)
    record(make_usage(old), now=now)
    settings.RETENTION_ROLLUP_DAYS = 4000
    out = StringIO()
    call_command("retention", "--dry-run", stdout=out)
    assert f"costs_usagerecord_{old:%Y_%m}: about " in out.getvalue()
    assert out.getvalue().endswith("1 partitions and 0 conversations would be dropped.\n")
    call_command("retention", stdout=StringIO())
    again = StringIO()
    call_command("retention", stdout=again)
    assert again.getvalue().startswith("Last report, ")
    assert again.getvalue().endswith("0 partitions and 0 conversations dropped.\n")


def test_it_refuses_to_run_inside_a_transaction() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        enforce(now=NOW)


def test_months_that_retention_would_drop_are_not_made_ahead(settings: Settings) -> None:
    settings.RETENTION_RECORD_DAYS = 20
    enforce(now=NOW)
    partitions.make_ahead(NOW)
    assert names("costs_usagerecord") == []
    assert enforce(now=NOW).dropped == []


def test_what_rerating_kept_goes_with_the_rollups_of_its_time() -> None:
    record(*(make_usage(at, cost_usd=None) for at in (JANUARY, MARCH, SEPTEMBER)))
    set_price("gpt-4.1", "2", "8")
    run = applied()
    assert run.applied == 3
    enforce(now=NOW)
    assert list(RerateLine.objects.order_by("id").values_list("occurred_at", flat=True)) == [MARCH, SEPTEMBER]
    run = reversed_again(run)
    assert (run.state, run.reversed, run.gone) == ("reversed", 1, 1)
    assert UsageRecord.objects.get().cost_usd is None
    assert UsageQuarter.objects.get(bucket__lt=OPEN - timedelta(days=90)).cost_usd > 0  # March stays as it was billed
