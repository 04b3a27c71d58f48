"""The sweeps: every beat entry names a task that exists, expires in time, and does its work."""

from datetime import timedelta

import pytest
from celery.schedules import crontab
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.costs import tasks
from apps.costs.domain.formats import some
from apps.costs.domain.slices import HOURS
from apps.costs.models import DayFold, Sweep
from apps.costs.services import sweeps
from controlplane.celery import app
from tests.costs.factories import make_usage, record


@pytest.mark.parametrize("name", sorted(settings.CELERY_BEAT_SCHEDULE))
def test_a_beat_entry_names_a_task_and_expires_before_the_next_beat(name: str) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE[name]
    app.loader.import_default_modules()
    assert entry["task"] in app.tasks
    every = 86_400 if isinstance(entry["schedule"], crontab) else entry["schedule"]
    assert 0 < entry["options"]["expires"] <= every


def test_days_are_folded(db: None) -> None:
    now = timezone.now()
    record(make_usage(now - timedelta(days=2)), now=now)
    tasks.fold_days()
    hours = DayFold.objects.filter(zone=HOURS).count()
    days = DayFold.objects.count() - hours
    assert days in (1, 2)
    assert Sweep.objects.get(name="fold-days").words == f"{some(days, 'day')} and {hours} hours folded, 0 days left"


def test_old_hours_are_announced(db: None) -> None:
    now = timezone.now()
    record(make_usage(now - timedelta(days=50)), now=now)
    tasks.merge_hours()
    assert Sweep.objects.get().words == "0 hours merged, 0 left"


def test_months_stand_three_ahead(db: None) -> None:
    tasks.make_partitions()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'costs_usagequarter'::regclass")
        assert cursor.fetchone()[0] >= 6


def test_being_behind_is_dated_from_its_first_run(db: None) -> None:
    sweeps.note("proof", words="5 left", behind=True)
    Sweep.objects.update(behind_since=timezone.now() - timedelta(hours=2))
    since = Sweep.objects.get().behind_since
    sweeps.note("proof", words="3 left", behind=True)
    assert Sweep.objects.get().behind_since == since
    sweeps.note("proof", words="0 left", behind=False)
    assert Sweep.objects.get().behind_since is None
