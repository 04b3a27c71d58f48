"""Counters of conversations that are met for the first time are opened at once, and as any other."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.budgets.models import Budget, Counter
from apps.budgets.selectors import matching
from apps.budgets.services import editing, opening
from tests.budgets.acts import OWNER, facts, make_budget, spend

pytestmark = pytest.mark.django_db


def test_a_conversation_met_first_is_opened_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    spend("0.5", conversation_id="old")
    whole = make_budget("2", each="conversation", period="conversation", grace_percent="10")
    daily = make_budget("3", each="conversation", period="day", scope={"agent": "coder"})
    slowly = opened([whole, daily], "slow", version=None)
    assert [row[:4] for row in slowly] == [(2, 0, Decimal("2.2"), 0), (3, 0, 3, 0)]
    assert [row[3] for row in opened([whole, daily], "old", version=matching.matcher(fresh=True).version)] == [
        Decimal("0.5"), Decimal("0.5"),
    ]  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(opening, "_insert", None)  # The long way is not taken.
        assert opened([whole, daily], "quick", version=matching.matcher(fresh=True).version) == slowly


def test_a_changed_or_raised_budget_is_opened_by_its_present_terms() -> None:
    budget = make_budget("3", each="conversation", period="day")
    before = matching.matcher(fresh=True).version
    editing.raise_budget(caller=OWNER, budget_id=budget.pk, amount=Decimal(1))
    now = matching.matcher(fresh=True).version
    assert now > before
    assert [opened([budget], name, version=version)[0][:3] for name, version in (("a", before), ("b", now))] == [
        (4, 1, 4), (4, 1, 4),
    ]  # fmt: skip


def opened(budgets: list[Budget], conversation: str, *, version: int | None) -> list[tuple[Any, ...]]:
    """The terms of counters of this conversation, opened for these budgets."""
    rules = [matching.matcher(fresh=True).by_id[budget.pk] for budget in budgets]
    value, now = f"{facts().project_id}:{conversation}", datetime.now(UTC)
    wanted = [opening.Wanted(rule, value, conversation, rule.cycle.span(now)) for rule in rules]
    ids = opening.open_counters(wanted, version=version)
    rows = [Counter.objects.get(pk=ids[one.place], label=conversation) for one in wanted]
    return [
        (row.limit, row.raised, row.ceiling, row.spent, row.reserved, row.in_force, row.period_start, row.period_end)
        for row in rows
    ]
