"""How far merges are."""

from typing import Literal

from apps.access.models import AgentMerge, ProjectMerge

State = Literal["counting", "settling", "done"]


def state_of(merge: AgentMerge | ProjectMerge) -> State:
    """What is still done in the background after a merge; its usage reads as one from the start."""
    if merge.counted_at is None:
        return "counting"
    return "settling" if merge.settled_at is None else "done"
