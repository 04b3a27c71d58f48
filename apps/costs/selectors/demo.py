"""How it stands with demo data, for pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.access.domain.identity import Caller, Role
from apps.access.models import Project
from apps.costs.models import DemoAct, DemoRun

PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class DemoState:
    """Whether there are demo projects, whether one may change that, and the wish that is open or was the last."""

    exists: bool
    may_change: bool
    is_busy: bool = False
    is_waiting_long: bool = False
    is_removal: bool = False
    percent: int = 0
    error: str = ""


def demo_state(now: datetime, caller: Caller) -> DemoState:
    """How it stands, as one caller sees it. Two small queries."""
    exists = Project.objects.filter(is_demo=True).exists()
    may_change = caller.has_role(Role.ADMIN) and caller.project_ids is None
    run = DemoRun.objects.order_by("-id").first()
    if run is None:
        return DemoState(exists, may_change)
    return DemoState(
        exists,
        may_change,
        is_busy=run.finished_at is None,
        is_waiting_long=run.finished_at is None and run.taken_until is None and now - run.asked_at > PATIENCE,
        is_removal=run.act == DemoAct.REMOVE,
        percent=run.done * 100 // run.planned if run.planned else 0,
        error=run.error,
    )
