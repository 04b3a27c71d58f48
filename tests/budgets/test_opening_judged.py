"""What a counter is opened with may have reached a threshold: it holds from then on, whoever opens it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.budgets.domain.states import BudgetRefused
from apps.budgets.models import Alert
from apps.budgets.selectors import matching
from apps.budgets.selectors.standing import standing
from apps.budgets.services import editing, tending
from apps.budgets.services.reserving import reserve
from tests.budgets.acts import OWNER, assert_ledger_balances, facts, make_budget, spend, state

pytestmark = pytest.mark.django_db
LEVELS = ({"percent": 80, "action": "notify"}, {"percent": 100, "action": "cheapest"})


def test_what_a_reservation_opens_holds_at_once_and_raises_its_alert() -> None:
    talk: dict[str, Any] = {"each": "conversation", "period": "conversation", "thresholds": list(LEVELS)}
    spend("9", conversation_id="talk")
    spend("5", conversation_id="other")
    budget = make_budget("10", **talk)
    refuses = make_budget("1", name="Blocks", scope={"agent": "coder"})
    for conversation, held in (("talk", ("actual:80%:notify",)), ("other", ())):
        with pytest.raises(BudgetRefused):
            reserve(facts=facts(conversation=conversation), amount_usd=Decimal(1))
        assert state(budget, conversation=conversation).in_force == held
    alerts = Alert.objects.filter(budget_id=budget.pk)
    assert [(one.subject.rpartition(":")[2], dict(one.facts)["Spent"]) for one in alerts] == [("talk", "$9.00")]
    assert Alert.objects.filter(budget_id=refuses.pk).count() == 2
    spend("2", conversation_id="talk")
    assert state(budget, conversation="talk").in_force == ("actual:80%:notify", "actual:100%:cheapest")
    assert alerts.all().count() == 2


def test_what_the_days_before_reach_holds_from_midnight_on() -> None:
    """Not first from the first call that is charged to the new day on."""
    asked: dict[str, Any] = {"period": "rolling", "thresholds": list(LEVELS)}
    budgets = [make_budget("10", name="All", rolling_days=2, **asked), make_budget("10", name="Each", each="user",
               rolling_days=3, **asked)]  # fmt: skip
    spend("8.5", user="ada")
    for budget in budgets:
        days = [timezone.now() + timedelta(days=days) for days in range(4)]
        held = [state(budget, day, user="ada").in_force for day in days]
        assert held == [("actual:80%:notify",)] * budget.rolling_days + [()] * (4 - budget.rolling_days)
    editing.set_paused(caller=OWNER, budget_id=budgets[0].pk, paused=True)
    matching.forget()
    assert state(budgets[0], days[1], user="ada").in_force == ()


def test_the_new_day_of_a_rolling_budget_stands_before_it_is_used() -> None:
    """On its page, in its alerts and by value; not once the window has nothing any more."""
    budgets = [make_budget("10", each=each, period="rolling", rolling_days=3, thresholds=list(LEVELS))
               for each in ("", "user")]  # fmt: skip
    spend("8.5", user="ada")
    for days, left in ((1, Decimal("8.5")), (2, Decimal("8.5")), (5, Decimal(0))):
        now = timezone.now() + timedelta(days=days)
        assert [tending.begin_days(now=now), tending.begin_days(now=now)] == [2 if left else 0, 0]
        for budget in budgets:
            assert standing(budget, now).state.spent == left
            assert Alert.objects.filter(budget_id=budget.pk).count() == 1
    assert_ledger_balances()
