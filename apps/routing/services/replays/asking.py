"""A scenario becomes a run; a run is cancelled, or what it tried becomes a draft. One audit entry each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.models import Project
from apps.access.selectors.places import agent_ids_named, with_merged
from apps.access.services import audit
from apps.costs.selectors import metrics
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.task_types import task_types_of
from apps.routing.domain.levers import Levers, levers_of
from apps.routing.domain.policy import PolicyError, policy_of
from apps.routing.domain.scenarios import BadScenario, Changes, Move, Only, changed, with_moves
from apps.routing.models import PolicyVersion, ReplayRun, ReplayState
from apps.routing.selectors.policies import current_version
from apps.routing.selectors.replays import ENDED
from apps.routing.services.policies import make_draft, refuse_problems

MOST_MOVES = 20
NAME_LENGTH = 80


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What to replay over the last days: a draft or version, changes of it or of the policy in force, moves of models,
    and what is supposed beside.
    """

    days: int
    project_id: int | None = None
    policy_id: int | None = None
    changes: Changes = Changes()
    moves: Sequence[Move] = field(default_factory=tuple)
    levers: Mapping[str, Any] = field(default_factory=dict)
    """As JSON values of domain/levers.py."""
    agent: str = ""
    task_type: str = ""


@transaction.atomic
def ask(*, caller: Caller, wanted: WhatIf, now: datetime) -> ReplayRun:
    """Ask for a replay; a background sweep makes it, nothing that agents see is changed.

    Raises Refused for a scenario that changes nothing or cannot work, and for more than the settings allow.
    """
    if not 1 <= wanted.days <= settings.REPLAY_MAX_DAYS:
        raise Refused(f"From 1 to {settings.REPLAY_MAX_DAYS} days.", code="days", path="days")
    levers = _levers(wanted)
    document, before, named = _document(wanted, levers, now)
    _check_moves(wanted.moves, now)
    projects = _projects(caller, wanted.project_id)
    only = _only(wanted, projects)
    start = now - timedelta(days=wanted.days)
    _check_size(start, now, projects)
    words = "; ".join([*named, *(move.words for move in wanted.moves), *levers.words])
    words += f", of {' and '.join(only.words)}" if only.words else ""
    run = ReplayRun.objects.create(
        words=words,
        project_ids=projects,
        start=start,
        end=now,
        policy_id=wanted.policy_id,
        document=document,
        before_document=before,
        moves=[_plain(move) for move in wanted.moves],
        levers=levers.as_plain() if levers else {},
        only=only.as_plain(),
        asked_by=caller.actor,
        priced_at=now,
        done_until=start,
    )
    run.refresh_from_db()
    audit.record(caller=caller, action="replay.asked", obj=run, after={"scenario": words, "days": wanted.days})
    return run


@transaction.atomic
def cancel(*, caller: Caller, run_id: int) -> ReplayRun:
    """End a run before it is done. Raises Conflict when it has ended."""
    run = _locked(caller, run_id)
    if run.state in ENDED:
        raise Conflict(f"The replay is {run.get_state_display().lower()} already.", code="ended", path="id")
    run.state, run.taken_by, run.taken_until = ReplayState.CANCELLED, "", None
    run.save(update_fields=["state", "taken_by", "taken_until"])
    audit.record(caller=caller, action="replay.cancelled", obj=run, before={"scenario": run.words})
    return run


@transaction.atomic
def keep_as(*, caller: Caller, run_id: int, name: str) -> ReplayRun:
    """Keep a what-if as a scenario of this name, or, with an empty one, no longer. The same again changes nothing."""
    name = " ".join(name.replace("\0", "").split())
    if len(name) > NAME_LENGTH:
        raise Refused(f"A name has at most {NAME_LENGTH} letters.", code="too_long", path="name")
    run = _locked(caller, run_id)
    most = settings.SCENARIOS_KEPT
    if name and not run.name and ReplayRun.objects.exclude(name="").count() >= most:
        message = (
            f"{most} scenarios are kept already (BURSAR_SCENARIOS_KEPT); drop one first. The what-if stands as it is."
        )
        raise Refused(message, code="too_many", path="name")
    before, run.name = run.name, name
    if before != name:
        run.save(update_fields=["name"])
        action = "scenario.kept" if name else "scenario.dropped"
        audit.record(caller=caller, action=action, obj=run, before={"name": before}, after={"name": name})
    return run


@transaction.atomic
def as_draft(*, caller: Caller, run_id: int) -> PolicyVersion:
    """A draft of what a run tried. Raises Refused where there is no policy, or no tier holds a model that moves."""
    run = _locked(caller, run_id)
    moves = moves_of(run)
    if run.document is None and not moves:
        message = "This what-if tried no policy and moved no model, so there is nothing to draft."
        raise Refused(message, code="nothing_to_draft", path="id")
    return draft_of(caller=caller, document=run.document, moves=moves, note=f"Replay {run.pk}: {run.words}")


