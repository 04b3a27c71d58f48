"""The slices of the folds: which dimensions each keeps beside day, or hour, and project.

A question that names at most these dimensions is answered from the slice, whose rows are few, instead of from the
whole cube. Numbers are stored in rows: never change or reuse one.

Hours have slices of at most one dimension: with two, the rows are hardly fewer than the cube's.
"""

from collections.abc import Collection
from dataclasses import dataclass

from .kinds import NarrowKind


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: its number in the table and the cell columns kept as a_id and b_id."""

    number: int
    dimensions: tuple[str, ...]


SLICES = (
    Slice(0, ()),
    Slice(1, ("model_id",)),
    Slice(2, ("task_type_id",)),
    Slice(3, ("agent_id",)),
    Slice(4, ("tier_id",)),
    Slice(5, ("role_id",)),
    Slice(6, ("status",)),
    Slice(7, ("model_id", "task_type_id")),
    Slice(8, ("model_id", "agent_id")),
    Slice(9, ("task_type_id", "agent_id")),
    Slice(10, ("model_id", "status")),
    Slice(11, ("task_type_id", "status")),
    Slice(12, ("agent_id", "status")),
    Slice(13, ("model_id", "tier_id")),
    Slice(14, ("task_type_id", "tier_id")),
    Slice(15, ("agent_id", "tier_id")),
    Slice(16, ("model_id", "role_id")),
    Slice(17, ("task_type_id", "role_id")),
    Slice(18, ("agent_id", "role_id")),
    Slice(19, ("tier_id", "role_id")),
    Slice(27, ("tier_id", "status")),
    Slice(28, ("role_id", "status")),
)
HOURS = "hours"
"""What stands for the zone in the DayFold row of an hour: a span of one hour, counted from the start of its day."""
_OF_HOURS = 20
HOUR_SLICES = tuple(Slice(_OF_HOURS + one.number, one.dimensions) for one in SLICES if len(one.dimensions) < 2)
"""The slices of an hour fold. The first, the sums of each project, a folded day has for each of its hours, too."""
HOUR_TOTALS = HOUR_SLICES[0]


EVERY = 0
"""What stands for the project in rows of a folded day that sum up all projects but demo ones."""
EVERY_SLICES = tuple(one for one in SLICES if "agent_id" not in one.dimensions)
"""The slices that have such rows. An agent belongs to one project: by agent they would be hardly fewer."""

_OF_NARROW = 40
_OF_NARROW_ALONE = 60
NARROW_SLICES = {kind: _OF_NARROW + kind for kind in (NarrowKind.USER, NarrowKind.TOOL, NarrowKind.TAG)}
"""Slices of folded days with one user, tool or tag as a_id and the model as b_id, by what they are keyed by.

Keys have none: their ids may be larger than a_id can be.
"""
NARROW_ALONE = {kind: _OF_NARROW_ALONE + kind for kind in NARROW_SLICES}
"""The same with all models added up."""

_OF_ERRORS = 70
ERRORS = Slice(_OF_ERRORS, ("error_type_id",))
"""Slice of sums of waste: the failed calls of a day by type of error."""
HOUR_ERRORS = Slice(_OF_ERRORS + 1, ("error_type_id",))
"""The same of an hour."""


def hour_slice(kept: Slice | None) -> Slice | None:
    """What hour folds have of a slice of days; None for those they do not have."""
    return next((one for one in HOUR_SLICES if kept and one.dimensions == kept.dimensions), None)


def slice_for(columns: Collection[str]) -> Slice | None:
    """The smallest slice that keeps these cell columns (project_id is in every one), or None: read the cube."""
    wanted = set(columns) - {"project_id"}
    return next((one for one in SLICES if wanted <= set(one.dimensions)), None)
