"""What calls used of a budget, by the books of costs: the sum a counter must have.

SQL over a table `w` of spans (id, each_value, starts, ends). Where the cube keeps all that a budget asks for, it is
read, else the records.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.budgets.domain.cycles import Span
from apps.budgets.domain.scopes import OF_CELL, Scope
from apps.budgets.domain.states import Unit
from apps.budgets.selectors.matching import Rule
from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.domain.kinds import LabelKind, Operation
from apps.costs.selectors.horizon import horizon

_SEASONS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
_LABELS = {"tier": LabelKind.TIER, "role": LabelKind.ROLE, "task_type": LabelKind.TASK_TYPE}
_RECORD_LABELS = {"user": LabelKind.USER, "tool": LabelKind.TOOL}
_PROJECT = "coalesce(g.merged_into_id, g.id)"
_EACH = {
    "": "''",
    "project": f"{_PROJECT}::text",
    "agent": f"(SELECT {_PROJECT} || ':' || a.name FROM access_agent a WHERE a.id = c.agent_id)",
    "user": "(SELECT l.name FROM costs_label l WHERE l.id = r.user_id)",
    "conversation": "c.project_id || ':' || r.conversation_id",
}
_TOOL = (
    f"coalesce((SELECT l.id FROM costs_label l WHERE l.kind = {int(LabelKind.OPERATION)}"
    f" AND l.name = '{Operation.EXECUTE_TOOL.value}'), -1)"
)
_RECORD_CALLS = f"(CASE WHEN r.operation_id = {_TOOL} THEN 0 ELSE r.calls END)"
_OF_RECORDS = {
    Unit.USD: "coalesce(r.cost_usd, 0)",
    Unit.TOKENS: "(r.input_tokens + r.output_tokens)",
    Unit.CALLS: _RECORD_CALLS,
}
_OF_CUBE = {Unit.USD: "r.cost_usd", Unit.TOKENS: "(r.input_tokens + r.output_tokens)", Unit.CALLS: "r.calls"}


@dataclass(frozen=True, slots=True)
class Used:
    """The pieces of a question: a table `r` joined with its cells `c`, its time, sums and conditions."""

    table: str
    time: str
    amount: str
    unpriced: str
    each: str
    where: str
    parameters: dict[str, Any]

    @property
    def source(self) -> str:
        """The tables, ready for a WHERE."""
        named = " JOIN access_project g ON g.id = c.project_id" if _PROJECT in self.each else ""
        return f"{self.table} r JOIN costs_cell c ON c.id = r.cell_id{named}"


def reads_records(rule: Rule) -> bool:
    """True if the cube does not keep what this budget asks for.

    Old quarter-hours are merged into hours, so the periods of a zone that is not on whole hours are cut from records.
    """
    scope, since = rule.scope, rule.counted_since
    aligned = since is None or since.timestamp() % QUARTER_HOUR.total_seconds() == 0
    aligned = aligned and all(day.astimezone(rule.cycle.zone).minute == 0 for day in _SEASONS)
    rest = any(name not in OF_CELL for name, _ in scope.plain)
    return not aligned or rest or bool(scope.tags) or scope.keys is not None or rule.each in ("user", "conversation")


def gone_before(rule: Rule, span: Span) -> datetime | None:
    """Since when all is there that a period of this budget counts, where retention dropped what came before."""
    books = horizon()
    kept = books.records_from if reads_records(rule) else books.rollups_from
    return kept if kept is not None and rule.cycle.window(span).start < kept else None


def used(rule: Rule) -> Used:
    """The question of one budget."""
    where, parameters = _conditions(rule.scope)
    if rule.counted_since is not None:
        where.append(f"{'r.occurred_at' if reads_records(rule) else 'r.bucket'} >= %(since)s")
        parameters["since"] = rule.counted_since
    condition = " AND ".join(where) or "true"
    if reads_records(rule):
        unpriced = f"(CASE WHEN r.cost_usd IS NULL THEN {_RECORD_CALLS} ELSE 0 END)"
        table, time, amount = "costs_usagerecord", "r.occurred_at", _OF_RECORDS[rule.unit]
    else:
        table, time, amount, unpriced = "costs_usagequarter", "r.bucket", _OF_CUBE[rule.unit], "r.unpriced_calls"
    return Used(table, time, amount, unpriced, _EACH[rule.each], condition, parameters)


def _conditions(scope: Scope) -> tuple[list[str], dict[str, Any]]:
    where: list[str] = []
    found: dict[str, Any] = {}
    if scope.project_id is None:
        where.append("NOT EXISTS (SELECT FROM access_project d WHERE d.id = c.project_id AND d.is_demo)")
    else:
        rows = "SELECT d.id FROM access_project d WHERE d.id = %(project)s OR d.merged_into_id = %(project)s"
        where.append(f"c.project_id = ANY(ARRAY({rows}))")
        found["project"] = scope.project_id
    if scope.agent is not None:
        where.append(
            "c.agent_id IN (SELECT a.id FROM access_agent a WHERE a.name = %(agent)s"
            " OR starts_with(a.name, %(agent)s || '/') OR a.id = ANY(%(agents)s))"
        )
        found |= {"agent": scope.agent, "agents": list(scope.agents)}
    for name, value in scope.plain:
        where.append(_condition(name))
        found[name] = value
    if scope.keys is not None:
        where.append("r.key_id = ANY(%(keys)s)")
        found["keys"] = list(scope.keys)
    for place, (name, value) in enumerate(scope.tags):
        where.append(f"r.tags ->> %(tag{place})s = %(tagged{place})s")
        found |= {f"tag{place}": name, f"tagged{place}": value}
    return where, found


def _condition(name: str) -> str:
    if name in ("model", "provider"):
        column = "name" if name == "model" else "provider"
        return f"c.model_id IN (SELECT u.id FROM costs_usedmodel u WHERE u.{column} = %({name})s)"
    if name == "conversation":
        return "r.conversation_id = %(conversation)s"
    alias, kind = ("c", _LABELS[name]) if name in _LABELS else ("r", _RECORD_LABELS[name])
    labels = f"SELECT l.id FROM costs_label l WHERE l.kind = {int(kind)} AND l.name = %({name})s"
    return f"{alias}.{name}_id IN ({labels})"
