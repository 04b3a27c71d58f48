"""What an import did, in numbers and with the rows that it refused."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from apps.costs.domain import pricing
from apps.costs.domain.importing import LeftOut, Read, Unreadable
from apps.costs.domain.usage import FieldError
from apps.costs.selectors.imports import StoredUsage
from apps.costs.services.ingest import Outcome

EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not stored, and why."""

    row: int
    code: str
    message: str


@dataclass(slots=True)
class Report:
    """Counts are of this run; `in_bursar` is all that is stored of the file. Cost in femto-dollars."""

    file_name: str
    project: str
    is_dry: bool = False
    rows: int = 0
    calls: int = 0
    tool_executions: int = 0
    duplicates: int = 0
    conflicts: int = 0
    already_done: int = 0
    elsewhere: int = 0
    """Calls with an id of their source that are stored already, from another row or file, or as they happened."""
    left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[RefusedRow] = field(default_factory=list)
    unpriced: Counter[str] = field(default_factory=Counter)
    cost: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    in_bursar: StoredUsage | None = None
    error: str = ""

    @property
    def cost_usd(self) -> Decimal:
        """The cost of what this run stored, exactly."""
        return pricing.usd(self.cost)

    def note_left_out(self, item: LeftOut) -> None:
        """Count a row that is no usage."""
        self.left_out[item.reason] += 1

    def note_unreadable(self, item: Unreadable) -> None:
        """Count a row that could not be read."""
        self._refuse(item.row, item.code, item.message)

    def note_time(self, at: datetime) -> None:
        """Widen the range of times by one record's."""
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at or at, at)

    def note_outcome(self, item: Read, outcome: Outcome) -> None:
        """Count what became of a record that was sent to ingest."""
        if outcome.status == "accepted":
            self._accept(item, outcome.cost)
        elif outcome.status == "duplicate":
            self.duplicates += 1
        elif outcome.status == "conflict":
            self.conflicts += 1
        else:
            self._refuse_for(item.row, outcome.errors)

    def _accept(self, item: Read, cost: int | None) -> None:
        record, calls = item.record, item.record.get("calls", 1)
        if record.get("operation") == "execute_tool":
            self.tool_executions += calls
        else:
            self.calls += calls
        if cost is None:
            self.unpriced[f"{record.get('provider')} {record.get('model')}"] += calls
        self.cost += cost or 0

    def _refuse_for(self, row: int, errors: Sequence[FieldError]) -> None:
        first = errors[0]
        self._refuse(row, f"{first.path} {first.code}".strip(), first.message)

    def _refuse(self, row: int, code: str, message: str) -> None:
        self.refused[code] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(RefusedRow(row, code, message))
