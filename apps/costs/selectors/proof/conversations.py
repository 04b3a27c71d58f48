"""Conversation totals against the records of the whole conversation, a bounded number of conversations at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.costs.domain.measures import NARROW_SUMS
from apps.costs.selectors import recount
from apps.costs.selectors.metrics.snapshot import one_snapshot
from apps.costs.selectors.pace import unhurried
from apps.costs.selectors.proof import exact
from apps.costs.selectors.proof.differences import Difference, Row, changes, rows
from apps.costs.selectors.proof.words import project_names

Key = tuple[int, str]
START: Key = (0, "")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Conversations next to each other in the order of their keys; the walk goes on after `last`, None is its end."""

    keys: list[Key]
    last: Key | None


def next_chunk(after: Key, *, conversations: int = 500, records: int = 20_000) -> Chunk:
    """The next conversations after a key: at most so many, and about so many records; always at least one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT project_id, conversation_id, sum(calls + tool_executions) OVER (
                ORDER BY project_id, conversation_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            FROM (SELECT * FROM costs_conversationtotal WHERE (project_id, conversation_id) > (%s, %s)
                  ORDER BY project_id, conversation_id LIMIT %s) c
            ORDER BY project_id, conversation_id
            """,
            [*after, conversations],
        )
        found = [row for row in cursor.fetchall() if row[2] is None or row[2] < records]
    keys = [(row[0], row[1]) for row in found]
    return Chunk(keys, keys[-1] if keys else None)


def active_between(keys: Sequence[Key], start: datetime, end: datetime) -> list[Key]:
    """Those of the conversations that were heard of in [start, end)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT project_id, conversation_id FROM unnest(%s::int[], %s::text[]) AS w(project_id, conversation_id)"
            " JOIN costs_conversationtotal c USING (project_id, conversation_id)"
            " WHERE c.last_at >= %s AND c.first_at < %s",
            [[key[0] for key in keys], [key[1] for key in keys], start, end],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def missing_conversations(start: datetime, end: datetime) -> list[Key]:
    """Conversations that records of [start, end) name and that have no total."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.project_id, r.conversation_id FROM costs_usagerecord r
            WHERE r.occurred_at >= %(start)s AND r.occurred_at < %(end)s AND r.conversation_id <> ''
                AND r.occurred_at >= {exact.PROVABLE_FROM}
                AND NOT EXISTS (SELECT FROM costs_conversationtotal c
                    WHERE c.project_id = r.project_id AND c.conversation_id = r.conversation_id)
            GROUP BY 1, 2 ORDER BY 1, 2
            """,
            {"start": start, "end": end},
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def conversation_differences(keys: Sequence[Key]) -> list[Difference]:
    """Every difference of these conversations, in one snapshot."""
    with one_snapshot(), connection.cursor() as cursor:
        unhurried(cursor)
        lacking = rows(exact.conversations(), parameters_of(keys))
        kept = {(row["project_id"], row["conversation_id"]): row for row in _kept(lacking)}
    projects = project_names({row["project_id"] for row in lacking})
    found = []
    for row in lacking:
        key = (row["project_id"], row["conversation_id"])
        words = f"project {projects.get(key[0], key[0])}, conversation {key[1]}"
        was = kept.get(key, {})
        found += [Difference("ConversationTotal", None, words, *change) for change in changes(NARROW_SUMS, row, was)]
        found += [Difference("ConversationTotal", None, words, *change) for change in _moved(row, was)]
    return found


def parameters_of(keys: Sequence[Key]) -> dict[str, Any]:
    """The keys as the statements of exact.py want them."""
    return {"projects": [key[0] for key in keys], "ids": [key[1] for key in keys], **recount.parameters()}


def _moved(row: Row, was: Row) -> list[tuple[str, str, str]]:
    pairs = ((name, was.get(name), row[name]) for name in ("first_at", "last_at"))
    return [(name, _words(before), _words(now)) for name, before, now in pairs if before != now]


def _words(moment: datetime | None) -> str:
    return moment.isoformat() if moment else "none"


def _kept(lacking: list[Row]) -> list[Row]:
    return rows(
        "SELECT c.* FROM unnest(%(projects)s::int[], %(ids)s::text[]) AS w(project_id, conversation_id)"
        " JOIN costs_conversationtotal c USING (project_id, conversation_id)",
        {"projects": [row["project_id"] for row in lacking], "ids": [row["conversation_id"] for row in lacking]},
    )
