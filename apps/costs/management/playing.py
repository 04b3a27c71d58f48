"""Plays the fleet against the API: the days that were, then live, in real time, for as long as asked."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from apps.costs.domain.fleet import Fleet, Record, day_of
from apps.costs.management.agent_client import AgentClient

BATCH = 500
TICK = 1.0
DAY = timedelta(days=1)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Player:
    """One fleet, one client and the key of each project. Clock and sleep can be replaced."""

    fleet: Fleet
    client: AgentClient
    keys: Mapping[str, str]
    clock: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = field(default=time.sleep)

    def history(self, begins: datetime, ends: datetime, told: Callable[[date], None] = lambda day: None) -> None:
        """Post what happened in [begins, ends), day by day."""
        for day, records in self._days(begins):
            if datetime(day.year, day.month, day.day, tzinfo=UTC) >= ends:
                return
            self._post([record for record in records if begins <= _at(record) < ends])
            told(day)

    def live(self, begins: datetime, ends: datetime) -> None:
        """Post what happens from `begins` on as it happens, until `ends`."""
        due: list[Record] = []
        for record in self._from(begins):
            if _at(record) >= ends:
                break
            while (wait := (_at(record) - self.clock()).total_seconds()) > 0:
                self._post(due)
                due = []
                self.sleep(min(wait, TICK))
            due.append(record)
            if len(due) == BATCH:
                self._post(due)
                due = []
        self._post(due)
        while (wait := (ends - self.clock()).total_seconds()) > 0:
            self.sleep(min(wait, TICK))

    def _from(self, begins: datetime) -> Iterator[Record]:
        """Everything from an instant on, by time: conversations of one day run into the next."""
        waiting: list[Record] = []
        for day, records in self._days(begins):
            waiting = sorted([*waiting, *(one for one in records if _at(one) >= begins)], key=_at)
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
            yield from (one for one in waiting if _at(one) < midnight)
            waiting = [one for one in waiting if _at(one) >= midnight]

    def _days(self, begins: datetime) -> Iterator[tuple[date, list[Record]]]:
        day = begins.date() - DAY
        while True:
            yield day, day_of(self.fleet, day)
            day += DAY

    def _post(self, records: list[Record]) -> None:
        for project, key in self.keys.items():
            own = [record for record in records if record["project"] == project]
            for place in range(0, len(own), BATCH):
                self.client.post(own[place : place + BATCH], key)


def _at(record: Record) -> datetime:
    return datetime.fromisoformat(record["occurred_at"])