@transaction.atomic
def draft_of(*, caller: Caller, document: dict[str, Any] | None, moves: Sequence[Move], note: str) -> PolicyVersion:
    """A draft of a document, or of the policy in force, with models replaced in every tier that holds them."""
    current = current_version()
    if document is None and current is None:
        raise Refused("No policy is published that a draft could be made of.", code="no_policy", path="policy_id")
    source: dict[str, Any] = document if document is not None else current.document if current else {}
    changed_document, replaced = with_moves(source, moves)
    if moves and not replaced:
        names = ", ".join("/".join(move.source) for move in moves)
        message = f"No tier of the policy holds {names}, so there is nothing a draft could change."
        raise Refused(message, code="not_in_policy", path="moves")
    return make_draft(
        caller=caller, document=changed_document, note=note, based_on=current.version if current else None
    )


def moves_of(run: ReplayRun) -> list[Move]:
    """The moves of a run."""
    return [Move(tuple(one["from"]), tuple(one["to"]), one.get("task_type", "")) for one in run.moves]


def _only(wanted: WhatIf, project_ids: Sequence[int]) -> Only:
    """Whose calls count. Raises Refused for an agent or a task type that no call here can have."""
    ids = None
    if wanted.agent:
        ids = frozenset(agent_ids_named([wanted.agent], project_ids))
        if not ids:
            raise Refused(f"No agent is called {wanted.agent[:80]} there.", code="unknown", path="agent")
    if wanted.task_type and not task_types_of(project_ids).filter(name=wanted.task_type).exists():
        raise Refused(f"No call was of the task type {wanted.task_type[:80]}.", code="unknown", path="task_type")
    return Only(wanted.agent, ids, wanted.task_type or None)


def _levers(wanted: WhatIf) -> Levers:
    try:
        return levers_of(wanted.levers)
    except BadScenario as error:
        raise Refused(str(error), code="bad_scenario", path=error.path) from error


def _document(
    wanted: WhatIf, levers: Levers, now: datetime
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, list[str]]:
    """The policy to replay, the one in force, and both in words."""
    current = current_version()
    if wanted.policy_id is None and not wanted.changes:
        if not wanted.moves and not levers:
            raise Refused("Choose a policy, or say what changes.", code="nothing_changes", path="policy_id")
        return None, current.document if current else None, []
    row = current if wanted.policy_id is None else PolicyVersion.objects.standing().filter(pk=wanted.policy_id).first()
    if row is None:
        what = "No policy is published." if wanted.policy_id is None else "There is no such draft or version."
        raise Refused(what, code="no_policy", path="policy_id")
    try:
        document = changed(row.document, wanted.changes)
    except BadScenario as error:
        raise Refused(str(error), code="bad_scenario", path=error.path) from error
    try:
        policy_of(document)
    except PolicyError as error:
        raise Refused(str(error), code="bad_scenario", path=error.path) from error
    refuse_problems(document, now=now)
    name = str(row) if wanted.policy_id is not None else "the policy in force"
    with_changes = [f"{name} with {', '.join(wanted.changes.words)}"] if wanted.changes else [name]
    return document, current.document if current else document, with_changes


def _check_moves(moves: Sequence[Move], now: datetime) -> None:
    if len(moves) > MOST_MOVES:
        raise Refused(f"At most {MOST_MOVES} models move at once.", code="too_many", path="moves")
    book = current_rate_book()
    for move in moves:
        if move.source == move.target:
            raise Refused(f"{'/'.join(move.source)} would move to itself.", code="same", path="moves")
        if book.lookup(*move.target, now) is None:
            message = f"The price book has no price for {'/'.join(move.target)}."
            raise Refused(message, code="unpriced", path="moves")


def _projects(caller: Caller, project_id: int | None) -> list[int]:
    """The projects that are read: one, or all the caller sees but those of demo data."""
    if project_id is not None:
        if not caller.sees_project(project_id):
            raise Refused("There is no such project.", code="no_such_project", path="project")
        return sorted(with_merged([project_id]))
    ids = set(Project.objects.filter(is_demo=False).values_list("id", flat=True))
    return sorted(ids if caller.project_ids is None else ids & caller.project_ids)


def _check_size(start: datetime, end: datetime, projects: Sequence[int]) -> None:
    query = metrics.UsageQuery(start, end, project_ids=frozenset(projects), include_demo=True)
    calls = metrics.added([row.totals for row in metrics.grouped(query, (), edges=(), only=("calls",))]).calls
    if calls > settings.REPLAY_MAX_CALLS:
        message = f"These days have {calls:,} calls; at most {settings.REPLAY_MAX_CALLS:,} are replayed at once."
        raise Refused(message, code="too_many_calls", path="days")
    waiting = ReplayRun.objects.filter(state__in=(ReplayState.WAITING, ReplayState.WORKING)).count()
    if waiting >= settings.REPLAY_MAX_WAITING:
        raise Refused(f"{waiting} replays are under way; wait for one to end.", code="too_many_waiting", path="days")


def _locked(caller: Caller, run_id: int) -> ReplayRun:
    run = ReplayRun.objects.select_for_update().filter(pk=run_id).first()
    seen = run is not None and (caller.project_ids is None or set(run.project_ids or ()) <= caller.project_ids)
    if run is None or not seen:
        raise Refused("There is no such replay.", code="no_such_run", path="id")
    return run


def _plain(move: Move) -> dict[str, Any]:
    return {"from": list(move.source), "to": list(move.target), "task_type": move.task_type}
