"""Raising alerts: one row per crossing, however often and by however many it is noticed; and resolving them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.budgets.models import Alert, AlertState, Announcement
from apps.budgets.services.alerting.raising import raise_alerts, resolve_alerts
from tests.budgets.alerting import crossing

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_a_crossing_becomes_one_alert_and_one_announcement(db: None) -> None:
    first = raise_alerts(crossings=[crossing(), crossing()], now=NOW)
    assert [alert.title for alert in first] == ["Budget 1 is at 80 %"]
    assert first[0].facts == [["Spent", "$401.20"], ["Limit", "$500.00"]]
    assert raise_alerts(crossings=[crossing(title="said otherwise")], now=NOW) == []
    assert [alert.subject for alert in raise_alerts(crossings=[crossing(2), crossing()], now=NOW)] == ["budget:2"]
    assert list(Announcement.objects.values_list("alert__subject", "event")) == [
        ("budget:1", "raised"),
        ("budget:2", "raised"),
    ]


def test_it_is_one_statement(db: None) -> None:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        raise_alerts(crossings=[crossing(number) for number in range(50)], now=NOW)
        raise_alerts(crossings=[], now=NOW)
    assert len(seen) == 1


def test_one_that_mails_nobody_is_shown_alone(db: None) -> None:
    raise_alerts(crossings=[crossing(mails=False)], now=NOW)
    resolve_alerts(kind="budget_threshold", subject="budget:1", occurrences_prefix="2026-11-01", now=NOW)
    assert Alert.objects.get().state == AlertState.RESOLVED
    assert not Announcement.objects.exists()


def test_nothing_is_left_of_a_transaction_that_is_rolled_back(db: None) -> None:
    with transaction.atomic():
        assert raise_alerts(crossings=[crossing()], now=NOW)
        transaction.set_rollback(True)
    assert not Alert.objects.exists()
    assert not Announcement.objects.exists()


def test_resolving_ends_what_begins_so_and_tells_once(db: None) -> None:
    raise_alerts(crossings=[crossing(), crossing(occurrence="2026-12-01 actual 80%"), crossing(10)], now=NOW)
    for expected in (1, 0):
        ended = resolve_alerts(kind="budget_threshold", subject="budget:1", occurrences_prefix="2026-11-01", now=NOW)
        assert len(ended) == expected
    assert sorted(Alert.objects.values_list("subject", "occurrence", "state")) == [
        ("budget:1", "2026-11-01 actual 80%", "resolved"),
        ("budget:1", "2026-12-01 actual 80%", "firing"),
        ("budget:10", "2026-11-01 actual 80%", "firing"),
    ]
    assert Announcement.objects.filter(event="resolved").count() == 1


@pytest.fixture
def threads(transactional_db: None) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_eight_that_notice_the_same_raise_it_once(threads: ThreadPoolExecutor) -> None:
    def notice(worker: int) -> int:
        try:
            numbers = range(40) if worker % 2 else reversed(range(40))
            return len(raise_alerts(crossings=[crossing(number) for number in numbers], now=NOW))
        finally:
            connection.close()

    assert sum(threads.map(notice, range(8))) == 40
    assert Alert.objects.count() == Announcement.objects.count() == 40
