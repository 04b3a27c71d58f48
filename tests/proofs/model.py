"""The model of P2: usage as a dictionary, prices as a list, money as fractions. It knows nothing of the product."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

Record = dict[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True)
class Rate:
    """What a model costs from an instant on, in USD per million tokens."""

    model: str
    start: datetime | None
    input: Fraction
    output: Fraction


@dataclass(frozen=True)
class Stored:
    """A record that was accepted, and what it cost then."""

    record: Record
    cost: Fraction | None


@dataclass
class Model:
    """All that should be known after a history of sendings."""

    stored: dict[Key, Stored] = field(default_factory=dict)
    rates: list[Rate] = field(default_factory=list)

    def accept(self, record: Record) -> None:
        """The product says that it stored this record."""
        assert key_of(record) not in self.stored
        self.stored[key_of(record)] = Stored(record, self.cost(record))

    def seen(self, record: Record) -> str:
        """What a record whose id is stored must be called."""
        return "duplicate" if _text(self.stored[key_of(record)].record) == _text(record) else "conflict"

    def cost(self, record: Record) -> Fraction | None:
        """The cost by the rates that are known now; None is unpriced."""
        if record.get("cache_hit"):
            return Fraction(0)
        if "cost_usd" in record:
            return Fraction(record["cost_usd"])
        if is_tool(record):
            return Fraction(0)
        rate = self._rate(record["model"], datetime.fromisoformat(record["occurred_at"]))
        if rate is None:
            return None
        return Fraction(rate.input * record["input_tokens"] + rate.output * record["output_tokens"]) / 10**6

    def _rate(self, model: str, moment: datetime) -> Rate | None:
        holding = [rate for rate in self.rates if rate.model == model and (rate.start is None or rate.start <= moment)]
        # Of equal instants the newest: `max` would keep the first.
        found: Rate | None = None
        for rate in holding:
            if found is None or found.start is None or (rate.start is not None and rate.start >= found.start):
                found = rate
        return found

    def sums(self, wanted: Callable[[Record], bool] = lambda _: True) -> dict[str, Fraction]:
        """Totals of the stored records that are wanted."""
        rows = [one for one in self.stored.values() if wanted(one.record)]
        calls = [one for one in rows if not is_tool(one.record)]
        single = [one for one in calls if one.record.get("calls", 1) == 1]
        return {
            "cost_usd": _sum(one.cost or 0 for one in rows),
            "input_tokens": _sum(one.record["input_tokens"] for one in rows),
            "output_tokens": _sum(one.record["output_tokens"] for one in rows),
            "cache_read_input_tokens": _sum(one.record.get("cache_read_input_tokens", 0) for one in rows),
            "calls": _sum(one.record.get("calls", 1) for one in calls),
            "tool_executions": _sum(one.record.get("calls", 1) for one in rows if is_tool(one.record)),
            "unpriced_calls": _sum(one.record.get("calls", 1) for one in calls if one.cost is None),
            "error_calls": _sum(one.record.get("status") == "error" for one in single),
        }


def key_of(record: Record) -> Key:
    """What makes a record unique."""
    return record["project"], record["id"]


def is_tool(record: Record) -> bool:
    """Whether it is a tool execution, which is never a call."""
    return record.get("operation") == "execute_tool"


def is_possible(record: Record) -> bool:
    """Whether its numbers can be."""
    return bool(0 <= record.get("cache_read_input_tokens", 0) <= record["input_tokens"])


def _text(record: Record) -> str:
    return json.dumps(record, sort_keys=True)


def _sum(values: Iterable[Any]) -> Fraction:
    return Fraction(sum(values))
