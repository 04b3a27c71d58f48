"""Adding up the records of a batch by what budgets ask for, so that a group is matched once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from apps.budgets.domain.cycles import Span
from apps.budgets.domain.states import Unit
from apps.budgets.selectors.matching import Matcher, Rule
from apps.costs.domain.pricing import usd_text
from apps.costs.extension_points import Charge


@dataclass(slots=True)
class Sums:
    """What a group of calls adds to the counters it belongs to. Money in femto-dollars."""

    cost: int = 0
    calls: int = 0
    tokens: int = 0
    unpriced: int = 0
    held: int = 0
    newest: datetime | None = None

    def add(self, other: "Sums") -> None:
        """Add another group."""
        self.cost += other.cost
        self.calls += other.calls
        self.tokens += other.tokens
        self.unpriced += other.unpriced
        self.held += other.held

    def seen(self, at: datetime) -> None:
        """A call of this time is among them."""
        if self.newest is None or at > self.newest:
            self.newest = at

    def in_unit(self, unit: str) -> str:
        """The amount a counter of this unit takes, as the database reads it."""
        return usd_text(self.cost) if unit == Unit.USD else str(self.calls if unit == Unit.CALLS else self.tokens)


@dataclass(slots=True)
class Group:
    """Records that every budget treats alike: the first of them, and the sums of all."""

    first: Charge
    sums: Sums


def groups_of(known: Matcher, rows: Sequence[Charge]) -> list[Group]:
    """The records by cell, quarter-hour and whatever else any budget asks for."""
    groups: dict[Any, Group] = {}
    key_of = _group_key(known)
    for one in rows:
        key = key_of(one)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(one, Sums())
        sums, usage = group.sums, one.fields
        calls = 0 if usage.operation == "execute_tool" else usage.calls
        sums.calls += calls
        sums.tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
        if one.cost is None:
            sums.unpriced += calls
        else:
            sums.cost += one.cost
    return list(groups.values())


_FIELD_NAMES = {"conversation": "conversation_id"}


def _group_key(known: Matcher) -> Callable[[Charge], Any]:
    names = [f"fields.{_FIELD_NAMES.get(name, name)}" for name in known.record_fields]
    plain = attrgetter("cell_id", "quarter", *names)
    tags, beginnings = known.tag_names, known.beginnings
    if not tags and not beginnings:
        return plain

    def key_of(one: Charge) -> tuple[Any, ...]:
        worn = one.fields.tags or {}
        instant = one.occurred_at if one.quarter in beginnings else None
        return (plain(one), tuple([worn.get(name) for name in tags]), instant)

    return key_of


class Spans:
    """The periods of budgets in which the records of a batch are counted, each looked up once a quarter-hour."""

    def __init__(self, known: Matcher) -> None:
        self._beginnings = known.beginnings
        self._found: dict[tuple[int, int], Span | None] = {}

    def of(self, rule: Rule, one: Charge) -> Span | None:
        """The period of a budget that counts this record; None before the budget counts anything."""
        if one.quarter in self._beginnings:
            return rule.counting(one.occurred_at)
        key = (rule.id, one.quarter)
        if key not in self._found:
            self._found[key] = rule.counting(one.occurred_at)
        return self._found[key]
