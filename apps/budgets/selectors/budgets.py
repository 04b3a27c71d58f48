"""Budgets a caller may see."""

from collections.abc import Iterable

from apps.access.domain.identity import Caller
from apps.budgets.models import Budget
from apps.budgets.models.budgets import BudgetQuerySet


def budgets_of(caller: Caller, *, deleted: bool = False) -> BudgetQuerySet:
    """Standing budgets, newest last; people and keys of some projects see those of their projects alone."""
    found = Budget.objects.exclude(deleted_at=None) if deleted else Budget.objects.standing()
    found = found.select_related("project").order_by("id")
    return found if caller.project_ids is None else found.filter(project__in=caller.project_ids)


def with_a_page(ids: Iterable[int | None]) -> set[int]:
    """Those of these budgets whose page can be opened: the others are deleted, or went with their project."""
    return set(Budget.objects.standing().filter(id__in={one for one in ids if one}).values_list("id", flat=True))
