"""How the installation is: the process, the database with its migrations, and work that is late."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import DateTimeField, Func
from django.utils import timezone
from psycopg_pool import PoolTimeout

from apps.costs.domain.formats import duration
from apps.costs.selectors.bookkeeping import SweepState, sweep_states
from controlplane.models import Heartbeat

Level = Literal["ok", "late", "down"]
_SLACK = timedelta(seconds=60)
_DAY = timedelta(days=1)
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at, in plain words. `since` is when it last was well, as far as known."""

    name: str
    level: Level
    words: str
    since: datetime | None = None


def database_check() -> Check:
    """The database answers, has every migration of this version, and a clock that agrees with ours.

    Reservations end by its clock, and periods of budgets begin by ours.
    """
    try:
        missing, ahead = _missing_and_ahead()
    except (DatabaseError, PoolTimeout):
        return Check("Database", "down", "It cannot be reached. Usage is refused with 503; agents keep it and retry.")
    if missing:
        return Check("Database", "down", f"{len(missing)} migrations are missing: run `manage.py migrate`.")
    if abs(ahead) > settings.CLOCKS_APART_SECONDS:
        how = f"{duration(abs(ahead) * 1000)} {'ahead of' if ahead > 0 else 'behind'}"
        words = f"Its clock is {how} this server's: reservations end too {'early' if ahead > 0 else 'late'}. Set both."
        return Check("Database", "late", words)
    return Check("Database", "ok", "It answers and has every migration of this version.")


def disk_check() -> Check | None:
    """The room where the database lies, if that is on this machine: PostgreSQL stops where there is none left."""
    try:
        room = shutil.disk_usage(settings.DATABASE_FOLDER) if settings.DATABASE_FOLDER else None
    except OSError:
        return None
    if room is None:
        return None
    words = f"{_size(room.free)} of {_size(room.total)} are free where the database lies."
    if room.free >= settings.DISK_LEAST_MB * _MB:
        return Check("Disk", "ok", words)
    how = "Make room there, or keep less (BURSAR_RETENTION_RECORD_DAYS): PostgreSQL stops when there is none."
    return Check("Disk", "late", f"{words} {how}")


def _size(count: int) -> str:
    return f"{count / _MB / 1024:,.1f} GB" if count >= 1024 * _MB else f"{count // _MB} MB"


def background_checks(now: datetime) -> list[Check]:
    """One check for each entry of the beat schedule, late ones first. Raises DatabaseError if it is away."""
    beats = {beat.name: beat for beat in Heartbeat.objects.all()}
    begun_at, sweeps = installed_at() or now, sweep_states(now)
    checks = [
        _check_of(name, entry, beats.get(entry["task"]), sweeps.get(name), begun_at, now)
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
    ]
    return sorted(checks, key=lambda check: (check.level == "ok", check.name))


def is_late(interval: timedelta, last: datetime, now: datetime) -> bool:
    """True once three runs and a minute have passed without one."""
    return now - last > 3 * interval + _SLACK


def _check_of(
    name: str,
    entry: Mapping[str, Any],
    beat: Heartbeat | None,
    sweep: SweepState | None,
    begun_at: datetime,
    now: datetime,
) -> Check:
    done_at = beat.done_at if beat else None
    title = name.replace("-", " ").replace("_", " ").capitalize()
    if is_late(_interval(entry["schedule"]), done_at or begun_at, now):
        return Check(title, "late", _why_late(beat), done_at)
    if sweep:
        return Check(title, "late" if sweep.is_late else "ok", _told(sweep), done_at)
    return Check(title, "ok", "Done as planned." if done_at else "Has not been due yet.", done_at)


def _told(sweep: SweepState) -> str:
    """What the last run did, and since when there is more to do than it does."""
    behind = f" Not caught up since {sweep.behind_since:%Y-%m-%d %H:%M} UTC." if sweep.behind_since else ""
    return f"{sweep.words}.{behind}"


def _why_late(beat: Heartbeat | None) -> str:
    if beat is None or (beat.done_at is None and not beat.error):
        return "It has never run: are the worker and beat started?"
    if beat.error:
        return f"It fails with {beat.error}: see the log of the worker."
    return "It has not run since: are the worker and beat running?"


def _interval(schedule: Any) -> timedelta:
    """Every how often: seconds, a timedelta or a Celery schedule; a crontab entry counts as daily."""
    if isinstance(schedule, (int, float)):
        return timedelta(seconds=schedule)
    return schedule if isinstance(schedule, timedelta) else getattr(schedule, "run_every", _DAY)


def _missing_and_ahead() -> tuple[frozenset[tuple[str, str]], float]:
    """What is not migrated, and how far the database's clock is ahead of ours between our two looks at it."""
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return _known_migrations(), 0.0
    clock = Func(function="clock_timestamp", output_field=DateTimeField())
    before = timezone.now()
    rows = list(recorder.migration_qs.annotate(clock=clock).values_list("app", "name", "clock"))
    after = timezone.now()
    there = max((row[2] for row in rows), default=after)
    ahead = (there - after).total_seconds() if there > after else min(0.0, (there - before).total_seconds())
    return _known_migrations() - {row[:2] for row in rows}, ahead


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Every migration of this code; read from the files once a process."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations or ())


def installed_at() -> datetime | None:
    """When this version was migrated: before that no task of it was due."""
    latest = MigrationRecorder(connection).migration_qs.order_by("-applied").first()
    return latest.applied if latest else None


def overall(now: datetime | None = None) -> tuple[Level, list[Check]]:
    """The worst level, and every check."""
    database = database_check()
    checks = [database, *filter(None, [disk_check()])]
    if database.level != "down":
        checks += background_checks(now or timezone.now())
    levels = [check.level for check in checks]
    return ("down" if "down" in levels else "late" if "late" in levels else "ok"), checks
