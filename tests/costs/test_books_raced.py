"""Two connections at once: late records against folds, ingest against repairs."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError, connection, transaction

from apps.costs.domain.slices import HOURS
from apps.costs.models import DayFold, UsageDay, UsageQuarter
from apps.costs.selectors import proof
from apps.costs.services import folding, locks, proving
from apps.costs.services.folding import fold_closed_days, fold_day
from tests.costs.answers import answers
from tests.costs.factories import NOW, any_usages, make_usage, record

pytestmark = pytest.mark.django_db(transaction=True)
UTC = ZoneInfo("UTC")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = NOW.replace(hour=0, minute=0)
YESTERDAY = (TODAY - DAY).date()


@contextmanager
def elsewhere() -> Iterator[Callable[..., Future[Any]]]:
    """Runs functions on another thread, with a connection of its own."""

    def closing(work: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        try:
            return work(*arguments, **more)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        yield lambda work, *arguments, **more: pool.submit(closing, work, *arguments, **more)


def equal_folds() -> None:
    for fold in DayFold.objects.all():
        assert proof.fold_differences((fold.bucket, fold.ends_at)) == []


def test_a_late_record_between_adding_up_and_the_lock_undoes_the_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    record(make_usage(TODAY - 5 * HOUR))
    lock = locks.fold_alone

    def late_first(cursor: Any) -> None:
        with elsewhere() as run:
            run(record, make_usage(TODAY - 4 * HOUR)).result(timeout=20)
        lock(cursor)

    monkeypatch.setattr(folding, "fold_alone", late_first)
    assert fold_day(YESTERDAY, UTC) is False
    assert (DayFold.objects.count(), UsageDay.objects.count()) == (0, 0)
    monkeypatch.undo()
    assert fold_day(YESTERDAY, UTC) is True
    assert UsageDay.objects.get().calls == 2


def test_a_late_record_after_the_lock_waits_and_reopens_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    record(make_usage(TODAY - 5 * HOUR))
    check, sent = folding._check_unchanged, []

    with elsewhere() as run:

        def late_now(*arguments: Any) -> None:
            sent.append(run(record, make_usage(TODAY - 4 * HOUR)))
            _wait_for_a_waiter()
            check(*arguments)

        monkeypatch.setattr(folding, "_check_unchanged", late_now)
        assert fold_day(YESTERDAY, UTC) is True
        sent[0].result(timeout=20)
    assert not DayFold.objects.exists()
    assert answers(TODAY - DAY, TODAY, "UTC")["totals {}"].calls == 2


def _wait_for_a_waiter() -> None:
    """Until some transaction waits for an advisory lock."""
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waited")


def test_a_fold_gives_way_to_late_records_that_stay() -> None:
    record(make_usage(TODAY - 5 * HOUR))
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            locks.reopen_together(cursor)
            held.set()
            release.wait(20)

    with elsewhere() as run:
        holding = run(hold)
        held.wait(20)
        with pytest.raises(OperationalError, match="lock timeout"):
            fold_day(YESTERDAY, UTC)
        release.set()
        holding.result(timeout=20)
    assert not DayFold.objects.exists()


def test_a_day_that_cannot_be_folded_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    record(make_usage(TODAY - 2 * DAY))
    fold = folding.fold_day

    def not_yesterday(day: date, zone: ZoneInfo) -> bool:
        if day == YESTERDAY:
            raise OperationalError("canceling statement due to lock timeout")
        return fold(day, zone)

    monkeypatch.setattr(folding, "fold_day", not_yesterday)
    run = fold_closed_days(now=NOW)
    assert (run.folded, run.left) == (1, 1)


def test_folds_and_late_records_in_any_order_agree_at_the_end() -> None:
    dice = random.Random(11)
    usages = any_usages(dice, 240, TODAY - 3 * DAY, TODAY)
    record(*usages[:40])
    with elsewhere() as run:
        reporting = [
            run(lambda part: [record(*part[n : n + 4]) for n in range(0, len(part), 4)], usages[begin : begin + 100])
            for begin in (40, 140)
        ]
        while not all(one.done() for one in reporting):
            fold_closed_days(now=NOW)
            equal_folds()
    assert all(one.exception() is None for one in reporting)
    expected = answers(TODAY - 3 * DAY, TODAY, "UTC")
    fold_closed_days(now=NOW)
    equal_folds()
    assert DayFold.objects.exclude(zone=HOURS).count() == 3
    assert answers(TODAY - 3 * DAY, TODAY, "UTC") == expected


def test_repairs_are_exact_while_ingest_goes_on() -> None:
    start = TODAY + HOUR
    usages = any_usages(random.Random(12), 300, start, start + HOUR)
    record(*usages[:60])
    UsageQuarter.objects.all().update(input_tokens=1, cost_usd="123.4", latency_bins=[(4 << 40) + 9])
    for row in list(UsageQuarter.objects.all()[::5]):
        UsageQuarter.objects.filter(pk=row.pk).delete()
    with elsewhere() as run:
        reporting = run(lambda: [record(*usages[n : n + 3], now=start + HOUR) for n in range(60, 300, 3)])
        repairing = run(proving.repair, start, start + HOUR, now=NOW)
        here = proving.repair(start, start + HOUR, now=NOW)
        reporting.result(timeout=60)
        there = repairing.result(timeout=60)
    assert bool(here) != bool(there)  # one of the two repaired, the other found nothing left
    assert proof.differences(start, start + HOUR) == []
