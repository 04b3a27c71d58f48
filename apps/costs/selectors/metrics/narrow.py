"""Questions by user, key, tool or tag: answered by the narrow rollups, together with project, provider and model."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.costs.domain.kinds import LabelKind, NarrowKind
from apps.costs.domain.measures import NARROW_SUMS
from apps.costs.domain.slices import NARROW_ALONE, NARROW_SLICES
from apps.costs.selectors import recount
from apps.costs.selectors.metrics.cutting import pieces
from apps.costs.selectors.metrics.filters import COLUMNS, Conditions, key_ids, named_labels
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery
from apps.costs.selectors.metrics.sources import Source, folds_within, left

KINDS = {"user": NarrowKind.USER, "key": NarrowKind.KEY, "tool": NarrowKind.TOOL}
LABELS = {"user": LabelKind.USER, "tool": LabelKind.TOOL}
BESIDE = frozenset({"project", "provider", "model"})
_RECORD_VALUES = {
    NarrowKind.USER: ("r.user_id", "r.user_id <> 0", ""),
    NarrowKind.KEY: ("r.key_id", "r.key_id IS NOT NULL", ""),
    NarrowKind.TOOL: ("r.tool_id", "r.tool_id <> 0", ""),
    NarrowKind.TAG: (
        "tag_label.id",
        "true",
        " CROSS JOIN LATERAL jsonb_each_text(r.tags) AS tag(name, value)"
        f" JOIN costs_label tag_label ON tag_label.kind = {int(LabelKind.TAG)}"
        " AND tag_label.name = tag.name || '=' || tag.value",
    ),
}


@dataclass(frozen=True, slots=True)
class Narrow:
    """The one narrow dimension of a question, as its name in the API ("user", "tag:team"), and its kind."""

    name: str
    kind: NarrowKind


def narrow_of(query: UsageQuery, group_by: Sequence[str]) -> Narrow | None:
    """The narrow dimension a question names, or None. Raises BadQuery for combinations no rollup keeps."""
    dimensions = [*group_by, *query.filters]
    found = [name for name in dict.fromkeys(dimensions) if name in KINDS or name.startswith("tag:")]
    if not found:
        return None
    others = [name for name in dimensions if name not in BESIDE and name != found[0]]
    if others:
        raise BadQuery(
            "group_by",
            f"{found[0]} can be combined with project, provider and model only, not with {', '.join(others)}.",
        )
    return Narrow(found[0], KINDS.get(found[0], NarrowKind.TAG))


def is_kept(query: UsageQuery, group_by: Sequence[str], measures: Collection[str]) -> bool:
    """Whether a rollup keeps these measures by all the dimensions that a question names: the cube or a narrow one."""
    dimensions = list(dict.fromkeys([*group_by, *query.filters]))
    outside = [name for name in dimensions if name not in COLUMNS]
    if not outside:
        return True
    is_one = len(outside) == 1 and (outside[0] in KINDS or outside[0].startswith("tag:"))
    beside = all(name in BESIDE for name in dimensions if name != outside[0])
    # A narrow rollup has no row for usage without a user, key, …: the value "" is only in the records.
    return is_one and beside and set(measures) <= set(NARROW_SUMS) and "" not in query.filters.get(outside[0], ())


def source(
    query: UsageQuery,
    narrow: Narrow,
    limits: Conditions,
    edges: Sequence[datetime],
    measures: Sequence[str],
    *,
    by_model: bool = True,
) -> Source:
    """The rows of a question by a narrow dimension, as the cube's: bucket, project_id, model_id, value_id, measures.

    Without `by_model` nobody asks for their models, and folded days leave those out.
    """
    cut = pieces(query.start, query.end, edges)
    where, parameters = limits.where("n")
    only = ""
    values = _values(query, narrow)
    if values is not None:
        only = " AND value_id = ANY(%(values)s)"
        parameters["values"] = values
    parameters["kind"] = int(narrow.kind)
    parts = []
    days = folds_within(cut.whole, edges) if narrow.kind in NARROW_SLICES else []
    if days:
        slices = NARROW_SLICES if by_model or "model_id" in limits.columns else NARROW_ALONE
        parameters |= {"slice": slices[narrow.kind], "days": [day[0] for day in days]}
        parts.append(_days(measures, limits, is_limited=values is not None))
    for number, (begin, until) in enumerate(left(cut.whole, days)):
        parameters |= {f"from{number}": begin, f"until{number}": until}
        parts.append(
            f"SELECT n.bucket, n.project_id, n.model_id, n.value_id, {_listed(measures)}"
            " FROM costs_usagequarterby n WHERE n.kind = %(kind)s"
            f" AND n.bucket >= %(from{number})s AND n.bucket < %(until{number})s AND {where}{only}"
        )
    parameters |= recount.parameters() if cut.loose else {}
    for number, (begin, until) in enumerate(cut.loose):
        parameters |= {f"after{number}": begin, f"before{number}": until}
        parts.append(_from_records(narrow.kind, number, limits, only, measures))
    return Source(" UNION ALL ".join(parts) or _nothing(measures), parameters)


def _days(measures: Sequence[str], limits: Conditions, *, is_limited: bool) -> str:
    """The folded days, which hold the same sums in far fewer rows."""
    only = " AND s.b_id = ANY(%(only_model_id)s)" if "model_id" in limits.columns else ""
    only += " AND s.a_id = ANY(%(values)s)" if is_limited else ""
    chosen = ", ".join(f"s.{name}" for name in measures)
    return (
        f"SELECT s.bucket, s.project_id, s.b_id AS model_id, s.a_id::bigint AS value_id, {chosen} FROM costs_dayslice s"
        f" WHERE s.slice = %(slice)s AND s.bucket = ANY(%(days)s) AND s.project_id = ANY(%(projects)s){only}"
    )


def _listed(measures: Sequence[str]) -> str:
    return ", ".join(f"n.{name}" for name in measures)


def _nothing(measures: Sequence[str]) -> str:
    columns = f"n.bucket, n.project_id, n.model_id, n.value_id, {_listed(measures)}"
    return f"SELECT {columns} FROM costs_usagequarterby n WHERE false"


def _from_records(kind: NarrowKind, number: int, limits: Conditions, only: str, measures: Sequence[str]) -> str:
    value, present, join = _RECORD_VALUES[kind]
    where, _ = limits.where("c")
    counted = ", ".join(f"{recount.MEASURES[name]} AS {name}" for name in measures)
    return (
        "SELECT * FROM ("
        f"SELECT r.occurred_at AS bucket, r.project_id, c.model_id, {value}::bigint AS value_id, {counted}"
        f" FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id{join}"
        f" WHERE r.occurred_at >= %(after{number})s AND r.occurred_at < %(before{number})s AND {present} AND {where}"
        f") AS edge{number} WHERE true{only}"
    )


def _values(query: UsageQuery, narrow: Narrow) -> list[int] | None:
    """The value ids of the narrow filter; for tags without one, all values of the tag. None: every value."""
    given = query.filters.get(narrow.name)
    if narrow.kind is NarrowKind.KEY:
        return None if given is None else key_ids(given)
    if narrow.kind is NarrowKind.TAG:
        tag = narrow.name.removeprefix("tag:")
        wanted = None if given is None else [f"{tag}={value}" for value in given]
        return named_labels(LabelKind.TAG, wanted, prefix=f"{tag}=")
    return None if given is None else named_labels(LABELS[narrow.name], list(given))


def spoken(narrow: Narrow, value: str) -> str:
    """A value as the API says it: a tag without its name."""
    return value.partition("=")[2] if narrow.kind is NarrowKind.TAG else value
