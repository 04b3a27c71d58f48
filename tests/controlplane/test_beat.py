"""Beat goes on where work was last done, whatever became of the place it runs in."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError

from controlplane import beat
from controlplane.celery import app
from controlplane.models import Heartbeat

OLD = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of half a minute ago."""
    monkeypatch.setattr(beat, "installed_at", lambda: datetime.now(UTC) - timedelta(seconds=31))


def due() -> set[str]:
    """The names of the tasks that a beat which starts now would send at once."""
    return {name for name, entry in beat.Scheduler(app).schedule.items() if entry.is_due().is_due}


def test_what_is_overdue_is_due_at_once_and_the_rest_after_its_time(db: None) -> None:
    now = datetime.now(UTC)
    rows = {
        "apps.costs.tasks.drop_old_months": {"done_at": OLD},
        "apps.costs.tasks.make_partitions": {"done_at": now - timedelta(minutes=59)},
        "apps.routing.tasks.refresh_quality": {"done_at": OLD, "failed_at": now - timedelta(minutes=4)},
        "apps.budgets.tasks.forecast_budgets": {"failed_at": now - timedelta(minutes=6)},
        "apps.budgets.tasks.prove_budgets": {"done_at": OLD},
        "apps.costs.tasks.merge_hours": {"done_at": now + timedelta(days=1)},
    }
    for name, ends in rows.items():
        Heartbeat.objects.create(name=name, **ends)
    assert due() >= {"retention", "forecast-budgets", "prove-budgets"}
    assert due().isdisjoint(("make-partitions", "quality", "merge-hours"))


def test_what_was_never_done_waits_since_the_installation(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"heartbeat", "outbox"} <= due()
    assert due().isdisjoint(("fold-days", "retention", "clear-sessions"))
    monkeypatch.setattr(beat, "installed_at", lambda: OLD)
    assert len(due()) == len(app.conf.beat_schedule)


def test_without_the_database_all_wait_for_their_time(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseError

    Heartbeat.objects.create(name="apps.costs.tasks.drop_old_months", done_at=OLD)
    monkeypatch.setattr(Heartbeat.objects, "values_list", away)
    assert due() == set()
