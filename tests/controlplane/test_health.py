"""Health: lateness is told by what was last done, not by what runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from controlplane import health, heartbeats
from controlplane.models import Heartbeat

NOON = datetime(2030, 3, 1, 12, tzinfo=UTC)
ENTRY = {"task": "t.sweep", "schedule": 30.0}


@pytest.fixture(autouse=True)
def one_task(settings: Settings) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"sweep-rows": ENTRY}


@pytest.mark.parametrize(("seconds", "late"), [(0, False), (150, False), (151, True)])
def test_late_after_three_runs_and_a_minute(seconds: int, late: bool) -> None:
    assert health.is_late(timedelta(seconds=30), NOON, NOON + timedelta(seconds=seconds)) is late


@pytest.mark.parametrize(
    ("beat", "level", "words"),
    [
        ({"done_at": NOON}, "ok", "Done as planned."),
        ({"done_at": NOON - timedelta(hours=1)}, "late", "It has not run since: are the worker and beat running?"),
        ({"failed_at": NOON, "error": "ValueError"}, "late", "It fails with ValueError: see the log of the worker."),
        (None, "late", "It has never run: are the worker and beat started?"),
    ],
)
def test_checks(db: None, beat: dict[str, Any] | None, level: str, words: str) -> None:
    if beat is not None:
        Heartbeat.objects.create(name="t.sweep", **beat)
    [check] = health.background_checks(NOON)
    assert (check.name, check.level, check.words) == ("Sweep rows", level, words)


def test_probes_when_all_is_well(db: None, charlie: Client) -> None:
    heartbeats.on_success(sender=FakeTask())
    assert charlie.get("/readyz").json() == {"status": "ok", "checks": {"Database": "ok", "Sweep rows": "ok"}}
    assert charlie.get("/healthz/background").status_code == 200


def test_probes_when_work_is_late(db: None, charlie: Client) -> None:
    Heartbeat.objects.create(name="t.sweep", done_at=datetime(2026, 1, 1, tzinfo=UTC))
    ready, background = charlie.get("/readyz"), charlie.get("/healthz/background")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert (background.status_code, background.json()["late"]) == (503, ["Sweep rows"])


def test_a_missing_migration_is_not_ready(db: None, charlie: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_known_migrations", lambda: frozenset({("access", "9999_future")}))
    assert charlie.get("/readyz").status_code == 503


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (200, "Its clock is 3 min 20 s behind this server's: reservations end too late. Set both."),
        (-200, "Its clock is 3 min 20 s ahead of this server's: reservations end too early. Set both."),
        (4, ""),
    ],
)
def test_a_clock_that_disagrees_is_told(db: None, monkeypatch: pytest.MonkeyPatch, ahead: int, words: str) -> None:
    """`ahead` is the web's clock; the database's is right."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(seconds=ahead))
    check = health.database_check()
    assert (check.level, check.words if words else "") == ("late" if words else "ok", words)


def test_a_failure_keeps_its_kind_only(db: None) -> None:
    heartbeats.on_failure(sender=FakeTask(), exception=ValueError("bsr_secret"))
    assert Heartbeat.objects.get().error == "ValueError"
    heartbeats.on_success(sender=FakeTask())
    assert Heartbeat.objects.get().error == ""


class FakeTask:
    name = "t.sweep"
