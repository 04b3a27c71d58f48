"""How many calls to each provider fail, in the present quarter-hour and the one before."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ProviderErrors:
    """The calls of one provider since a quarter-hour began, demo data left out."""

    provider: str
    calls: int
    errors: int
    since: datetime

    @property
    def percent(self) -> int:
        """The share that failed, in whole percent, rounded down."""
        return 100 * self.errors // self.calls if self.calls else 0


def provider_errors(now: datetime) -> list[ProviderErrors]:
    """Every provider with calls, by name."""
    passed = (now.astimezone(UTC) - datetime.min.replace(tzinfo=UTC)) % QUARTER
    since = now - passed - QUARTER
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.provider, sum(q.observed_calls), sum(q.error_calls) FROM costs_usagequarter q"
            " JOIN costs_cell c ON c.id = q.cell_id JOIN costs_usedmodel m ON m.id = c.model_id"
            " JOIN access_project p ON p.id = c.project_id"
            " WHERE q.bucket >= %s AND q.bucket <= %s AND NOT p.is_demo GROUP BY m.provider ORDER BY m.provider",
            [since, now],
        )
        return [ProviderErrors(name, int(calls), int(errors), since) for name, calls, errors in cursor.fetchall()]
