"""Which budgets a call belongs to. What they are is remembered in the process, for one version of the tables.

A counter that a process charged by an older version is put right by the recount that every change of a budget asks
for; reservations and charges are refused by the database under another version, and read again.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from apps.budgets.domain.cycles import Cycle, Period, Span
from apps.budgets.domain.scopes import OF_RECORD, TAG, Facts, Scope, each_value
from apps.budgets.domain.thresholds import Action, Threshold, kept
from apps.budgets.models import Budget

OF_MODEL = ("provider", "model", "tier")
"""What is not known of a call before it is decided where it goes."""
_SEEN_SECONDS = 1
_KEPT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Rule:
    """A budget as calls are matched with it."""

    id: int
    name: str
    scope: Scope
    each: str
    unit: str
    limit: Decimal
    cycle: Cycle
    counted_since: datetime | None
    created_at: datetime
    thresholds: tuple[Threshold, ...]
    grace_percent: Decimal
    exempt: tuple[Scope, ...]
    paused: bool
    project_id: int | None
    recounted: bool
    tells: bool
    """False for a budget that a policy keeps and nobody named recipients for: its alerts show on the pages alone."""

    @property
    def of_conversations(self) -> bool:
        """True if it has a counter for every conversation, and its scope asks only for what a cell shares."""
        scope = self.scope
        return self.each == "conversation" and scope.keys is None and not scope.tags and scope.is_of_cells

    @property
    def asks_for_agents(self) -> bool:
        """True if it matters to it which agent a call is of."""
        return self.each == "agent" or any(one.agent is not None for one in (self.scope, *self.exempt))

    def asks_for_project(self, project_id: int) -> bool:
        """True if it names this project."""
        return any(one.project_id == project_id for one in (self.scope, *self.exempt))

    @property
    def blocks(self) -> bool:
        """True if it holds calls up once it is used up."""
        return not self.paused and any(one.action is Action.BLOCK for one in self.thresholds)

    def counting(self, at: datetime) -> Span | None:
        """The period that counts what happens at this instant; None before the budget counts anything."""
        if self.counted_since is not None and at < self.counted_since:
            return None
        span = self.cycle.span(at)
        until = self.cycle.counted_until(span)
        return None if until is not None and until <= self.created_at else span

    def is_exempt(self, facts: Facts) -> bool:
        """True if a call of these facts is never held up by this budget."""
        return bool(self.exempt) and any(one.covers(facts) for one in self.exempt)


class Place(msgspec.Struct, frozen=True):
    """One counter, named before it is opened."""

    budget_id: int
    each_value: str
    period_start: datetime


class Matcher:
    """The standing budgets of one version. Cells are learnt as they come; a matcher lives for seconds only."""

    def __init__(self, version: int, rules: Iterable[Rule]) -> None:
        self.version = version
        self.rules = tuple(rules)
        self.by_id = {rule.id: rule for rule in self.rules}
        self.born = self.seen = time.monotonic()
        self.cells: dict[int, Facts] = {}
        self.of_cell: dict[int, tuple[Rule, ...]] = {}
        asks_for_agents = any(rule.asks_for_agents for rule in self.rules)
        self.former_names = _former_names() if asks_for_agents else {}
        self.merged = _merged_projects() if self.rules else {}
        # Those that hold calls up, with what their scopes ask of a call whose model is not chosen yet.
        self.blocking = tuple((rule, _of_any_model(rule.scope)) for rule in self.rules if rule.blocks)
        self.of_conversations = frozenset(rule.id for rule in self.rules if rule.of_conversations)
        # What records of one cell differ in, as far as any budget asks for it.
        self.record_fields, self.tag_names = _asked_of_records(self.rules)
        # In the quarter-hour in which counting begins, the instant decides.
        self.beginnings = frozenset(
            int(rule.counted_since.timestamp()) // 900 for rule in self.rules if rule.counted_since is not None
        )

    def learn(self, cell_ids: Collection[int]) -> None:
        """Make the facts of these cells known, and which budgets may cover them."""
        missing = [cell_id for cell_id in cell_ids if cell_id not in self.of_cell]
        if not missing:
            return
        for cell_id, facts in facts_of_cells(missing).items():
            self.cells[cell_id] = facts
            self.of_cell[cell_id] = tuple(rule for rule in self.rules if rule.scope.covers_cell(facts))

    def matching(self, facts: Facts, at: datetime) -> list[tuple[Rule, str, Span]]:
        """The budgets that cover a call of these facts at this instant, with the counter's value and period."""
        found = []
        facts = self.by_present_name(facts)
        for rule in self.rules:
            value = each_value(rule.each, facts) if rule.scope.covers(facts) else None
            if value is not None and (span := rule.counting(at)) is not None:
                found.append((rule, value, span))
        return found

    def may_block(self, facts: Facts) -> bool:
        """True if a budget that blocks covers a call of these facts, to whichever model it goes."""
        if not self.blocking:
            return False
        facts = self.by_present_name(facts)
        return any(scope.covers(facts) and not rule.is_exempt(facts) for rule, scope in self.blocking)

    def by_present_name(self, facts: Facts) -> Facts:
        """A renamed agent has one counter and is covered alike, whichever of its names a call says.

        So is a project that others were merged into, under whichever name a call is sent. Safe to do twice.
        """
        if (into := self.merged.get(facts.project_id or 0)) is not None:
            project_id, project = into
            facts = msgspec.structs.replace(facts, project_id=project_id, project=project, sent_to=facts.project_id)
        if not self.former_names or facts.agent is None or facts.project_id is None:
            return facts
        present = self.former_names.get((facts.project_id, facts.agent))
        return facts if present is None else msgspec.structs.replace(facts, agent=present)


