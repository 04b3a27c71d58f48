"""What can be asked of the rollups, and the rows that answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

OTHER: Final = "\0other"
"""The key of the row that sums up what a limited breakdown leaves out; no name can be it."""

CUBE_DIMENSIONS = ("project", "agent", "provider", "model", "tier", "role", "task_type", "status")


class BadQuery(ValueError):
    """A question the rollups cannot answer; the message is for the person who asked. `path` names the parameter."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Usage in [start, end), of the projects one may see, filtered by dimension.

    `project_ids` None means all; demo projects count only when `include_demo`. A filter names a dimension and the
    values of which a record must have one; "" is "none".
    """

    start: datetime
    end: datetime
    zone: str = "UTC"
    project_ids: frozenset[int] | None = None
    include_demo: bool = False
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Totals(msgspec.Struct, frozen=True, gc=False):
    """Sums of usage. Latencies in ms, within 2 % (see domain/latency.py); None where nothing was measured.

    The fields begin with SUMS, in that order. A large answer has thousands of these, made in a tenth of the time that
    a dataclass takes.
    """

    calls: int = 0
    observed_calls: int = 0
    ok_calls: int = 0
    error_calls: int = 0
    tool_executions: int = 0
    unpriced_calls: int = 0
    estimated_calls: int = 0
    repeated_calls: int = 0
    cache_hits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    avoided_usd: Decimal = Decimal(0)
    latency_calls: int = 0
    latency_ms_sum: int = 0
    first_token_calls: int = 0
    first_token_ms_sum: int = 0
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    first_token_p50_ms: float | None = None
    first_token_p95_ms: float | None = None

    @property
    def success_rate(self) -> Decimal | None:
        """Calls that ended well ÷ those that ended well or in an error; others (cancelled, …) are in neither."""
        ended = self.ok_calls + self.error_calls
        return Decimal(self.ok_calls) / ended if ended else None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The sums of one combination of group values, and of one bucket in a series."""

    values: tuple[str, ...]
    totals: Totals
    bucket: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """The sums of one group in one bucket; `key` is None without a group."""

    bucket: datetime
    key: str | None
    totals: Totals


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """The sums of one group; `label` is what a person reads."""

    key: str
    label: str
    totals: Totals
