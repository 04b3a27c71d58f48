"""Which tags there are to group and filter by."""

from django.db import connection

from apps.costs.domain.kinds import LabelKind, NarrowKind

MOST_NAMES = 50


def tag_names(project_ids: frozenset[int] | None) -> list[str]:
    """The names of tags that usage in these projects (None: in any) ever had, in order, at most 50."""
    within = (
        " AND EXISTS (SELECT FROM costs_usagequarterby n WHERE n.kind = %(narrow)s AND n.value_id = l.id"
        " AND n.project_id = ANY(%(projects)s))"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT split_part(l.name, '=', 1) FROM costs_label l WHERE l.kind = %(label)s"
            f"{within if project_ids is not None else ''} ORDER BY 1 LIMIT {MOST_NAMES}",
            {
                "label": int(LabelKind.TAG),
                "narrow": int(NarrowKind.TAG),
                "projects": sorted(project_ids or ()),
            },
        )
        return [name for (name,) in cursor.fetchall()]
