"""What calls a budget covers have used: over time, and by who. Bounded, since people wait for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction

from apps.budgets.selectors.matching import Rule
from apps.budgets.selectors.used import used

_ZERO = Decimal(0)
_BY = {
    "agent": ("SELECT a.name FROM access_agent a WHERE a.id = c.agent_id", "Agent"),
    "model": ("SELECT u.provider || '/' || u.name FROM costs_usedmodel u WHERE u.id = c.model_id", "Model"),
    "task_type": ("SELECT l.name FROM costs_label l WHERE l.id = c.task_type_id", "Task type"),
    "project": ("SELECT p.name FROM access_project p WHERE p.id = c.project_id", "Project"),
}
DIMENSIONS = tuple(_BY)
_MOST_VALUES = 20_000


class TooMuch(Exception):
    """The question takes too long to wait for."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one value of a dimension used; "" is usage without one."""

    name: str
    amount: Decimal


@contextmanager
def bounded() -> Iterator[None]:
    """Questions in here may take so long together; then TooMuch is raised."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{settings.RECORD_QUESTION_MS}ms"])
            yield
    except OperationalError as error:
        raise TooMuch from error


def pieces(rule: Rule, edges: Sequence[datetime]) -> list[Decimal]:
    """What was used between each two edges. Raises TooMuch."""
    sums = [_ZERO] * (len(edges) - 1)
    for place, _, amount in _read(rule, edges, "''"):
        sums[place] += amount
    return sums


def pieces_by_value(
    rule: Rule, edges: Sequence[datetime], *, values: Sequence[str] | None = None
) -> list[dict[str, Decimal]]:
    """The same by the value of the budget's `each`, or of some; usage without one is left out. Raises TooMuch."""
    sums: list[dict[str, Decimal]] = [{} for _ in edges[1:]]
    for place, value, amount in _read(rule, edges, used(rule).each, values):
        if value is not None:
            sums[place][value] = amount
    return sums


def shares(rule: Rule, dimension: str, start: datetime, end: datetime, *, most: int = 10) -> list[Share]:
    """Who used it, dearest first; past the limit one row "Other (n)". Raises TooMuch."""
    found = [Share(name or "", amount) for _, name, amount in _read(rule, [start, end], f"({_BY[dimension][0]})")]
    found = sorted((one for one in found if one.amount), key=lambda one: (-one.amount, one.name))
    if len(found) <= most + 1:
        return found
    rest = found[most:]
    return [*found[:most], Share(f"Other ({len(rest)})", sum((one.amount for one in rest), _ZERO))]


def heading(dimension: str) -> str:
    """The name of a dimension, for people."""
    return _BY[dimension][1]


def _read(
    rule: Rule, edges: Sequence[datetime], value: str, values: Sequence[str] | None = None
) -> list[tuple[int, Any, Decimal]]:
    asked = used(rule)
    among = "" if values is None else f" AND {value} = ANY(%(values)s)"
    with bounded(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT width_bucket({asked.time}, %(edges)s::timestamptz[]) - 1, {value}, sum({asked.amount})"
            f" FROM {asked.source} WHERE {asked.time} >= %(start)s AND {asked.time} < %(end)s AND {asked.where}{among}"
            " GROUP BY 1, 2 LIMIT %(most)s",
            {
                **asked.parameters,
                "edges": list(edges),
                "start": edges[0],
                "end": edges[-1],
                "values": list(values or ()),
                "most": _MOST_VALUES * len(edges),
            },
        )
        return [(place, name, amount or _ZERO) for place, name, amount in cursor.fetchall()]
