"""Any two instants, and any edges between them, are exact: what no whole stored row covers is read from the records.

A rollup row covers a quarter-hour, or an hour once it is old. Where a range begins, ends or is cut inside such a row,
the row's span is "loose": its records answer. Once retention has dropped those records, a row counts where it begins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apps.costs.selectors.horizon import Horizon, horizon
from apps.costs.selectors.metrics.snapshot import once

Range = tuple[datetime, datetime]
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pieces:
    """A range as spans that whole rollup rows cover, and spans to read from the records; each in order."""

    whole: list[Range]
    loose: list[Range]


def pieces(start: datetime, end: datetime, edges: Iterable[datetime] = ()) -> Pieces:
    """[start, end) cut so that no rollup row crosses its ends or one of the edges."""
    limits = once("horizon", horizon)
    begin, until = _settled(start, limits), _settled(end, limits)
    cuts = {begin, until, *(edge for edge in edges if begin < edge < until)}
    spans = {
        limits.row_start(moment): limits.step(moment)
        for moment in cuts
        if not limits.is_edge(moment) and limits.has_records(limits.row_start(moment))
    }
    clipped = [(max(first, begin), min(_later(first, spans[first]), until)) for first in sorted(spans)]
    loose = joined(span for span in clipped if span[0] < span[1])
    return Pieces(gaps(begin, until, loose), loose)


def gaps(start: datetime, end: datetime, taken: Sequence[Range]) -> list[Range]:
    """What of [start, end) the taken ranges, in order, leave uncovered."""
    found, position = [], start
    for begin, until in taken:
        if position < begin:
            found.append((position, begin))
        position = until
    return [*found, (position, end)] if position < end else found


def joined(spans: Iterable[Range]) -> list[Range]:
    """Spans in order, those that touch made one."""
    found: list[Range] = []
    for begin, until in spans:
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], until)
        else:
            found.append((begin, until))
    return found


def _settled(moment: datetime, limits: Horizon) -> datetime:
    """The moment itself, or the end of the row around it when the records that could divide that row are gone."""
    first = limits.row_start(moment)
    return moment if first == moment or limits.has_records(first) else _later(first, limits.step(moment))


def _later(moment: datetime, by: timedelta) -> datetime:
    """So much later, where there is such a time."""
    try:
        return moment + by
    except OverflowError:
        return _LAST
