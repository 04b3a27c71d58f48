"""Day folds: the same answers before and after, whatever arrives late."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from apps.costs.domain.calendars import Unit, day_start
from apps.costs.models import DayFold, DaySlice, UsageDay
from apps.costs.selectors import backlog
from apps.costs.services.folding import fold_closed_days, fold_day
from tests.costs.answers import answers
from tests.costs.factories import NOW, any_usages, make_usage, record

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_it_folds_every_closed_day_once() -> None:
    record(make_usage(NOW - 3 * DAY), make_usage(NOW - 1 * DAY))
    run = fold_closed_days(now=NOW)
    assert (run.folded, run.left, run.words) == (3, 0, "3 days folded, 0 left")
    assert [fold.bucket.day for fold in DayFold.objects.order_by("bucket")] == [15, 16, 17]
    assert sorted(UsageDay.objects.values_list("bucket__day", "calls")) == [(15, 1), (17, 1)]
    assert DaySlice.objects.filter(slice=0).count() == 2
    assert fold_closed_days(now=NOW).folded == 0


def test_a_day_is_folded_two_hours_after_its_end() -> None:
    record(make_usage(datetime(2026, 11, 17, 12, tzinfo=UTC)))
    assert backlog.unfolded_days(datetime(2026, 11, 18, 1, 59, 59, tzinfo=UTC)) == []
    assert backlog.unfolded_days(datetime(2026, 11, 18, 2, tzinfo=UTC)) == [date(2026, 11, 17)]


def test_the_newest_days_come_first_and_a_run_is_bounded() -> None:
    record(make_usage(NOW - 5 * DAY))
    run = fold_closed_days(now=NOW, at_most=2)
    assert (run.folded, run.left) == (2, 3)
    assert [fold.bucket.day for fold in DayFold.objects.order_by("bucket")] == [16, 17]


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("UTC", date(2026, 11, 10), date(2026, 11, 13)),
        ("Asia/Kathmandu", date(2026, 11, 10), date(2026, 11, 13)),
        ("Europe/Berlin", date(2026, 10, 23), date(2026, 10, 27)),
        ("America/New_York", date(2026, 10, 30), date(2026, 11, 3)),
        ("Australia/Lord_Howe", date(2026, 10, 2), date(2026, 10, 6)),
    ],
)
def test_answers_are_the_same_from_folds(zone: str, first: date, last: date, settings: Settings) -> None:
    settings.REPORTING_ZONE = zone
    begin, end = day_start(first, ZoneInfo(zone)), day_start(last, ZoneInfo(zone))
    record(*any_usages(random.Random(zone), 300, begin - DAY, end + DAY))
    ranges = [(begin, end), (begin + timedelta(hours=5, minutes=20), end - timedelta(seconds=7)), (begin - DAY, end)]
    before = [answers(*each, zone, (Unit.DAY, Unit.HOUR)) for each in ranges]
    elsewhere = answers(begin, end, "Asia/Tokyo")
    assert fold_closed_days(now=NOW + DAY).folded >= (last - first).days
    assert [answers(*each, zone, (Unit.DAY, Unit.HOUR)) for each in ranges] == before
    assert answers(begin, end, "Asia/Tokyo") == elsewhere


def test_folds_are_what_answers_are_read_from() -> None:
    record(make_usage(NOW - DAY))
    fold_closed_days(now=NOW)
    UsageDay.objects.update(input_tokens=5)
    DaySlice.objects.update(input_tokens=6)
    start = datetime(2026, 11, 17, tzinfo=UTC)
    found = answers(start, start + DAY, "UTC")
    assert found["totals {}"].input_tokens == 6
    assert found["by ('agent', 'task_type', 'status')"][0].totals.input_tokens == 5


def test_a_late_record_reopens_its_day_and_only_that_until_the_next_fold() -> None:
    record(make_usage(NOW - 2 * DAY), make_usage(NOW - 1 * DAY))
    fold_closed_days(now=NOW)
    record(make_usage(NOW - 2 * DAY, cost_usd="5"))
    assert [fold.bucket.day for fold in DayFold.objects.all()] == [17]
    start = NOW - 3 * DAY
    before = answers(start, NOW, "UTC")
    assert before["totals {}"].calls == 3
    assert fold_closed_days(now=NOW).folded == 1
    assert answers(start, NOW, "UTC") == before


def test_a_young_record_leaves_folds_alone() -> None:
    record(make_usage(NOW - 1 * DAY))
    fold_closed_days(now=NOW)
    record(make_usage(NOW - timedelta(minutes=29)))
    assert DayFold.objects.count() == 1


def test_another_reporting_zone_replaces_every_fold(settings: Settings) -> None:
    record(*any_usages(random.Random(3), 60, NOW - 4 * DAY, NOW))
    before = answers(NOW - 4 * DAY, NOW, "UTC")
    fold_closed_days(now=NOW)
    settings.REPORTING_ZONE = "Europe/London"
    assert answers(NOW - 4 * DAY, NOW, "UTC") == before
    run = fold_closed_days(now=NOW)
    assert (run.removed, run.folded, run.left) == (4, 4, 0)
    assert set(DayFold.objects.values_list("zone", flat=True)) == {"Europe/London"}
    assert answers(NOW - 4 * DAY, NOW, "UTC") == before


def test_a_day_that_begins_in_a_month_without_usage_can_be_folded(settings: Settings) -> None:
    settings.REPORTING_ZONE = "Asia/Kathmandu"
    record(make_usage(datetime(2025, 3, 1, 0, 10, tzinfo=UTC)), now=NOW)
    assert fold_day(date(2025, 3, 1), ZoneInfo("Asia/Kathmandu"))
    assert DayFold.objects.get().bucket == datetime(2025, 2, 28, 18, 15, tzinfo=UTC)


def test_no_usage_is_nothing_to_fold() -> None:
    assert fold_closed_days(now=NOW).words == "0 days folded, 0 left"
