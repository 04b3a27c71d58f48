"""Ids that stand in two projects: what each of them means stays apart when one is merged into the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from apps.costs.selectors.metrics.from_records import bounded
from apps.costs.selectors.metrics.shapes import BadQuery

_CALLS = """
    SELECT count(*) FROM costs_usagekey a WHERE a.project_id = ANY(%(one)s) AND EXISTS (
        SELECT FROM costs_usagekey b WHERE b.project_id = ANY(%(other)s) AND b.id_hash = a.id_hash)
"""
_CONVERSATIONS = """
    SELECT count(*) FROM costs_conversationtotal a WHERE a.project_id = ANY(%(one)s) AND EXISTS (
        SELECT FROM costs_conversationtotal b
        WHERE b.project_id = ANY(%(other)s) AND b.conversation_id = a.conversation_id)
"""


@dataclass(frozen=True, slots=True)
class InBoth:
    """How many ids were sent to both; None where there are too many to look through while somebody waits."""

    calls: int | None
    conversations: int | None


def ids_in_both(one: Sequence[int], other: Sequence[int]) -> InBoth:
    """The ids of calls and of conversations that these rows of one project and those of another both have."""
    return InBoth(_count(_CALLS, one, other), _count(_CONVERSATIONS, one, other))


def _count(sql: str, one: Sequence[int], other: Sequence[int]) -> int | None:
    try:
        with bounded(), connection.cursor() as cursor:
            cursor.execute(sql, {"one": list(one), "other": list(other)})
            (found,) = cursor.fetchone()
    except BadQuery:
        return None
    return int(found)
