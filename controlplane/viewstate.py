"""What the address of a reading page says: period, comparison, filters, grouping. Every view is a URL.

Unknown values fall back to the default with a notice; the query string is written in one canonical order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from apps.access.domain.identity import Caller
from apps.costs.domain.periods import Choice, Span, parse
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.reporting import reporting

DIMENSIONS = {
    "project": "Project",
    "agent": "Agent",
    "provider": "Provider",
    "model": "Model",
    "tier": "Tier",
    "role": "Role",
    "task_type": "Task type",
    "status": "Status",
}
BEYOND = {"user": "User", "key": "Key", "tool": "Tool", "error_type": "Error type", "conversation": "Conversation"}
"""What only pages that read the narrow rollups, or single records, can group and filter by; tags besides."""
KNOWN = frozenset(
    {
        *("period", "from", "to", "tz", "compare", "interval", "group", "demo", "filter_by", "filter_value"),
        *("then", "measure", "show", "rows", "sort", "outcome"),
        *("table", "over", "after", "before", "seen", "since"),
    }
)
"""What reading pages know beside filters: all of them, one of them, their files and parts. Links carry them along."""
MOST_NOTICES = 5
NO_VALUE = "(none)"
MOST_LETTERS = 132
MOST_DIGITS = 19

Filters = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class ViewState:
    """One state of a reading page. `filters` are in the order of DIMENSIONS, their values sorted.

    `path` is the page's own; `own` are the pairs only this page knows (a sort order, a search), written last.
    """

    choice: Choice
    default_zone: ZoneInfo
    filters: Filters = ()
    group: str = "model"
    demo: bool = False
    path: str = "/"
    own: tuple[tuple[str, str], ...] = ()

    def url(self, path: str = "", **more: str) -> str:
        """The address of this state on its page, or another, canonical; `more` is put at the end."""
        path = path or self.path
        pairs = self.choice.pairs(self.default_zone)
        if self.group != "model":
            pairs.append(("group", self.group))
        pairs += [(name, value) for name, values in self.filters for value in values]
        if self.demo:
            pairs.append(("demo", "1"))
        pairs += self.own
        pairs += more.items()
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def has(self, name: str, value: str) -> bool:
        """True if the view is filtered by this value."""
        return value in dict(self.filters).get(name, ())

    def toggled(self, name: str, value: str) -> "ViewState":
        """The state with this value added to the filters, or taken out if it is there."""
        filters = {key: set(values) for key, values in self.filters}
        filters[name] = filters.get(name, set()) ^ {value}
        return replace(self, filters=_canonical(filters))

    def only(self, name: str, value: str) -> "ViewState":
        """The state filtered by this value of a dimension and by no other of it."""
        return replace(self, filters=_canonical({**dict(self.filters), name: (value,)}))

    def without_filters(self) -> "ViewState":
        """The state with every filter taken out."""
        return replace(self, filters=())

    def query(self, span: Span, caller: Caller) -> UsageQuery:
        """The question this state asks of a span, within what the caller may see. A chosen project may be a demo."""
        return UsageQuery(
            start=span.start,
            end=span.end,
            zone=self.choice.zone.key,
            project_ids=caller.project_ids,
            include_demo=self.demo or bool(dict(self.filters).get("project")),
            filters=dict(self.filters),
        )


def read(
    parameters: Mapping[str, Sequence[str]],
    default_zone: ZoneInfo,
    *,
    path: str = "/",
    dimensions: Collection[str] = DIMENSIONS,
    beyond: bool = False,
) -> tuple[ViewState, list[str]]:
    """The state an address names, and a notice for each thing in it that was not understood.

    `dimensions` are those of DIMENSIONS the page at `path` can filter by; with `beyond` it can group and filter by
    everything else a record has as well. A filter that is misspelt is told, as more is shown than was asked for.
    """
    choice, notices = parse(parameters, default_zone, reporting().week_start)
    group = (parameters.get("group") or ["model"])[-1]
    if not (group in DIMENSIONS or (beyond and is_beyond(group))):
        notices.append(f"Cannot group by \u201c{group[:40]}\u201d; models are shown.")
        group = "model"
    names = [name for name in parameters if (name in DIMENSIONS or is_beyond(name)) and parameters[name]]
    known = [name for name in names if name in dimensions or (beyond and is_beyond(name))]
    notices += [f"This page cannot filter by {name}; it is left out." for name in names if name not in known]
    notices += _unknown(parameters)
    filters = {name: set(parameters[name]) for name in known}
    demo = "1" in parameters.get("demo", ())
    return ViewState(choice, default_zone, _canonical(filters), group, demo, path), notices


def _unknown(parameters: Collection[str]) -> list[str]:
    names = sorted(name for name in parameters if not (name in KNOWN or name in DIMENSIONS or is_beyond(name)))
    return [f"This page does not know \u201c{name[:40]}\u201d; it is left out." for name in names[:MOST_NOTICES]]


def with_added_filter(parameters: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The parameters, in which `filter_by` and `filter_value`, the fields of a form, became a filter."""
    given = {name: values[-1] for name, values in parameters.items() if values}
    added = given.get("filter_by", "")
    if not added or not given.get("filter_value"):
        return dict(parameters)
    return {**parameters, added: [*parameters.get(added, ()), given["filter_value"]]}


def whole_number(text: str) -> int:
    """A count from an address; 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < MOST_DIGITS else 0


def is_beyond(name: str) -> bool:
    """Whether usage has a dimension of this name that the cube does not keep."""
    return name in BEYOND or (name.startswith("tag:") and 4 < len(name) <= MOST_LETTERS and "\0" not in name)


def dimension_name(name: str) -> str:
    """A dimension as people read it: "Task type", "Tag team"."""
    return DIMENSIONS.get(name) or BEYOND.get(name) or f"Tag {name.removeprefix('tag:')}"


def filter_words(name: str, value: str) -> str:
    """A filter as a person reads it: "Model: gpt-4.1"."""
    return f"{dimension_name(name)}: {value or NO_VALUE}"


def moved(state: ViewState, now: datetime, steps: int) -> ViewState:
    """The state for the period so many lengths later, or earlier."""
    return replace(state, choice=state.choice.at(now).shifted(steps))


def _canonical(filters: Mapping[str, Iterable[str]]) -> Filters:
    names = [*DIMENSIONS, *sorted(set(filters) - set(DIMENSIONS))]
    ordered = ((name, tuple(sorted(filters.get(name, ())))) for name in names)
    return tuple((name, values) for name, values in ordered if values)
