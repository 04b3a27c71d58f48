"""Recording outcomes: each is judged by itself, and a task's verdict is said again by all outcomes it has.

An outcome of a call or decision that no record names yet waits until one does, or BURSAR_OUTCOME_WAIT_DAYS have passed.
One of a task or conversation needs no record to be kept: the task's row waits for its first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from apps.access.domain.errors import TooMany
from apps.access.domain.identity import Caller
from apps.access.selectors.places import project_id_of
from apps.access.services import places
from apps.access.services.places import DEFAULT_PROJECT
from apps.costs.domain.kinds import OutcomeOrigin, OutcomeSource, OutcomeTarget
from apps.costs.domain.outcomes import quality_of, target_of
from apps.costs.domain.usage import FieldError
from apps.costs.selectors import targets
from apps.costs.selectors.targets import Candidates, rows_that_know
from apps.costs.services.outcomes import writing
from apps.costs.services.outcomes.reading import Judged, read
from apps.costs.services.outcomes.writing import NewOutcome, TaskKey

Key = tuple[int, int, str]
_SENT = int(OutcomeOrigin.SENT)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one outcome. `waits`: accepted, and nothing it names has been reported yet."""

    index: int
    id: str | None
    status: str
    errors: Sequence[FieldError] = ()
    unknown: Sequence[str] = ()
    waits: bool = False


@dataclass(slots=True)
class OutcomeResult:
    """What became of a batch; `told` has one entry per outcome, in the order sent."""

    told: list[Told] = field(default_factory=list)

    def count(self, status: str) -> int:
        """How many ended with this status: accepted, duplicate, conflict or rejected."""
        return sum(one.status == status for one in self.told)

    @property
    def waiting(self) -> int:
        """How many were accepted and wait for what they name."""
        return sum(one.waits for one in self.told)


def record_outcomes(items: Sequence[Any], *, caller: Caller, now: datetime) -> OutcomeResult:
    """Store decoded outcomes in one transaction; safe to run again with the same ids.

    Call it outside of a transaction when `items` may name new projects. Raises django.db.Error when the database is
    away: then nothing of the batch was stored.
    """
    judged = read(items, now=now)
    _place([one for one in judged if not one.errors], caller)
    firsts: dict[Key, Judged] = {}
    for one in judged:
        if not one.errors:
            firsts.setdefault(_key(one), one)
    new: set[Key] = set()
    waiting: set[Key] = set()
    known: Mapping[Key, str] = {}
    with transaction.atomic():
        rows = _rows(list(firsts.values()), caller, now)
        _refuse_other_agents(rows, firsts, caller)
        rows = [row for row in rows if not firsts[row[:3]].errors]
        if rows:
            tasks = {(row.project_id, row.task_id) for row in rows if row.task_id}
            writing.hold_tasks(tasks)
            new = writing.insert(rows)
            writing.judge(tasks)
            waiting = {row[:3] for row in rows if row.settled_at is None} | _of_waiting_tasks(rows)
            known = _fingerprints([row[:3] for row in rows])
    return OutcomeResult([_told(one, firsts, known, new, waiting) for one in judged])


def _key(one: Judged) -> Key:
    return (one.project_id, _SENT, one.id or "")


def _told(one: Judged, firsts: Mapping[Key, Judged], known: Mapping[Key, str], new: set[Key], waits: set[Key]) -> Told:
    key = _key(one)
    if one.errors:
        return Told(one.index, one.id, "rejected", one.errors)
    if firsts[key].errors:
        return Told(one.index, one.id, "rejected", firsts[key].errors)
    if firsts[key] is one and key in new:
        return Told(one.index, one.id, "accepted", unknown=one.unknown, waits=key in waits)
    if one.fingerprint == known[key]:
        return Told(one.index, one.id, "duplicate", unknown=one.unknown)
    message = "This id was sent before with another body; the first one stands."
    return Told(one.index, one.id, "conflict", [FieldError("id", "conflict", message)])


def _place(judged: Sequence[Judged], caller: Caller) -> None:
    """Give every outcome its project, or the reason why the caller may not write there."""
    names = {id(one): one.sent.project or caller.project_name or DEFAULT_PROJECT for one in judged}
    allowed = []
    for one in judged:
        error = _binding_error(names[id(one)], caller)
        if error:
            one.errors.append(error)
        else:
            allowed.append(one)
    found = _projects({names[id(one)] for one in allowed}, caller)
    for one in allowed:
        project = found[names[id(one)]]
        if isinstance(project, FieldError):
            one.errors.append(project)
        else:
            one.project_id = project
    _place_where_known([one for one in allowed if not one.errors])


def _place_where_known(judged: Sequence[Judged]) -> None:
    """What an outcome names may have been sent under another name of a project that was merged: then it is of that."""
    merged = [(one, places.other_rows(one.project_id)) for one in judged]
    merged = [(one, others) for one, others in merged if others]
    if not merged:
        return
    wanted = [Candidates(one.id or "", *target_of(one.sent), (one.project_id, *others)) for one, others in merged]
    for number, row in rows_that_know(wanted).items():
        merged[number][0].project_id = row


