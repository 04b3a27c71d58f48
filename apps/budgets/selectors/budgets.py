"""Budgets a caller may see."""

from apps.access.domain.identity import Caller
from apps.budgets.models import Budget
from apps.budgets.models.budgets import BudgetQuerySet


def budgets_of(caller: Caller, *, deleted: bool = False) -> BudgetQuerySet:
    """Standing budgets, newest last; people and keys of some projects see those of their projects alone."""
    found = Budget.objects.exclude(deleted_at=None) if deleted else Budget.objects.standing()
    found = found.select_related("project").order_by("id")
    return found if caller.project_ids is None else found.filter(project__in=caller.project_ids)
