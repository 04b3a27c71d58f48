"""Where the answer to a question is: in a rollup, or in the records alone."""

from collections.abc import Collection, Sequence

from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.selectors.metrics import from_records, narrow
from apps.costs.selectors.metrics.filters import COLUMNS
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery


def kept(query: UsageQuery, group_by: Sequence[str], wanted: Collection[str] = ()) -> tuple[str, ...]:
    """The measures that the answer to such a question has."""
    is_slim = any(name not in COLUMNS for name in [*group_by, *query.filters])
    return NARROW_SUMS if is_slim and not from_records_only(query, group_by, wanted) else SUMS


def from_records_only(query: UsageQuery, group_by: Sequence[str], wanted: Collection[str] = ()) -> bool:
    """Whether only the records can answer a question: they are read for few days at a time."""
    unknown = [name for name in (*group_by, *query.filters) if not from_records.is_known(name)]
    if unknown:
        known = f"{', '.join(COLUMNS)}, user, key, tool, error_type, conversation, tag:…"
        path = "group_by" if unknown[0] in group_by else unknown[0]
        raise BadQuery(path, f"Cannot group or filter by {unknown[0]}; known are {known}.")
    return not narrow.is_kept(query, group_by, wanted)
