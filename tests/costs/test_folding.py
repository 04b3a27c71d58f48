"""Day folds: the same answers before and after, whatever arrives late."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db.models import QuerySet
from pytest_django import Settings

from apps.access.models import Project
from apps.costs.domain.calendars import Unit, day_start
from apps.costs.domain.slices import EVERY, EVERY_SLICES, HOURS, NARROW_ALONE, NARROW_SLICES
from apps.costs.models import DayFold, DaySlice, UsageDay
from apps.costs.selectors import backlog
from apps.costs.selectors.metrics import UsageQuery, added, grouped
from apps.costs.selectors.proof import fold_differences
from apps.costs.services.folding import fold_closed_days, fold_day
from tests.costs.answers import answers
from tests.costs.factories import NOW, any_usages, make_usage, record

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def days() -> QuerySet[DayFold]:
    return DayFold.objects.exclude(zone=HOURS)


def hours() -> QuerySet[DayFold]:
    return DayFold.objects.filter(zone=HOURS)


def test_it_folds_every_closed_day_once() -> None:
    record(make_usage(NOW - 3 * DAY), make_usage(NOW - 1 * DAY))
    run = fold_closed_days(now=NOW)
    assert (run.folded, run.left, run.words) == (3, 0, "3 days and 11 hours folded, 0 days left")
    assert [fold.bucket.day for fold in days().order_by("bucket")] == [15, 16, 17]
    assert sorted(UsageDay.objects.values_list("bucket__day", "calls")) == [(15, 1), (17, 1)]
    assert DaySlice.objects.filter(slice=0).exclude(project_id=EVERY).count() == 2
    assert DaySlice.objects.filter(slice=0, project_id=EVERY).count() == 2
    assert fold_closed_days(now=NOW).folded == 0


def test_a_day_is_folded_two_hours_after_its_end() -> None:
    record(make_usage(datetime(2026, 11, 17, 12, tzinfo=UTC)))
    assert backlog.unfolded_days(datetime(2026, 11, 18, 1, 59, 59, tzinfo=UTC)) == []
    assert backlog.unfolded_days(datetime(2026, 11, 18, 2, tzinfo=UTC)) == [date(2026, 11, 17)]


def test_the_newest_days_come_first_and_a_run_is_bounded() -> None:
    record(make_usage(NOW - 5 * DAY))
    run = fold_closed_days(now=NOW, at_most=2)
    assert (run.folded, run.left) == (2, 3)
    assert [fold.bucket.day for fold in days().order_by("bucket")] == [16, 17]


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
    assert [fold.bucket.day for fold in days()] == [17]
    start = NOW - 3 * DAY
    before = answers(start, NOW, "UTC")
    assert before["totals {}"].calls == 3
    assert fold_closed_days(now=NOW).folded == 1
    assert answers(start, NOW, "UTC") == before


def test_a_young_record_leaves_folds_alone() -> None:
    record(make_usage(NOW - 1 * DAY))
    fold_closed_days(now=NOW)
    record(make_usage(NOW - timedelta(minutes=29)))
    assert days().count() == 1


def test_another_reporting_zone_replaces_every_fold(settings: Settings) -> None:
    record(*any_usages(random.Random(3), 60, NOW - 4 * DAY, NOW))
    before = answers(NOW - 4 * DAY, NOW, "UTC")
    fold_closed_days(now=NOW)
    settings.REPORTING_ZONE = "Europe/London"
    assert {fold[0] for fold in backlog.folds_to_prove(99)} == set(hours().values_list("bucket", flat=True))
    assert answers(NOW - 4 * DAY, NOW, "UTC") == before
    run = fold_closed_days(now=NOW)
    assert (run.removed, run.folded, run.left) == (4, 4, 0)
    assert set(days().values_list("zone", flat=True)) == {"Europe/London"}
    assert answers(NOW - 4 * DAY, NOW, "UTC") == before


def test_folds_of_two_zones_never_share_rows(settings: Settings) -> None:
    """While the folds of a zone are replaced step by step, days and hours of both overlap in every way."""
    settings.FOLD_DAYS_PER_RUN = 2
    now = datetime(2026, 10, 28, 20, 30, tzinfo=UTC)
    asked = (now - 4 * DAY, now, "Asia/Kathmandu", (Unit.DAY, Unit.HOUR))
    record(*any_usages(random.Random(4), 90, now - 4 * DAY, now), now=now)
    before = answers(*asked)
    fold_closed_days(now=now, at_most=9)
    for zone in ("Asia/Kathmandu", "Asia/Kathmandu", "Europe/Berlin", "America/St_Johns", "America/St_Johns", "UTC"):
        settings.REPORTING_ZONE = zone
        fold_closed_days(now=now)
        assert answers(*asked) == before, zone
        assert [one for fold in DayFold.objects.all() for one in fold_differences((fold.bucket, fold.ends_at))] == []
        spans = sorted(DayFold.objects.values_list("bucket", "ends_at"))
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans)), zone


def test_a_day_that_begins_in_a_month_without_usage_can_be_folded(settings: Settings) -> None:
    settings.REPORTING_ZONE = "Asia/Kathmandu"
    record(make_usage(datetime(2025, 3, 1, 0, 10, tzinfo=UTC)), now=NOW)
    assert fold_day(date(2025, 3, 1), ZoneInfo("Asia/Kathmandu"))
    assert days().get().bucket == datetime(2025, 2, 28, 18, 15, tzinfo=UTC)


def test_no_usage_is_nothing_to_fold() -> None:
    assert fold_closed_days(now=NOW).words == "0 days and 0 hours folded, 0 days left"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin"])
def test_answers_are_the_same_from_hours(zone: str, settings: Settings) -> None:
    settings.REPORTING_ZONE = zone
    now = datetime(2026, 10, 25, 22, 40, tzinfo=UTC)
    start = day_start(date(2026, 10, 24), ZoneInfo(zone))
    record(*any_usages(random.Random(zone), 300, start - DAY, now), now=now)
    ranges = [(start, now), (now - 7 * HOUR, now), (start - DAY, now - timedelta(hours=5, minutes=20, seconds=7))]
    before = [answers(*each, zone, (Unit.DAY, Unit.HOUR)) for each in ranges]
    run = fold_closed_days(now=now)
    assert run.hours == hours().count() > 0
    assert [answers(*each, zone, (Unit.DAY, Unit.HOUR)) for each in ranges] == before
    assert all(fold_differences((fold.bucket, fold.ends_at)) == [] for fold in DayFold.objects.all())


def test_an_hour_is_folded_an_hour_after_its_end_and_read_from_its_fold() -> None:
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    record(make_usage(noon - 30 * HOUR), make_usage(noon), now=noon + HOUR)
    assert (noon, noon + HOUR) not in backlog.unfolded_hours(noon + 2 * HOUR - timedelta(seconds=1))
    assert (noon, noon + HOUR) in backlog.unfolded_hours(noon + 2 * HOUR)
    assert fold_closed_days(now=noon + 2 * HOUR).hours == 13
    DaySlice.objects.filter(bucket=noon).update(input_tokens=6)
    assert answers(noon, noon + HOUR, "UTC")["totals {}"].input_tokens == 6
    assert answers(noon, noon + HOUR, "UTC")["by ('agent', 'task_type', 'status')"][0].totals.input_tokens != 6


def test_a_late_record_reopens_its_hour() -> None:
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    record(make_usage(noon), now=noon + HOUR)
    fold_closed_days(now=noon + 5 * HOUR)
    record(make_usage(noon + timedelta(minutes=50), cost_usd="5"), now=noon + 5 * HOUR)
    assert not hours().filter(bucket=noon).exists()
    assert answers(noon, noon + HOUR, "UTC")["totals {}"].calls == 2
    assert fold_closed_days(now=noon + 5 * HOUR).hours == 1
    assert answers(noon, noon + HOUR, "UTC")["totals {}"].calls == 2


def test_the_fold_of_a_day_replaces_those_of_its_hours_and_keeps_their_sums() -> None:
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    record(make_usage(noon), make_usage(noon + HOUR), now=noon + HOUR)
    fold_closed_days(now=noon + 5 * HOUR)
    assert hours().count() == 4
    assert fold_closed_days(now=noon + 14 * HOUR).folded == 1
    assert [fold.bucket.day for fold in hours()] == [19]
    assert DaySlice.objects.filter(slice=21).count() == 0
    DaySlice.objects.filter(bucket=noon).update(input_tokens=7)
    assert answers(noon, noon + HOUR, "UTC")["totals {}"].input_tokens == 7
    assert [found.column for found in fold_differences((noon - 12 * HOUR, noon + 12 * HOUR))] == ["input_tokens"]


def test_users_tools_and_tags_of_folded_days_are_read_from_slices_and_proven() -> None:
    record(make_usage(NOW - DAY, user="ann", tool="shell", tags={"team": "a"}))
    fold_closed_days(now=NOW)
    query = UsageQuery(NOW - 2 * DAY, NOW)
    narrow = DaySlice.objects.filter(slice__in=[*NARROW_SLICES.values(), *NARROW_ALONE.values()])
    narrow.filter(slice__in=NARROW_SLICES.values()).update(input_tokens=6)
    narrow.filter(slice__in=NARROW_ALONE.values()).update(input_tokens=7)
    for name in ("user", "tool", "tag:team"):
        (row,) = grouped(query, (name, "model"), edges=())
        (alone,) = grouped(query, ("project", name), edges=())
        assert (row.totals.input_tokens, alone.totals.input_tokens) == (6, 7), "read from the fold"
    found = [one for fold in days() for one in fold_differences((fold.bucket, fold.ends_at))]
    assert [(one.table, one.column, one.was, one.is_now) for one in found] == [
        ("DaySlice", "input_tokens", was, "1000") for was in ("6", "6", "6", "7", "7", "7")
    ]
    narrow.delete()
    missing = [one for fold in days() for one in fold_differences((fold.bucket, fold.ends_at))]
    assert sorted({one.column for one in missing}) == ["calls", "cost_usd", "input_tokens", "output_tokens"]
    assert len(missing) == 6 * 4


def test_all_projects_but_demo_ones_are_read_from_one_row_and_proven() -> None:
    used = [make_usage(NOW - DAY, project=name, latency_ms=90) for name in ("support", "sales", "fleet")]
    Project.objects.create(name="fleet", is_demo=True)
    record(*used)
    fold_closed_days(now=NOW)
    support = Project.objects.get(name="support").pk
    every = UsageQuery(NOW - 2 * DAY, NOW)
    asked = {
        "every": every,
        "with demo": replace(every, include_demo=True),
        "one": replace(every, filters={"project": ("support",)}),
        "limited": replace(every, project_ids=frozenset([support])),
    }
    (fold,) = [(one.bucket, one.ends_at) for one in days()]
    assert fold_differences(fold) == []
    DaySlice.objects.filter(project_id=EVERY).update(calls=50)
    told = {name: added([row.totals for row in grouped(query, ("model",), edges=())]) for name, query in asked.items()}
    assert {name: one.calls for name, one in told.items()} == {"every": 50, "with demo": 51, "one": 1, "limited": 1}
    assert [row.totals.calls for row in grouped(every, ("project",), edges=())] == [1, 1]
    assert [row.totals.calls for row in grouped(every, ("agent",), edges=())] == [2]
    found = fold_differences(fold)
    assert {(one.column, int(Decimal(one.was)), int(Decimal(one.is_now))) for one in found} == {("calls", 50, 2)}
    assert len(found) == len(EVERY_SLICES)
