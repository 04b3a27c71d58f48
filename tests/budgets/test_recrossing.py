"""A threshold that begins to hold once more: told where it is news, and one alert where it goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.budgets.models import Alert, Announcement, Budget, Counter
from apps.budgets.selectors.matching import rules_of
from apps.budgets.selectors.standing import state_of
from apps.budgets.services import editing, tending
from apps.budgets.services.crossing import note_crossings
from tests.budgets.acts import OWNER, make_budget, spend

pytestmark = pytest.mark.django_db
WARNS = [{"percent": 80, "action": "notify"}]


def alerts() -> list[tuple[str, str]]:
    return list(Alert.objects.order_by("id").values_list("state", "title"))


def test_a_raised_budget_warns_again_at_its_new_level() -> None:
    budget = make_budget("10", thresholds=WARNS)
    spend("9")
    editing.raise_budget(caller=OWNER, budget_id=budget.pk, amount=Decimal(10))
    spend("6")
    assert alerts() == [("resolved", "All: 80 % of $10.00 is spent")]
    spend("2")
    assert alerts() == [("resolved", "All: 80 % of $10.00 is spent"), ("firing", "All: 80 % of $20.00 is spent")]
    editing.raise_budget(caller=OWNER, budget_id=budget.pk, amount=Decimal(10))
    spend("10")
    editing.raise_budget(caller=OWNER, budget_id=budget.pk, amount=Decimal(10))
    assert [state for state, _ in alerts()] == ["resolved"] * 3
    assert Announcement.objects.count() == 6


def test_a_budget_that_was_reset_warns_again() -> None:
    budget = make_budget("10", thresholds=WARNS, timezone="Asia/Kathmandu")
    for times in range(1, 3):
        spend("9")
        budget.refresh_from_db()
        editing.change_budget(caller=OWNER, budget_id=budget.pk, draft=editing.draft_of(budget), usage="reset")
        assert alerts() == [("resolved", "All: 80 % of $10.00 is spent")] * times


def test_alerts_of_a_deleted_budget_end_unless_it_was_a_slip() -> None:
    budget = make_budget("10", thresholds=WARNS)
    spend("9")
    editing.delete_budget(caller=OWNER, budget_id=budget.pk)
    tending.tend(now=datetime.now(UTC))
    editing.restore_budget(caller=OWNER, budget_id=budget.pk)
    assert alerts() == [("firing", "All: 80 % of $10.00 is spent")]
    editing.delete_budget(caller=OWNER, budget_id=budget.pk)
    for _ in range(2):
        tending.tend(now=datetime.now(UTC) + timedelta(minutes=4))
    assert alerts() == [("resolved", "All: 80 % of $10.00 is spent")]
    editing.restore_budget(caller=OWNER, budget_id=budget.pk)
    assert [state for state, _ in alerts()] == ["resolved", "firing"]


def test_a_period_that_is_none_any_more_ends_its_alerts() -> None:
    budget = make_budget("10", thresholds=WARNS, period="day")
    spend("9")
    budget.refresh_from_db()
    week = replace(editing.draft_of(budget), timezone="Pacific/Kiritimati", limit=Decimal(1000))
    editing.change_budget(caller=OWNER, budget_id=budget.pk, draft=week)
    assert [state for state, _ in alerts()] == ["resolved"]


def test_a_rolling_budget_tells_once_however_many_midnights_it_lasts() -> None:
    budget = make_budget("10", thresholds=WARNS, period="rolling", rolling_days=5)
    spend("9")
    Alert.objects.update(state="acknowledged", changed_by="ada")
    for days in range(1, 5):
        tending.tend(now=datetime.now(UTC) + timedelta(days=days))
        assert alerts() == [("acknowledged", "All: 80 % of $10.00 is spent")], days
    today = (datetime.now(UTC) + timedelta(days=4)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert Alert.objects.get().occurrence == f"{today.isoformat()}:actual:80%:notify"
    tending.tend(now=datetime.now(UTC) + timedelta(days=5))
    assert [state for state, _ in alerts()] == ["resolved"]
    assert Announcement.objects.filter(alert__budget_id=budget.pk).count() == 2


def test_a_pause_ends_what_holds_and_it_is_told_anew_after() -> None:
    budget = make_budget("10", thresholds=[{"percent": 100, "action": "block"}])
    spend("11")
    editing.set_paused(caller=OWNER, budget_id=budget.pk, paused=True)
    spend("1")
    tending.tend(now=datetime.now(UTC))
    assert [state for state, _ in alerts()] == ["resolved"]
    editing.set_paused(caller=OWNER, budget_id=budget.pk, paused=False)
    assert [state for state, _ in alerts()] == ["resolved", "firing"]
    assert dict(Alert.objects.latest("id").facts)["Spent"] == "$12.00"


def test_a_forecast_that_rises_and_falls_about_one_limit_is_told_once() -> None:
    budget = make_budget("10", thresholds=[{"percent": 100, "action": "notify", "on": "forecast"}])
    spend("1")
    for forecast, limit, expected in ((11, 10, 1), (9, 10, 1), (12, 10, 1), (9, 10, 1), (25, 20, 2), (9, 20, 2)):
        Counter.objects.update(limit=limit)
        Budget.objects.update(limit=limit)
        (rule,), counter = rules_of([budget]), Counter.objects.get()
        states = [state_of(rule, rule.cycle.span(datetime.now(UTC)), counter)]
        told = {counter.pk: Decimal(forecast)}
        note_crossings(states=states, rules={rule.id: rule}, now=datetime.now(UTC), forecasts=told)
        assert len(alerts()) == expected, (forecast, limit)
    assert {state for state, _ in alerts()} == {"resolved"}
    facts = [dict(one.facts) for one in Alert.objects.order_by("id")]
    assert [(one["Spent"], one["Forecast"], one["Limit"]) for one in facts] == [
        ("$1.00", "$11.00", "$10.00"),
        ("$1.00", "$25.00", "$20.00"),
    ]
