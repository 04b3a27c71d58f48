"""What a text finds, each group within what the caller may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Case, Value, When
from django.urls import reverse

from apps.access.domain.identity import Caller, Role
from apps.access.selectors.keys import keys_of
from apps.budgets.domain.sentences import amount
from apps.budgets.models import AlertState
from apps.budgets.selectors.budgets import budgets_of
from apps.budgets.selectors.inbox import ALL, AlertFilter, alerts_of
from apps.costs.domain.calendars import day_name, day_of
from apps.costs.domain.formats import money
from apps.costs.domain.kinds import LabelKind
from apps.costs.selectors.reporting import reporting_zone
from controlplane.saved.selectors import views_of
from controlplane.viewstate import DIMENSIONS

MOST_OF_A_KIND = 8
LONGEST = 256
NEWEST_CONVERSATIONS = 5000
_PAGES = "Pages"


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found: its name, what tells it from others of the name, and where it leads."""

    name: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """Things of one kind."""

    label: str
    hits: list[Hit]

    @property
    def is_cut(self) -> bool:
        """True if there may be more than are shown; of pages there never are."""
        return len(self.hits) >= MOST_OF_A_KIND and self.label != _PAGES


def found(caller: Caller, text: str, pages: Sequence[tuple[str, str]]) -> list[Group]:
    """Everything whose name holds the text, at most eight of a kind; `pages` are those the caller may open."""
    text = " ".join(text.replace("\0", "").split())[:LONGEST]
    if not text:
        return []
    named = [Hit(label, "", url) for label, url in pages if text.lower() in label.lower()]
    groups = [
        Group(_PAGES, named),
        Group("Models", _models(caller, text)),
        Group("Agents", _agents(caller, text)),
        Group("Projects", _projects(caller, text)),
        Group("Tiers", _labels(caller, text, LabelKind.TIER, "tier")),
        Group("Task types", _labels(caller, text, LabelKind.TASK_TYPE, "task_type")),
        Group("Budgets", _budgets(caller, text)),
        Group("Alerts", _alerts(caller, text)),
        Group("Keys", _keys(caller, text)),
        Group("Conversations", _conversations(caller, text)),
        Group("Saved views", _views(caller, text)),
    ]
    return [group for group in groups if group.hits]


def _models(caller: Caller, text: str) -> list[Hit]:
    rows = _read(
        "SELECT DISTINCT m.name, m.provider FROM costs_usedmodel m WHERE m.name <> '' AND m.name ILIKE %(like)s"
        f"{_within(caller, 'm.id', 'model_id')} ORDER BY 1, 2 LIMIT {MOST_OF_A_KIND}",
        caller, text,
    )  # fmt: skip
    return [Hit(name, provider, _usage(model=name, provider=provider)) for name, provider in rows]


def _agents(caller: Caller, text: str) -> list[Hit]:
    rows = _read(
        "SELECT a.name, p.name FROM access_agent a JOIN access_project p ON p.id = a.project_id"
        " WHERE a.merged_into_id IS NULL AND (a.name ILIKE %(like)s OR EXISTS (SELECT FROM access_formeragentname f"
        f" WHERE f.agent_id = a.id AND f.name ILIKE %(like)s)){_only(caller, 'p.id')}"
        f" ORDER BY 1, 2 LIMIT {MOST_OF_A_KIND}",
        caller, text,
    )  # fmt: skip
    return [Hit(agent, project, _usage(agent=agent, project=project)) for agent, project in rows]


def _projects(caller: Caller, text: str) -> list[Hit]:
    rows = _read(
        "SELECT p.name FROM access_project p WHERE p.merged_into_id IS NULL AND (p.name ILIKE %(like)s OR EXISTS ("
        "SELECT FROM access_project m WHERE m.merged_into_id = p.id AND m.sent_as ILIKE %(like)s))"
        f"{_only(caller, 'p.id')}"
        f" ORDER BY 1 LIMIT {MOST_OF_A_KIND}",
        caller, text,
    )  # fmt: skip
    return [Hit(name, "", _usage(project=name)) for (name,) in rows]


