"""What goes with projects that are removed: their decisions, compressions and what was saved."""

from collections.abc import Sequence
from typing import Any

from apps.routing.models import BandSum, Compression, Decision, SavingsSlice, SwitchSum


def forget_projects(*, project_ids: Sequence[int], **_: Any) -> None:
    """Remove them, in the transaction of the removal."""
    for model in (Decision, Compression, SavingsSlice, SwitchSum, BandSum):
        model._default_manager.filter(project_id__in=project_ids).delete()
