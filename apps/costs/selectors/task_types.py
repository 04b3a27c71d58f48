"""Kinds of task by project: what a person who sees only some projects may be offered."""

from collections.abc import Iterable

from django.db.models import QuerySet

from apps.costs.domain.kinds import LabelKind
from apps.costs.models import Cell, Label


def task_types_of(project_ids: Iterable[int]) -> QuerySet[Label]:
    """The task types that calls of these projects had, by name; calls without one do not count."""
    used = Cell.objects.filter(project_id__in=list(project_ids)).values("task_type_id")
    return Label.objects.filter(kind=LabelKind.TASK_TYPE, id__in=used).exclude(name="").order_by("name")
