"""Keys whose calls come from the future: the clock of whoever sends them is ahead of ours."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from apps.access.domain.identity import Caller

RECENT = timedelta(minutes=15)
LEAST = timedelta(seconds=30)
"""Less is what any two clocks differ by."""


@dataclass(frozen=True, slots=True)
class FastClock:
    """A key, the agent that was furthest ahead with it ("" if it named none), and by how much."""

    key: str
    agent: str
    ahead: timedelta

    @property
    def words(self) -> str:
        """As a person reads it."""
        minutes, seconds = divmod(int(self.ahead.total_seconds()), 60)
        span = f"{minutes} min" + (f" {seconds} s" if seconds and minutes < 2 else "") if minutes else f"{seconds} s"
        who = f"Agent {self.agent}" if self.agent else "Whoever sends with it"
        return f"{who} is {span} ahead."


def fast_clocks(caller: Caller, *, now: datetime) -> list[FastClock]:
    """The keys of the last quarter-hour's calls that say they happened more than 30 s after they arrived.

    A clock that is behind cannot be told from calls that were kept a while before they were sent.
    """
    with connection.cursor() as cursor:
        # Project by project, so that each is a short piece of the records' key.
        cursor.execute(
            """
            SELECT DISTINCT ON (k.id) k.name, coalesce(a.name, ''), r.occurred_at - r.received_at
            FROM access_project p CROSS JOIN LATERAL (
                SELECT u.key_id, u.cell_id, u.occurred_at, u.received_at FROM costs_usagerecord u
                WHERE u.project_id = p.id AND u.occurred_at > %(since)s
                    AND u.occurred_at > u.received_at + make_interval(secs => %(least)s)
            ) r
            JOIN access_apikey k ON k.id = r.key_id
            JOIN costs_cell c ON c.id = r.cell_id
            LEFT JOIN access_agent a ON a.id = c.agent_id
            WHERE %(projects)s::int[] IS NULL OR p.id = ANY(%(projects)s::int[])
            ORDER BY k.id, r.occurred_at - r.received_at DESC
            """,
            {
                "since": now - RECENT, "least": LEAST.total_seconds(),
                "projects": None if caller.project_ids is None else sorted(caller.project_ids),
            },
        )  # fmt: skip
        return [FastClock(*row) for row in cursor.fetchall()]
