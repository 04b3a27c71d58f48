"""What the Health page tells of the books."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.access.models import User
from apps.costs.models import Sweep, UsageQuarter
from apps.costs.selectors.bookkeeping import bookkeeping, sweep_states
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.proof_sweep import prove_closed_hours
from controlplane import health, heartbeats
from tests.costs.factories import NOW, make_usage, record

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_it_tells_the_oldest_work_and_then_that_there_is_none() -> None:
    record(make_usage(NOW - timedelta(days=3)))
    before = bookkeeping(NOW)
    assert before.oldest_unfolded_day == date(2026, 11, 15)
    assert before.oldest_unproven_hour is not None
    assert (before.last_proof_at, before.last_retention) == (None, None)
    fold_closed_days(now=NOW)
    prove_closed_hours(now=NOW)
    after = bookkeeping(NOW)
    assert (after.oldest_unfolded_day, after.oldest_unproven_hour, after.differences_count) == (None, None, 0)
    assert after.last_proof_at is not None


def test_differences_are_told_for_thirty_days_newest_first() -> None:
    record(make_usage(NOW - HOUR * 3), make_usage(NOW - HOUR * 5))
    UsageQuarter.objects.update(cache_hits=1)
    prove_closed_hours(now=NOW)
    told = bookkeeping(NOW + timedelta(days=29), shown=1)
    assert (told.differences_count, len(told.differences)) == (2, 1)
    assert told.differences[0].column == "cache_hits"
    assert bookkeeping(NOW + timedelta(days=31)).differences_count == 0


@pytest.mark.parametrize(("behind", "late"), [(None, False), (HOUR, False), (HOUR + timedelta(seconds=1), True)])
def test_work_is_late_when_it_has_not_caught_up_for_too_long(behind: timedelta | None, late: bool) -> None:
    Sweep.objects.create(
        name="prove-rollups", ran_at=NOW, behind_since=None if behind is None else NOW - behind, words="5 hours left"
    )
    assert sweep_states(NOW)["prove-rollups"].is_late is late


def test_late_books_are_told_to_probes(settings: Settings, charlie: Client) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"prove-rollups": {"task": "t.prove", "schedule": 60.0}}
    now = timezone.now()
    heartbeats.on_success(sender=type("Task", (), {"name": "t.prove"}))
    since = now - 2 * HOUR
    Sweep.objects.create(name="prove-rollups", ran_at=now, behind_since=since, words="9 hours proven; 3 left")
    answer = charlie.get("/healthz/background")
    assert (answer.status_code, answer.json()["late"]) == (503, ["Prove rollups"])
    [check] = health.background_checks(now)
    assert check.words == f"9 hours proven; 3 left. Not caught up since {since:%Y-%m-%d %H:%M} UTC."


def test_the_page_shows_what_was_repaired(alice: User, client: Client) -> None:
    record(make_usage(NOW - HOUR * 3))
    UsageQuarter.objects.update(cache_hits=41)
    prove_closed_hours(now=timezone.now())
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/health").content.decode()
    assert "Numbers that did not equal their records, last 30 days" in page
    assert "<td>cache_hits</td>" in page
    assert "2026-11-18 09:00 UTC, project default, agent –" in page
