"""Beat's schedule, which goes on where the database says that work was last done.

Celery keeps that in a file. A container that is made anew loses it, and then everything waits for a whole interval
again: work of once an hour was late after each longer pause, and told so, and with a deployment a day sessions were
never cleared.
"""

import logging
from datetime import datetime

from celery import beat
from django.db import DatabaseError, connection
from psycopg_pool import PoolTimeout

from controlplane.health import installed_at
from controlplane.models import Heartbeat

logger = logging.getLogger(__name__)


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """What should have been done while nothing ran is due at once. What was never done waits since the installation."""

    def setup_schedule(self) -> None:
        """Take the entries of the settings, each as last begun when it last ended, well or not."""
        self.merge_inplace(self.app.conf.beat_schedule)
        self.schedule = self.data
        ended, installed = _ended()
        for entry in self.data.values():
            known = ended.get(entry.task) or installed
            entry.last_run_at = min(entry.last_run_at, known or entry.last_run_at)


def _ended() -> tuple[dict[str, datetime], datetime | None]:
    """When each task last ended, and when this version was installed.

    Nothing of both if the database is away: then everything is due after its interval.
    """
    try:
        rows = list(Heartbeat.objects.values_list("name", "done_at", "failed_at"))
        installed = installed_at()
    except (DatabaseError, PoolTimeout):
        logger.warning("The database is away: what is overdue waits for its usual time.")
        return {}, None
    finally:
        if not connection.in_atomic_block:  # beat asks nothing else, ever
            connection.close()
    return {name: max(moment for moment in ends if moment) for name, *ends in rows if any(ends)}, installed
