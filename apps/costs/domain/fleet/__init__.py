"""A believable fleet of agents for demo data: the same records for the same seed."""

from .habits import CAST, PROJECTS, Habit, Slot, cast
from .playing import Fleet, Record, day_of

__all__ = ["CAST", "PROJECTS", "Fleet", "Habit", "Record", "Slot", "cast", "day_of"]
