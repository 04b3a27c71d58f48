"""In which order names were first seen: the fixed numbers by which charts pick colours."""

from collections.abc import Collection

from django.db import connection

from apps.costs.selectors.metrics.filters import LABELLED

_NUMBERED = """
SELECT name, number FROM (
    SELECT name, row_number() OVER (ORDER BY min(id)) AS number FROM ({rows}) named GROUP BY name
) numbered WHERE name = ANY(%(names)s)
"""
# What was merged into another keeps its number, under a name that nobody has: those after it stay what they are.
_STANDING = "CASE WHEN merged_into_id IS NULL THEN name ELSE chr(10) || id END"
_ROWS = {
    "model": "SELECT id, name FROM costs_usedmodel",
    "provider": "SELECT id, provider AS name FROM costs_usedmodel",
    "agent": f"SELECT id, {_STANDING} AS name FROM access_agent",
    "project": f"SELECT id, {_STANDING} AS name FROM access_project",
}


def first_seen_numbers(dimension: str, names: Collection[str]) -> dict[str, int]:
    """1 for the name first seen in this installation, 2 for the next: a number never changes as others come.

    Names that were never seen, and dimensions that are a closed list, are left out.
    """
    rows = _ROWS.get(dimension)
    if dimension in LABELLED:
        rows = f"SELECT id, name FROM costs_label WHERE kind = {int(LABELLED[dimension])}"
    if rows is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERED.format(rows=rows), {"names": list(names)})
        return dict(cursor.fetchall())
