"""Where the next records of a list lie: spans of time in its order, so that a list of fifty reads hours, not 31 days.

Most lists are full after the first hours. Where matches are rare, the rollups say which quarter-hours have any.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.costs.domain.kinds import LabelKind, NarrowKind
from apps.costs.selectors.horizon import HOUR, Horizon, horizon
from apps.costs.selectors.metrics.filters import COLUMNS, conditions, key_ids, named_labels
from apps.costs.selectors.metrics.shapes import UsageQuery
from apps.costs.selectors.metrics.snapshot import once

Span = tuple[datetime, datetime]

FIRST, WIDER = HOUR, 4
"""The first span, and how many times longer each next one is."""
MOST_BLIND = 5 * HOUR
"""So much is read before the rollups are asked."""
AT_ONCE = 50
"""So many quarter-hours are read at a time."""
_NARROW = {"user": (NarrowKind.USER, LabelKind.USER), "tool": (NarrowKind.TOOL, LabelKind.TOOL)}


@dataclass(frozen=True, slots=True)
class Course:
    """A list's way through [start, end): the newest first, or with `rising` the oldest."""

    start: datetime
    end: datetime
    rising: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.start >= self.end

    def step(self, length: timedelta) -> tuple[Span, "Course"]:
        """The next span of at most this length, and what is left."""
        if self.rising:
            edge = min(self.start + length, self.end)
            return (self.start, edge), replace(self, start=edge)
        edge = max(self.end - length, self.start)
        return (edge, self.end), replace(self, end=edge)

    def beyond(self, span: Span) -> "Course":
        """What is left after a span."""
        return (
            replace(self, start=max(self.start, span[1])) if self.rising else replace(self, end=min(self.end, span[0]))
        )

    def part(self, span: Span) -> Span:
        """What of a span lies in it."""
        return max(span[0], self.start), min(span[1], self.end)


@dataclass(frozen=True, slots=True)
class Group:
    """Spans to be read together, and the only projects that have anything in them; None: any."""

    spans: list[Span]
    projects: list[int] | None = None


def groups(query: UsageQuery, course: Course, *, is_marked: bool = False) -> Iterator[Group]:
    """Groups of spans that together have every record of a query on this course, in its order; some have none.

    `is_marked` says that an index holds just the records wanted.
    """
    if "conversation" in query.filters:
        # An index leads to these at once.
        yield Group([(course.start, course.end)])
        return
    if not course.rising and course.start < (now := timezone.now()) < course.end:
        # Today ends later. Little lies there: records of clocks that run ahead, and what was imported so.
        span, course = course.step(course.end - now)
        yield Group([span])
    sparse = None if is_marked else _sparse(query)
    length, blind = FIRST, timedelta(0)
    while not course.is_over:
        if sparse and (blind >= MOST_BLIND or sparse.is_narrow):
            yield from sparse.groups(course)
            return
        if blind >= MOST_BLIND and is_marked:
            length = course.end - course.start
        span, course = course.step(length)
        yield Group([span])
        blind, length = blind + length, length * WIDER


@dataclass(frozen=True, slots=True)
class _Sparse:
    """SQL of the buckets in which the rollups know usage of a query: of all of it, and maybe of some more."""

    sql: str
    parameters: Mapping[str, Any]
    limits: Horizon
    is_narrow: bool

    def groups(self, course: Course) -> Iterator[Group]:
        while not course.is_over:
            rows = self._next(course)
            # While quarters are being merged into hours, several rows may lie in one hour.
            starts = dict.fromkeys(self.limits.row_start(bucket) for bucket, _ in rows)
            found = [course.part((start, start + self.limits.step(start))) for start in starts]
            if found:
                yield Group(found, sorted({project for _, projects in rows for project in projects}))
            if len(rows) < AT_ONCE:
                return
            course = course.beyond(found[-1])

    def _next(self, course: Course) -> list[tuple[datetime, list[int]]]:
        order = "ASC" if course.rising else "DESC"
        begins = self.limits.row_start(course.start)
        with connection.cursor() as cursor:
            cursor.execute(
                self.sql.format(order=order),
                {**self.parameters, "begins": begins, "ends": course.end, "at_once": AT_ONCE},
            )
            found: list[tuple[datetime, list[int]]] = cursor.fetchall()
            return found


_OF_CELLS = """
    SELECT q.bucket, array_agg(DISTINCT c.project_id) FROM costs_cell c CROSS JOIN LATERAL (
        SELECT q.bucket FROM costs_usagequarter q
        WHERE q.cell_id = c.id AND q.bucket >= %(begins)s AND q.bucket < %(ends)s
        ORDER BY q.bucket {order} LIMIT %(at_once)s
    ) q WHERE {where} GROUP BY q.bucket ORDER BY q.bucket {order} LIMIT %(at_once)s
"""
_OF_VALUES = """
    SELECT n.bucket, array_agg(DISTINCT n.project_id) FROM costs_usagequarterby n
    WHERE n.kind = %(kind)s AND n.value_id = ANY(%(values)s) AND n.bucket >= %(begins)s AND n.bucket < %(ends)s
        AND n.project_id = ANY(%(projects)s)
    GROUP BY n.bucket ORDER BY n.bucket {order} LIMIT %(at_once)s
"""


def _sparse(query: UsageQuery) -> _Sparse | None:
    """The rollup that knows where a query's usage lies; None where none does."""
    limits = once("horizon", horizon)
    if limits.rollups_from is not None and query.start < limits.rollups_from:
        return None
    cube = {name: values for name, values in query.filters.items() if name in COLUMNS}
    found = conditions(replace(query, filters=cube))
    for name, values in query.filters.items():
        if (ids := _value_ids(name, values)) is not None:
            kind, wanted = ids
            parameters = {"kind": int(kind), "values": wanted, "projects": list(found.projects)}
            return _Sparse(_OF_VALUES, parameters, limits, is_narrow=True)
    where, limited = found.where("c")
    return _Sparse(_OF_CELLS.replace("{where}", where), limited, limits, is_narrow=False)


def _value_ids(name: str, values: Sequence[str]) -> tuple[NarrowKind, list[int]] | None:
    """What a narrow rollup calls the values of a filter; None for others, and for "", which none has a row of."""
    if "" in values:
        return None
    if name in _NARROW:
        kind, label = _NARROW[name]
        return kind, named_labels(label, values)
    if name == "key":
        return NarrowKind.KEY, key_ids(values)
    if name.startswith("tag:"):
        tag = name.removeprefix("tag:")
        return NarrowKind.TAG, named_labels(LabelKind.TAG, [f"{tag}={value}" for value in values])
    return None
