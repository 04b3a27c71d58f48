"""The wish to load or remove demo data: a row and an entry in the audit log; the work follows in the background."""

from datetime import datetime

from django.db import IntegrityError, transaction

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.models import DemoAct, DemoRun
from apps.costs.services.demo.projects import ensure_demo_projects

DAYS = 14


def ask_to_load(*, caller: Caller, now: datetime, days: int | None = None, seed: int = 1) -> DemoRun:
    """Ask for the last days of a fleet, 14 if not said otherwise.

    Raises Conflict while another wish is open, or when a project of one's own has the name of a demo project.
    """
    ensure_demo_projects()
    return _ask(DemoAct.LOAD, caller, now, days or DAYS, seed)


def ask_to_remove(*, caller: Caller, now: datetime) -> DemoRun:
    """Ask to remove every demo project with all that belongs to it. Raises Conflict while another wish is open."""
    return _ask(DemoAct.REMOVE, caller, now, 0, 0)


def _ask(act: DemoAct, caller: Caller, now: datetime, days: int, seed: int) -> DemoRun:
    try:
        with transaction.atomic():
            run = DemoRun.objects.create(act=act, asked_by=caller.actor, asked_at=now, until=now, days=days, seed=seed)
            audit.record(caller=caller, action=f"demo.{act.value}", obj=run, after={"days": days} if days else None)
    except IntegrityError as error:
        raise Conflict("Demo data is being loaded or removed just now.", code="busy") from error
    return run