def _binding_error(project: str, caller: Caller) -> FieldError | None:
    if caller.may_name_project(project):
        return None
    message = f'This key writes to project "{caller.project_name}" only, not to "{project}".'
    return FieldError("project", "forbidden_project", message)


def _projects(names: Collection[str], caller: Caller) -> Mapping[str, int | FieldError]:
    """Keys make projects at first sight, as with usage; people judge what is there, within what they may see."""
    if caller.kind == "key":
        try:
            return places.ensure_projects(names)
        except TooMany as error:
            refusal = FieldError(error.path, error.code, error.message)
            return {**dict.fromkeys(names, refusal), **error.found}
    found: dict[str, int | FieldError] = {}
    for name in names:
        project = project_id_of(name)
        if project is None or not caller.sees_project(project):
            found[name] = FieldError("project", "unknown_project", f'There is no project "{name}" you may see.')
        else:
            found[name] = project
    return found


def _rows(judged: Sequence[Judged], caller: Caller, now: datetime) -> list[NewOutcome]:
    named = {_key(one): target_of(one.sent) for one in judged}
    tasks = _tasks({(key[0], *target) for key, target in named.items()})
    rows = []
    for one in judged:
        kind, identity = named[_key(one)]
        is_known = (one.project_id, kind, identity) in tasks
        sent = one.sent
        rows.append(
            NewOutcome(
                project_id=one.project_id,
                origin=_SENT,
                outcome_id=one.id or "",
                fingerprint=one.fingerprint,
                target=int(kind),
                target_id=identity,
                task_id=tasks.get((one.project_id, kind, identity)),
                settled_at=now if is_known else None,
                success=sent.success,
                quality=quality_of(sent.quality),
                source=int(OutcomeSource[(sent.source or "").upper()]),
                task_type=sent.task_type or "",
                note=sent.note or "",
                occurred_at=one.occurred_at or now,
                key_id=caller.key_id,
                user_id=caller.user_id if caller.kind == "person" else None,
            )
        )
    return rows


def _tasks(named: Collection[tuple[int, OutcomeTarget, str]]) -> dict[tuple[int, OutcomeTarget, str], str | None]:
    """The task of everything named that is known. A task is its own, a conversation is the task of the same name."""
    found: dict[tuple[int, OutcomeTarget, str], str | None] = {
        (project, kind, identity): identity
        for project, kind, identity in named
        if kind in (OutcomeTarget.TASK, OutcomeTarget.CONVERSATION)
    }
    for kind, read_tasks in (
        (OutcomeTarget.USAGE, targets.tasks_of_usage),
        (OutcomeTarget.DECISION, targets.tasks_of_decisions),
    ):
        pairs = [(project, identity) for project, one, identity in named if one is kind]
        if pairs:
            found |= {(project, kind, identity): task for (project, identity), task in read_tasks(pairs).items()}
    return found


def _refuse_other_agents(rows: Sequence[NewOutcome], firsts: Mapping[Key, Judged], caller: Caller) -> None:
    """A key bound to an agent judges tasks that this agent, or a subordinate, began."""
    if caller.agent_name is None:
        return
    agents = _agents_of_tasks([(row.project_id, row.task_id) for row in rows if row.task_id])
    for row in rows:
        name = agents.get((row.project_id, row.task_id or ""))
        if name is not None and not caller.may_report_as(name):
            message = f'This key judges tasks of agent "{caller.agent_name}" or "{caller.agent_name}/…" only.'
            firsts[row[:3]].errors.append(FieldError("task_id", "forbidden_agent", message))


def _agents_of_tasks(tasks: Sequence[TaskKey]) -> dict[TaskKey, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.project_id, t.task_id, coalesce(a.name, '')"
            " FROM unnest(%s::int[], %s::text[]) AS w(project_id, task_id)"
            " JOIN costs_tasktotal t ON t.project_id = w.project_id AND t.task_id = w.task_id"
            " JOIN costs_cell c ON c.id = t.cell_id LEFT JOIN access_agent a ON a.id = c.agent_id",
            [[project for project, _ in tasks], [task for _, task in tasks]],
        )
        return {(project, task): name for project, task, name in cursor.fetchall()}


def _of_waiting_tasks(rows: Sequence[NewOutcome]) -> set[Key]:
    tasks = sorted({(row.project_id, row.task_id) for row in rows if row.task_id})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.project_id, t.task_id FROM unnest(%s::int[], %s::text[]) AS w(project_id, task_id)"
            " JOIN costs_tasktotal t ON t.project_id = w.project_id AND t.task_id = w.task_id WHERE t.first_at IS NULL",
            [[project for project, _ in tasks], [task for _, task in tasks]],
        )
        waiting = set(cursor.fetchall())
    return {row[:3] for row in rows if (row.project_id, row.task_id) in waiting}


def _fingerprints(keys: Sequence[Key]) -> dict[Key, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.project_id, o.origin, o.outcome_id, replace(o.fingerprint::text, '-', '')"
            " FROM unnest(%s::int[], %s::smallint[], %s::text[]) AS w(project_id, origin, outcome_id)"
            " JOIN costs_outcome o USING (project_id, origin, outcome_id)",
            [list(column) for column in zip(*keys, strict=True)],
        )
        return {(project, origin, identity): told for project, origin, identity, told in cursor.fetchall()}