def _labels(caller: Caller, text: str, kind: LabelKind, dimension: str) -> list[Hit]:
    rows = _read(
        f"SELECT l.name FROM costs_label l WHERE l.kind = {int(kind)} AND l.name ILIKE %(like)s"
        f"{_within(caller, 'l.id', f'{dimension}_id')} ORDER BY 1 LIMIT {MOST_OF_A_KIND}",
        caller, text,
    )  # fmt: skip
    return [Hit(name, "", _usage(**{dimension: name})) for (name,) in rows]


def _budgets(caller: Caller, text: str) -> list[Hit]:
    budgets = budgets_of(caller).filter(name__icontains=text).order_by("name", "id")[:MOST_OF_A_KIND]
    return [Hit(one.name, amount(one.limit, one.unit), reverse("budgets:budget", args=[one.pk])) for one in budgets]


def _alerts(caller: Caller, text: str) -> list[Hit]:
    """Those whose cause lasts first, then the newest."""
    alerts = alerts_of(caller, AlertFilter(state=ALL)).filter(title__icontains=text)
    is_over = Case(When(state=AlertState.RESOLVED, then=Value(1)), default=Value(0))
    zone = reporting_zone()
    return [
        Hit(
            one.title,
            f"{one.get_state_display().lower()}, {day_name(day_of(one.raised_at, zone), with_year=True)}",
            reverse("budgets:alert", args=[one.pk]),
        )
        for one in alerts.order_by(is_over, "-raised_at", "-id")[:MOST_OF_A_KIND]
    ]


def _keys(caller: Caller, text: str) -> list[Hit]:
    if not caller.has_role(Role.ADMIN):
        return []
    keys = keys_of(caller).filter(name__icontains=text).order_by("name", "id")[:MOST_OF_A_KIND]
    url = f"{reverse('access:keys')}?show=all"
    return [Hit(key.name, f"{key.prefix}\u2026", url) for key in keys]


def _conversations(caller: Caller, text: str) -> list[Hit]:
    rows = _read(
        "SELECT p.name, coalesce(p.sent_as, p.name), t.conversation_id, t.cost_usd FROM ("
        f"SELECT * FROM (SELECT * FROM costs_conversationtotal t WHERE true{_only(caller, 't.project_id')}"
        f" ORDER BY t.last_hour DESC, t.last_at DESC LIMIT {NEWEST_CONVERSATIONS}) newest"
        " WHERE newest.conversation_id ILIKE %(like)s"
        " UNION SELECT * FROM costs_conversationtotal t WHERE t.conversation_id = %(text)s"
        " AND t.project_id = ANY(SELECT id FROM access_project)"
        f"{_only(caller, 't.project_id')}"
        f") t JOIN access_project p ON p.id = t.project_id ORDER BY t.last_at DESC LIMIT {MOST_OF_A_KIND}",
        caller, text,
    )  # fmt: skip
    return [
        Hit(conversation, f"{project}, {money(usd)}", reverse("conversation", args=[sent, conversation]))
        for project, sent, conversation, usd in rows
    ]


def _views(caller: Caller, text: str) -> list[Hit]:
    views = views_of(caller).filter(name__icontains=text)[:MOST_OF_A_KIND]
    return [Hit(view.name, "", view.url) for view in views]


def _usage(**filters: str) -> str:
    return f"{reverse('overview')}?{urlencode({name: filters[name] for name in DIMENSIONS if filters.get(name)})}"


def _only(caller: Caller, column: str) -> str:
    return "" if caller.project_ids is None else f" AND {column} = ANY(%(projects)s)"


def _within(caller: Caller, column: str, dimension: str) -> str:
    """Only what usage in the caller's projects has: names alone would tell of others."""
    if caller.project_ids is None:
        return ""
    return f" AND {column} IN (SELECT c.{dimension} FROM costs_cell c WHERE c.project_id = ANY(%(projects)s))"


def _read(sql: str, caller: Caller, text: str) -> list[tuple[Any, ...]]:
    literal = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    with connection.cursor() as cursor:
        cursor.execute(sql, {"like": f"%{literal}%", "text": text, "projects": sorted(caller.project_ids or ())})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
