"""Old quarters become hours: fewer rows, the same answers to any two instants."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from apps.costs.domain.calendars import Unit, cut
from apps.costs.models import BooksState, UsageQuarter, UsageQuarterBy
from apps.costs.selectors.backlog import unfolded_days
from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.metrics.cutting import pieces
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.hours import HoursRun, merge_old_quarters
from tests.costs.answers import answers
from tests.costs.factories import NOW, any_usages, make_usage, record

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OLD = datetime(2026, 10, 9, tzinfo=UTC)  # the last day before which quarters are merged: 40 days before NOW


def merge(now: datetime = NOW) -> HoursRun:
    """Announce, let the minute pass, merge."""
    merge_old_quarters(now=now)
    BooksState.objects.update(hours_until_set_at=datetime(2026, 1, 1, tzinfo=UTC))
    return merge_old_quarters(now=now)


def test_it_merges_hours_older_than_forty_days_and_keeps_the_rest() -> None:
    record(*(make_usage(at + timedelta(minutes=m)) for at in (OLD - HOUR, OLD) for m in (1, 16, 31, 46)))
    assert merge() == HoursRun(merged=1, left=0)
    assert list(UsageQuarter.objects.order_by("bucket").values_list("bucket", "calls")) == [
        (OLD - HOUR, 4),
        *((OLD + timedelta(minutes=m), 1) for m in (0, 15, 30, 45)),
    ]
    assert UsageQuarterBy.objects.filter(bucket__lt=OLD).count() == 1
    assert horizon().hours_until == OLD


def test_nothing_is_merged_before_readers_can_know_it() -> None:
    record(make_usage(OLD - HOUR + timedelta(minutes=16)))
    assert merge_old_quarters(now=NOW) == HoursRun(0, 0)
    assert merge_old_quarters(now=NOW) == HoursRun(0, 0)
    assert horizon().hours_until == OLD
    assert UsageQuarter.objects.get().bucket.minute == 15


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_answers_are_the_same_from_hours(zone: str) -> None:
    start, end = OLD - 2 * DAY, OLD + DAY
    record(*any_usages(random.Random(zone), 200, start, end))
    ranges = [
        (start, end),
        (start + timedelta(minutes=7, seconds=3), OLD - timedelta(minutes=20)),
        (OLD - timedelta(minutes=20), OLD + timedelta(minutes=35, microseconds=1)),
        (OLD - timedelta(minutes=50), OLD - timedelta(minutes=10)),
    ]
    before = [answers(*each, zone, (Unit.DAY, Unit.HOUR)) for each in ranges]
    announced = merge_old_quarters(now=NOW)
    assert announced.merged == 0
    assert [answers(*each, zone, (Unit.DAY, Unit.HOUR)) for each in ranges] == before
    assert merge().merged > 20
    assert [answers(*each, zone, (Unit.DAY, Unit.HOUR)) for each in ranges] == before
    assert not UsageQuarter.objects.filter(bucket__lt=OLD).exclude(bucket__minute=0).exists()


def test_a_late_record_joins_its_hour_and_is_merged_next_time() -> None:
    record(make_usage(OLD - HOUR), make_usage(OLD - timedelta(minutes=40)))
    merge()
    record(make_usage(OLD - timedelta(minutes=25)))
    before = answers(OLD - DAY, OLD, "UTC")
    assert before["totals {}"].calls == 3
    assert merge_old_quarters(now=NOW) == HoursRun(merged=1, left=0)
    assert answers(OLD - DAY, OLD, "UTC") == before
    assert UsageQuarter.objects.get().calls == 3


def test_quarters_stay_where_days_begin_inside_an_hour(settings: Settings) -> None:
    settings.REPORTING_ZONE = "Asia/Kathmandu"
    record(make_usage(OLD - timedelta(minutes=40)))
    assert merge() == HoursRun(0, 0)
    assert horizon().hours_until is None


def test_a_zone_that_needs_quarters_after_hours_were_merged_still_answers(settings: Settings) -> None:
    record(*any_usages(random.Random(5), 200, OLD - 3 * DAY, OLD + 2 * DAY))
    before = answers(OLD - 3 * DAY, OLD + 2 * DAY, "Asia/Kathmandu")
    merge()
    settings.REPORTING_ZONE = "Asia/Kathmandu"
    days = unfolded_days(NOW)
    assert min(days) == OLD.date() + DAY  # what begins inside a merged hour is read from hours and records
    fold_closed_days(now=NOW, at_most=100)
    assert answers(OLD - 3 * DAY, OLD + 2 * DAY, "Asia/Kathmandu") == before


def test_where_records_are_gone_a_row_counts_where_it_begins() -> None:
    record(make_usage(OLD - timedelta(minutes=40)), make_usage(OLD - timedelta(minutes=10)))
    merge()
    BooksState.objects.update(records_from=OLD)
    half = OLD - timedelta(minutes=30)
    found = [pieces(OLD - DAY, half), pieces(half, OLD + DAY)]
    assert [(each.whole, each.loose) for each in found] == [([(OLD - DAY, OLD)], []), ([(OLD, OLD + DAY)], [])]


def test_edges_inside_merged_hours_are_read_from_records_only_there() -> None:
    merge_old_quarters(now=NOW)
    BooksState.objects.update_or_create(id=1, defaults={"hours_until": OLD})
    edges = cut(OLD - DAY, OLD + DAY, Unit.DAY, ZoneInfo("Asia/Kathmandu"))
    assert pieces(OLD - DAY, OLD + DAY, edges).loose == [(OLD - 6 * HOUR, OLD - 5 * HOUR)]
