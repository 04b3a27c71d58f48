"""What the address of Explore says beyond that of every reading page: measure, second dimension, shape, length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from zoneinfo import ZoneInfo

from controlplane import viewstate
from controlplane.explore.measures import DEFAULT, MEASURES, Measure
from controlplane.viewstate import DIMENSIONS, ViewState, dimension_name, is_beyond

PATH = "/explore"
ROWS = (20, 100)
MOST_COLUMNS = 6


class Shape(StrEnum):
    """How the first dimension is drawn: over time, added up over time, or ranked."""

    TIME = "time"
    RUNNING = "running"
    RANKING = "ranking"


@dataclass(frozen=True, slots=True)
class Explored:
    """One state of the page; `view` is what it shares with other reading pages, its `own` says the rest."""

    view: ViewState
    measure: Measure = DEFAULT
    then: str = ""
    shape: Shape = Shape.TIME
    rows: int = ROWS[0]

    @property
    def group_by(self) -> tuple[str, ...]:
        """The dimensions of the table."""
        return (self.view.group, self.then) if self.then else (self.view.group,)

    @property
    def title(self) -> str:
        """What it shows, in words: "Spend by agent and model"."""
        return f"{self.measure.label} by " + " and ".join(dimension_name(name).lower() for name in self.group_by)

    def but(self, **changes: object) -> "Explored":
        """This state with other values; `group` is of the view."""
        view = replace(self.view, group=str(changes.pop("group"))) if "group" in changes else self.view
        changed = replace(self, view=view, **changes)  # type: ignore[arg-type]
        if changed.then == changed.view.group:
            changed = replace(changed, then="")
        return replace(changed, view=replace(changed.view, own=_own(changed)))

    def url(self, path: str = "", **more: str) -> str:
        """The address of this state."""
        return self.view.url(path, **more)


def _own(state: Explored) -> tuple[tuple[str, str], ...]:
    values = {
        "then": state.then,
        "measure": "" if state.measure is DEFAULT else state.measure.key,
        "show": "" if state.shape is Shape.TIME else state.shape.value,
        "rows": "" if state.rows == ROWS[0] else str(state.rows),
    }
    return tuple((name, value) for name, value in values.items() if value)


def read(parameters: Mapping[str, Sequence[str]], zone: ZoneInfo) -> tuple[Explored, list[str]]:
    """The state an address names, and a notice for each thing in it that was not understood.

    `filter_by` and `filter_value`, the fields of a form, become a filter.
    """
    given = {name: values[-1] for name, values in parameters.items() if values}
    view, notices = viewstate.read(viewstate.with_added_filter(parameters), zone, path=PATH, beyond=True)
    then, measure, shape = given.get("then", ""), given.get("measure", DEFAULT.key), given.get("show", Shape.TIME)
    if then and then not in DIMENSIONS and not is_beyond(then):
        notices.append(f"Cannot group by \u201c{then[:40]}\u201d; one dimension is shown.")
        then = ""
    if measure not in MEASURES:
        notices.append(f"The measure \u201c{measure[:40]}\u201d is not known; spend is shown.")
    if shape not in set(Shape):
        notices.append(f"Cannot show it as \u201c{shape[:40]}\u201d; it is shown over time.")
    state = Explored(
        view,
        MEASURES.get(measure, DEFAULT),
        then,
        Shape(shape) if shape in set(Shape) else Shape.TIME,
        ROWS[1] if given.get("rows") == str(ROWS[1]) else ROWS[0],
    )
    return state.but(), notices
