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
NOT_HERE = ("tool", "user", "key", "conversation")
NO_VALUE = "(none)"

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
) -> tuple[ViewState, list[str]]:
    """The state an address names, and a notice for each thing in it that was not understood.

    `dimensions` are those of DIMENSIONS the page at `path` can filter by.
    """
    choice, notices = parse(parameters, default_zone)
    group = (parameters.get("group") or ["model"])[-1]
    if group not in DIMENSIONS:
        notices.append(f"Cannot group by \u201c{group[:40]}\u201d; models are shown.")
        group = "model"
    notices += [
        f"This page cannot filter by {name}; it is left out." for name in parameters if _is_elsewhere(name, dimensions)
    ]
    filters = {name: set(parameters[name]) for name in dimensions if parameters.get(name)}
    demo = "1" in parameters.get("demo", ())
    return ViewState(choice, default_zone, _canonical(filters), group, demo, path), notices


def filter_words(name: str, value: str) -> str:
    """A filter as a person reads it: "Model: gpt-4.1"."""
    return f"{DIMENSIONS[name]}: {value or NO_VALUE}"


def moved(state: ViewState, now: datetime, steps: int) -> ViewState:
    """The state for the period so many lengths later, or earlier."""
    return replace(state, choice=state.choice.at(now).shifted(steps))


def _is_elsewhere(name: str, dimensions: Collection[str]) -> bool:
    known = name in NOT_HERE or name in DIMENSIONS or name.startswith("tag:")
    return known and name not in dimensions


def _canonical(filters: Mapping[str, Iterable[str]]) -> Filters:
    ordered = ((name, tuple(sorted(filters.get(name, ())))) for name in DIMENSIONS)
    return tuple((name, values) for name, values in ordered if values)
