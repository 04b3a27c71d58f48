"""Beat's schedule, which goes on where the database says that work was last done.

Celery keeps that in a file. A container that is made anew loses it, and then everything waits for a whole interval
again: work of once an hour was late after each longer pause, and told so, and with a deployment a day sessions were
never cleared.
"""

import logging
from typing import Any

from celery import beat
from django.db import DatabaseError, connection
from psycopg_pool import PoolTimeout

from controlplane.models import Heartbeat

logger = logging.getLogger(__name__)


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """What should have been done while nothing ran is due at once; what was never done, after its interval."""

    def setup_schedule(self) -> None:
        """Take the entries of the settings, each as last begun when it last ended, well or not."""
        self.merge_inplace(self.app.conf.beat_schedule)
        self.schedule = self.data
        ended = _ended()
        for entry in self.data.values():
            if entry.task in ended:
                entry.last_run_at = min(entry.last_run_at, ended[entry.task])


def _ended() -> dict[str, Any]:
    """When each task last ended; nothing if the database is away: then everything is due after its interval."""
    try:
        rows = list(Heartbeat.objects.values_list("name", "done_at", "failed_at"))
    except (DatabaseError, PoolTimeout):
        logger.warning("The database is away: what is overdue waits for its usual time.")
        return {}
    finally:
        connection.close()
    return {name: max(moment for moment in ends if moment) for name, *ends in rows if any(ends)}
