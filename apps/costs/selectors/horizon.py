"""How far back the tables reach, and what one stored row covers: facts that readers and background work share."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Horizon:
    """Since when records and rollups are complete, and until when rollups may be stored by the hour; None: no limit.

    Read it in the snapshot of the rows it is about, or within a minute of them: `hours_until` moves on long enough
    before rows change, and the other two before anything is dropped.
    """

    records_from: datetime | None = None
    rollups_from: datetime | None = None
    hours_until: datetime | None = None

    @property
    def provable_from(self) -> datetime | None:
        """Before this, records or rollups are gone, and there is nothing to compare."""
        return max((moment for moment in (self.records_from, self.rollups_from) if moment), default=None)

    def step(self, moment: datetime) -> timedelta:
        """How much time one stored row may cover at a moment."""
        return HOUR if self.hours_until is not None and moment < self.hours_until else QUARTER

    def row_start(self, moment: datetime) -> datetime:
        """Where the stored row begins that covers a moment."""
        return moment - (moment - EPOCH) % self.step(moment)

    def is_edge(self, moment: datetime) -> bool:
        """Whether no stored row spans the moment."""
        return self.row_start(moment) == moment

    def has_records(self, moment: datetime) -> bool:
        """Whether the records of a moment are still there."""
        return self.records_from is None or moment >= self.records_from


def horizon() -> Horizon:
    """The horizon as this snapshot sees it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT records_from, rollups_from, hours_until FROM costs_booksstate")
        row = cursor.fetchone()
    return Horizon(*row) if row else Horizon()
