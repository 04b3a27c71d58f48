"""Carrying out the open wish, in pieces that may be repeated: a worker that dies loses its lease, the next goes on."""

import time
from datetime import datetime, timedelta

from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone

from apps.access.domain.identity import ALL_SCOPES, Caller
from apps.costs.domain.fleet import Fleet, Record, day_of
from apps.costs.models import DemoAct, DemoRun
from apps.costs.services.demo.projects import ensure_demo_projects
from apps.costs.services.demo.removing import Step, remove_projects
from apps.costs.services.ingest import record_usage

BATCH = 1000
LEASE = timedelta(seconds=90)
SECONDS = 40.0
FLEET = Caller(
    kind="key", actor="demo fleet", key_id=None, user_id=None, scopes=ALL_SCOPES, role=None, project_ids=None
)


class OutOfTime(Exception):
    """The piece of work is as long as a task may be; the next sweep goes on."""


def work_on_demo(*, now: datetime, seconds: float = SECONDS) -> DemoRun | None:
    """Carry out the open wish for at most so many seconds. None when there is none, or another worker has it.

    An error is kept on the row for the page to tell, and raised.
    """
    run = DemoRun.objects.filter(finished_at=None).first()
    if run is None or not _take(run, now):
        return None
    deadline = time.monotonic() + seconds

    def step(done: int, planned: int) -> None:
        _save(run, done=done, planned=planned, taken_until=timezone.now() + LEASE)
        if time.monotonic() > deadline:
            raise OutOfTime

    try:
        load_demo(run, step) if run.act == DemoAct.LOAD else remove_demo(run, step)
    except OutOfTime:
        _save(run, taken_until=None)
    except OperationalError:
        # The database was away or a lock was held too long: the wish stays open.
        _save(run, taken_until=None)
        raise
    except Exception as error:
        _save(run, finished_at=timezone.now(), error=f"{type(error).__name__}: {error}"[:500])
        raise
    else:
        _save(run, finished_at=timezone.now(), taken_until=None, done=run.planned)
    return run


def load_demo(run: DemoRun, step: Step) -> None:
    """Write the fleet's days up to the moment of the wish, through ingest. Days written before are skipped."""
    ensure_demo_projects()
    fleet = Fleet(seed=run.seed)
    begins = run.until - timedelta(days=run.days)
    first = begins.date() - timedelta(days=1)  # conversations of the night before run into the first day
    days = [first + timedelta(days=number) for number in range(run.days + 2)]
    for number, day in enumerate(days):
        if number < run.done:
            continue
        records = [
            one for one in day_of(fleet, day) if begins <= datetime.fromisoformat(one["occurred_at"]) < run.until
        ]
        for place in range(0, len(records), BATCH):
            record_usage(records[place : place + BATCH], caller=FLEET, now=timezone.now())
        step(number + 1, len(days))


def remove_demo(run: DemoRun, step: Step) -> None:
    """Remove every demo project with all that belongs to it."""
    remove_projects(step)


def _moment(record: Record) -> datetime:
    return datetime.fromisoformat(record["occurred_at"])


def _take(run: DemoRun, now: datetime) -> bool:
    free = Q(taken_until=None) | Q(taken_until__lt=now)
    return bool(DemoRun.objects.filter(free, id=run.pk, finished_at=None).update(taken_until=now + LEASE))


def _save(run: DemoRun, **values: object) -> None:
    for name, value in values.items():
        setattr(run, name, value)
    run.save(update_fields=list(values))