_memory: Matcher | None = None


def forget() -> None:
    """Drop what the process remembers: for tests, and after rows were removed under it."""
    global _memory
    _memory = None


def matcher(*, fresh: bool = False) -> Matcher:
    """The matcher of the present version; without `fresh`, of one that stood a second ago."""
    global _memory
    now = time.monotonic()
    known = _memory
    if known is not None and now - known.born < _KEPT_SECONDS:
        if not fresh and now - known.seen < _SEEN_SECONDS:
            return known
        if stored_version() == known.version:
            known.seen = now
            return known
    version = stored_version()
    _memory = Matcher(version, rules_of(Budget.objects.standing().order_by("id")))
    return _memory


def stored_version() -> int:
    """The version of the tables now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM budgets_budgetsversion")
        row = cursor.fetchone()
    return row[0] if row else 0


def rules_of(budgets: Iterable[Budget]) -> list[Rule]:
    """Budgets with the names of their scopes resolved."""
    rows = list(budgets)
    scopes = [one for row in rows for one in (row.scope, *row.exempt)]
    agents = _agents({one["agent"] for one in scopes if "agent" in one})
    keys = _keys({one["key"] for one in scopes if "key" in one})
    projects = _projects({one["project"] for one in scopes if "project" in one})

    def resolved(scope: dict[str, str], project_id: int | None) -> Scope:
        if "project" in scope:
            project_id = projects.get(scope["project"], -1 if project_id is None else project_id)
        plain = tuple((name, value) for name, value in scope.items() if name not in ("project", "agent", "key"))
        return Scope(
            project_id=project_id if "project" in scope else None,
            agent=scope.get("agent"),
            agents=frozenset(number for number, _ in agents.get(scope.get("agent", ""), ())),
            names=frozenset(name for _, name in agents.get(scope.get("agent", ""), ())),
            keys=keys.get(scope["key"], frozenset()) if "key" in scope else None,
            plain=tuple(pair for pair in plain if not pair[0].startswith(TAG)),
            tags=tuple((name.removeprefix(TAG), value) for name, value in plain if name.startswith(TAG)),
        )

    return [
        Rule(
            id=row.pk,
            name=row.name,
            scope=resolved(row.scope, row.project_id),
            each=row.each,
            unit=row.unit,
            limit=row.limit,
            cycle=row.cycle,
            counted_since=row.counted_since,
            created_at=row.created_at,
            thresholds=tuple(kept(row.thresholds)),
            grace_percent=row.grace_percent,
            exempt=tuple(resolved(one, None) for one in row.exempt),
            paused=row.paused_at is not None,
            project_id=row.project_id,
            recounted=row.recounted_at is not None,
            tells=not row.origin or bool(row.recipients),
        )
        for row in rows
    ]


def _of_any_model(scope: Scope) -> Scope:
    return replace(scope, plain=tuple(pair for pair in scope.plain if pair[0] not in OF_MODEL))


def _asked_of_records(rules: Iterable[Rule]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    fields = {name for rule in rules for name, _ in rule.scope.plain} | {rule.each for rule in rules}
    tags = {name for rule in rules for name, _ in rule.scope.tags}
    return tuple(sorted(fields & OF_RECORD)), tuple(sorted(tags))


def _fetched(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _agents(names: set[str]) -> dict[str, frozenset[tuple[int, str]]]:
    """The ids and present names of agents that have each name or had it before, with what was merged into them."""
    sql = (
        "SELECT name, id, name FROM access_agent WHERE name = ANY(%s) UNION SELECT f.name, a.id, a.name"
        " FROM access_formeragentname f JOIN access_agent a ON a.id = f.agent_id OR a.merged_into_id = f.agent_id"
        " WHERE f.name = ANY(%s)"
    )
    rows = _fetched(sql, [list(names), list(names)]) if names else []
    return _grouped((row[0], row[1:]) for row in rows)


def _former_names() -> dict[tuple[int, str], str]:
    """The present name of every agent by its project and each name it had before."""
    sql = "SELECT f.project_id, f.name, a.name FROM access_formeragentname f JOIN access_agent a ON a.id = f.agent_id"
    return {(project, former): name for project, former, name in _fetched(sql, [])}


def _merged_projects() -> dict[int, tuple[int, str]]:
    """By the row of a merged project the id and name of the one it was merged into."""
    sql = "SELECT id, merged_into_id, name FROM access_project WHERE merged_into_id IS NOT NULL"
    return {number: (into, name) for number, into, name in _fetched(sql, [])}


def _keys(texts: set[str]) -> dict[str, frozenset[int]]:
    """The ids of keys by what a scope says: the name of keys, or the number of one."""
    sql = (
        "SELECT w.text, k.id FROM unnest(%s::text[]) AS w(text) JOIN access_apikey k ON w.text IN (k.name, k.id::text)"
    )
    return _grouped(_fetched(sql, [list(texts)]) if texts else [])


def _projects(names: set[str]) -> dict[str, int]:
    sql = (
        "SELECT f.name, coalesce(p.merged_into_id, p.id) FROM access_formerprojectname f"
        " JOIN access_project p ON p.id = f.project_id WHERE f.name = ANY(%s)"
        " UNION ALL SELECT name, id FROM access_project WHERE name = ANY(%s) AND merged_into_id IS NULL"
    )
    return dict(_fetched(sql, [list(names), list(names)])) if names else {}


def _grouped(pairs: Iterable[tuple[Any, ...]]) -> dict[str, frozenset[Any]]:
    found: dict[str, set[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in found.items()}


_CELLS = """
    SELECT c.id, coalesce(p.merged_into_id, c.project_id), c.project_id, p.name, a.id, a.name, m.provider, m.name,
        t.name, r.name, k.name,
        coalesce(p.is_demo, false)
    FROM costs_cell c LEFT JOIN access_project p ON p.id = c.project_id LEFT JOIN access_agent a ON a.id = c.agent_id
    LEFT JOIN costs_usedmodel m ON m.id = c.model_id LEFT JOIN costs_label t ON t.id = c.tier_id
    LEFT JOIN costs_label r ON r.id = c.role_id LEFT JOIN costs_label k ON k.id = c.task_type_id
    WHERE c.id = ANY(%s)
"""


def facts_of_cells(cell_ids: Collection[int]) -> dict[int, Facts]:
    """What all records of each of these cells share."""
    return {
        row[0]: Facts(
            project_id=row[1], sent_to=row[2], project=row[3], agent_id=row[4], agent=row[5], provider=row[6],
            model=row[7], tier=row[8], role=row[9], task_type=row[10], is_demo=row[11],
        )
        for row in _fetched(_CELLS, [list(cell_ids)])
    }  # fmt: skip


def is_rolling(rule: Rule) -> bool:
    """True if what was spent on the days before counts too."""
    return rule.cycle.period is Period.ROLLING
