"""The books of budgets: re-rating, changes, forecasts and the nightly proof leave ledger, counters and calls equal."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from apps.access.models import User
from apps.budgets.domain.drafts import checked_draft
from apps.budgets.domain.states import BudgetRefused
from apps.budgets.models import Alert, Budget, Counter, Entry, Reservation, StoredForecast, UnpricedHold
from apps.budgets.selectors import matching
from apps.budgets.selectors.matching import rules_of
from apps.budgets.selectors.standing import past_counters
from apps.budgets.services import editing, forecasting, proving, tending, tidying
from apps.budgets.services.recounting import differences
from apps.budgets.services.reserving import reserve
from apps.costs.models import BooksState, UsageRecord
from apps.costs.services.ingest import record_usage
from tests.budgets.acts import OWNER, REPORTER, assert_ledger_balances, facts, make_budget, spend, spent, state
from tests.costs.factories import any_usages
from tests.costs.rerating.steps import applied, reversed_again, set_price
from tests.routing import acts as routing

pytestmark = pytest.mark.django_db
KINDS: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {}),
    ({"project": "support"}, {"period": "day", "timezone": "Asia/Kathmandu"}),
    ({"agent": "coder"}, {"limit_usd": None, "limit_calls": 100}),
    ({"model": "gpt-4.1", "role": "utility"}, {"limit_usd": None, "limit_tokens": 10**6}),
    ({"tag:team": "x"}, {"each": "user", "period": "week"}),
    ({}, {"each": "conversation", "period": "conversation"}),
    ({"tool": "browser"}, {"each": "agent", "period": "quarter"}),
    ({"tier": "premium", "task_type": "code"}, {"period": "rolling", "rolling_days": 5}),
    ({"user": "ada", "provider": "openai"}, {"period": "hour", "counts_from": "now"}),
]


def assert_books_balance() -> None:
    """Every counter equals its ledger, and an independent sum over the records."""
    assert_ledger_balances()
    assert proving.unbalanced_counters() == []
    for rule in rules_of(Budget.objects.standing()):
        ids = list(Counter.objects.filter(budget_id=rule.id).values_list("id", flat=True))
        found = [one for one in differences(rule, ids) if one.amount or one.unpriced_calls]
        assert found == [], (rule.name, found)


def test_any_usage_is_counted_as_the_records_say() -> None:
    now = datetime.now(UTC)
    spend("0", project="support")
    for number, (scope, more) in enumerate(KINDS):
        make_budget("100", name=f"B{number}", scope=scope, **more)
    Budget.objects.update(created_at=now - timedelta(days=20))
    matching.forget()
    dice = random.Random(11)
    batches = [any_usages(dice, 60, now - timedelta(days=8), now) for _ in range(4)]
    for batch in batches:
        assert not record_usage(batch, caller=REPORTER, now=now).count("rejected")
        record_usage(batch[:20], caller=REPORTER, now=now)
    assert Counter.objects.exclude(spent=0).count() > 30
    assert_books_balance()
    rolling = Budget.objects.get(period="rolling")
    rows = list(Counter.objects.filter(budget=rolling).order_by("period_start"))
    for row in rows:
        start = rolling.cycle.window_start(row.period_start)
        before = [one.spent for one in rows if start <= one.period_start < row.period_start]
        assert row.carried == sum(before, Decimal(0))


def test_unpriced_calls_hold_what_their_tier_costs_at_most_until_they_are_priced() -> None:
    # In force: at most $0.002 per 1,000 tokens in the tier simple; the tier "mine" is none of the policy's.
    routing.published(routing.document())
    budget = make_budget("10", scope={"tier": "simple"}, thresholds=[{"usd": "0.003", "action": "block"}])
    spend(None, model="made-up", tier="simple", input_tokens=1000, output_tokens=500)
    spend(None, model="made-up", tier="mine", input_tokens=1000, output_tokens=500)
    now = state(budget, tier="simple", agent=None)
    assert [now.spent, now.reserved, now.unpriced_calls] == [0, Decimal("0.003"), 1]
    # What may have been spent is not spent again.
    assert now.is_blocked
    with pytest.raises(BudgetRefused):
        reserve(facts=facts(tier="simple"), amount_usd=Decimal("0.0001"))
    set_price("made-up", "2", "8")
    run = applied()
    now = state(budget, tier="simple", agent=None)
    assert [now.spent, now.reserved, now.unpriced_calls] == [Decimal("0.006"), 0, 0]
    assert UnpricedHold.objects.count() == 0
    assert_books_balance()
    # Undone, it is unpriced again, and held as it was.
    reversed_again(run)
    now = state(budget, tier="simple", agent=None)
    assert [now.spent, now.reserved, now.unpriced_calls] == [0, Decimal("0.003"), 1]
    assert_books_balance()
    applied()
    assert [state(budget, tier="simple", agent=None).reserved, UnpricedHold.objects.count()] == [0, 0]
    assert_books_balance()


def change(budget: Budget, usage: str = "keep", **sent: Any) -> None:
    """Change some fields of a budget."""
    now = {"name": budget.name, "limit_usd": str(budget.limit), "period": budget.period, "scope": budget.scope}
    editing.change_budget(caller=OWNER, budget_id=budget.pk, draft=checked_draft(now | sent), usage=usage)
    matching.forget()
    budget.refresh_from_db()


def test_an_edit_keeps_or_resets_what_was_used() -> None:
    budget = make_budget("10", period="day")
    spend("3", agent="coder")
    spend("2", agent="support")
    change(budget, limit_usd="4")
    assert [state(budget).spent, state(budget).state] == [5, "over"]
    change(budget, scope={"agent": "support"})
    assert state(budget, agent="support").spent == 2
    change(budget, period="month")
    assert state(budget, agent="support").spent >= 2
    change(budget, usage="reset")
    assert state(budget, agent="support").spent == 0
    spend("1", agent="support")
    assert state(budget, agent="support").spent == 1
    # What was reset stays so, whatever else is changed, and by the nightly proof.
    change(budget, name="Renamed", period="month", scope={"agent": "support"})
    assert proving.prove_books(now=datetime.now(UTC)).corrected == 0
    assert state(budget, agent="support").spent == 1
    change(budget, name="Renamed", period="month", scope={})
    assert state(budget).spent == 1
    change(budget, period="month", counts_from="now")
    change(budget, period="month", counts_from="period_start")
    assert state(budget).spent == 6
    assert_ledger_balances()


def test_new_terms_count_what_retention_left_and_never_what_the_old_ones_counted() -> None:
    now = datetime.now(UTC)
    budget = make_budget("10", period="once", scope={"user": "ada"})
    sums = make_budget("10", name="Sums", period="once", scope={"agent": "coder"})
    for user, usd in (("ada", "5"), ("ada", "1"), ("bob", "3"), ("bob", "2")):
        spend(usd, user=user, at=now - timedelta(days=60) if usd in "53" else now)
    assert [spent(budget), spent(sums)] == [[6], [11]]
    BooksState.objects.update_or_create(id=1, defaults={"records_from": now - timedelta(days=30)})
    UsageRecord.objects.filter(occurred_at__lt=now - timedelta(days=30)).delete()

    # What was counted stands, whatever else changes, and sums outlive records.
    assert proving.prove_books(now=now).corrected == 0
    change(budget, period="once", limit_usd="9")
    assert [spent(budget), spent(sums)] == [[6], [11]]
    change(sums, period="once", scope={"agent": "coder", "model": "made-up"})
    assert spent(sums) == [11]

    # Three of the five of the other user are gone, so two are left; the six of the first one were never his.
    change(budget, period="once", scope={"user": "bob"})
    assert spent(budget) == [2]
    change(budget, period="once", usage="reset")
    assert spent(budget) == [0]
    spend("1", user="bob")
    tending.tend(now=now)
    assert proving.prove_books(now=now).corrected == 0
    assert spent(budget) == [1]
    assert_ledger_balances()


def test_a_paused_budget_counts_and_does_nothing_else() -> None:
    budget = make_budget("1")
    editing.set_paused(caller=OWNER, budget_id=budget.pk, paused=True)
    matching.forget()
    spend("2")
    assert [state(budget).spent, state(budget).state, state(budget).action] == [2, "paused", "none"]
    assert Alert.objects.count() == 0
    editing.set_paused(caller=OWNER, budget_id=budget.pk, paused=False)
    matching.forget()
    assert state(budget).action == "block"
    assert Alert.objects.count() == 2


def test_the_nightly_proof_finds_and_corrects() -> None:
    now = datetime.now(UTC)
    budget = make_budget()
    spend("2")
    assert proving.prove_books(now=now).words.startswith("books balance, last checked ")
    matching.forget()
    # A process that did not know of the budget yet stored a call and charged nothing.
    Budget.objects.update(deleted_at=now)
    matching.forget()
    spend("3")
    Budget.objects.update(deleted_at=None)
    assert spent(budget) == [2]
    run = proving.prove_books(now=now)
    assert (run.corrected, run.unbalanced) == (1, 0)
    assert spent(budget) == [5]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE budgets_counter SET reserved = reserved + 1")
    run = proving.prove_books(now=now)
    assert "1 counters differ from their ledger" in run.words


def test_the_old_part_of_the_ledger_becomes_one_row_a_counter() -> None:
    now = datetime.now(UTC)
    budget, other = make_budget(), make_budget(scope={"agent": "support"})
    for usd in ("1", "2", "3"):
        spend(usd)
    reserve(facts=facts(), amount_usd=Decimal("0.5"), id="old")
    spend("0.5", reservation_id="old")
    Entry.objects.update(made_at=now - timedelta(days=91))
    Reservation.objects.update(expires_at=now - timedelta(days=91))
    spend("4")
    run = tidying.tidy(now=now)
    assert (run.folded, run.forgotten) == (1, 1)
    assert Entry.objects.filter(counter__budget=budget).count() == 2
    assert [spent(budget), spent(other)] == [[Decimal("10.5")], [0]]
    assert tidying.tidy(now=now) == tidying.TidyRun(0, 0)
    assert_books_balance()


def test_a_change_is_counted_anew_by_the_next_sweep() -> None:
    budget = make_budget(period="day")
    Counter.objects.update(spent=7)
    assert tending.tend(now=datetime.now(UTC)).recounted == 1
    assert spent(budget) == [0]
    Counter.objects.update(in_force=["actual:80%:notify"], period_end=datetime.now(UTC))
    assert tending.end_periods(now=datetime.now(UTC)) == 1
    assert Counter.objects.get().in_force == []


def test_many_values_are_counted_some_a_sweep_and_none_is_missed(settings: Settings) -> None:
    settings.BUDGET_VALUES_PER_SWEEP = 2
    for number in range(5):
        spend("1", user=f"u{number}")
    budget = make_budget("1.5", each="user", thresholds=[{"percent": 100, "action": "notify"}])
    opened = [Counter.objects.count()]
    spend("1", user="u4")
    spend("1", user="new")
    Budget.objects.update(changed_at=datetime.now(UTC) - timedelta(hours=1))
    for _ in range(4):
        tending.tend(now=datetime.now(UTC))
        opened.append(Counter.objects.count())
    assert opened[0] == 2
    assert opened[-1] == 6
    assert max(after - before for before, after in pairwise(opened[1:])) <= 2
    budget.refresh_from_db()
    assert budget.recounted_at is not None
    assert sorted(spent(budget)) == [1, 1, 1, 1, 1, 2]
    assert list(Alert.objects.values_list("subject", flat=True)) == [f"{budget.pk}:u4"]
    assert tending.tend(now=datetime.now(UTC)).recounted == 0
    assert_books_balance()
    change(budget, limit_usd="3", each="user", thresholds=[{"percent": 100, "action": "notify"}])
    assert Counter.objects.exclude(in_force=[]).count() == 0


def test_a_budget_stands_that_a_sweep_did_not_let_evaluate(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spend("9")

    def held(*, budget: Budget) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    with monkeypatch.context() as patch:
        patch.setattr(editing, "evaluate", held)
        budget = make_budget("10")
    assert [one.getMessage() for one in caplog.records if one.name == editing.__name__] == [
        f"What holds of budget {budget.pk} is left to the next sweep (OperationalError)."
    ]
    assert Counter.objects.get().in_force == []
    tending.tend(now=datetime.now(UTC))
    assert Counter.objects.get().in_force == ["actual:80%:notify"]


def test_a_forecast_is_kept_shown_and_warns(ann: User, signed_in: Any) -> None:
    now = datetime.now(UTC)
    budget = make_budget("1", period="year", thresholds=[{"percent": 100, "on": "forecast", "action": "notify"}])
    for day in range(1, 40):
        spend("0.01", at=now - timedelta(days=day))
    assert forecasting.make_forecasts(now=now) == 1
    stored = StoredForecast.objects.get()
    assert stored.tests > 7
    counter = Counter.objects.get(budget=budget, period_start__lte=now, period_end__gt=now)
    assert stored.total >= counter.spent
    text = signed_in(ann).get(f"/budgets/{budget.pk}").content.decode()
    assert "Forecast: about $" in text
    assert "Tried on" in text
    change(budget, limit_usd="0.2", thresholds=[{"percent": 100, "on": "forecast", "action": "notify"}])
    forecasting.make_forecasts(now=now)
    assert Alert.objects.get().title == "All: 100 % of $0.2000 is forecast"


def test_counters_of_many_rolling_days_and_what_has_no_end_are_forecast(
    ann: User, signed_in: Any, settings: Settings
) -> None:
    now = datetime.now(UTC)
    for hours in range(1, 31 * 24, 6):
        at = now - timedelta(hours=hours)
        spend("0.25", at=at, agent="coder")
        spend("0.05", at=at, agent="support")
    every = make_budget("40", name="Agents", each="agent", period="once")
    rolling = make_budget("8", name="Days", period="rolling", rolling_days=7)
    hour = make_budget("1", name="Hour", period="hour")
    settings.FORECAST_COUNTERS = 1
    assert forecasting.make_forecasts(now=now) == 2
    told = {one.counter.label: one for one in StoredForecast.objects.select_related("counter")}
    # A dollar a day: $31 so far and about 30 more; the limit is reached nine days on.
    assert set(told) == {"", "coder"}
    assert 58 < told["coder"].total < 64
    assert told["coder"].runs_out_at is not None
    assert timedelta(days=7) < told["coder"].runs_out_at - now < timedelta(days=11)
    assert told["coder"].error < Decimal("0.1")
    # Of seven days the last one is not over: what six and today will have used.
    assert Decimal("7.1") < told[""].total < Decimal("8.5")
    settings.FORECAST_COUNTERS = 2
    assert forecasting.make_forecasts(now=now) == 3
    pages = {one.name: signed_in(ann).get(f"/budgets/{one.pk}").content.decode() for one in (every, rolling, hour)}
    assert pages["Agents"].count("Forecast: about $") == 3
    assert "; runs out " in pages["Agents"]
    assert "Forecast: about $" in pages["Days"]
    assert "No forecast: An hour is over before" in pages["Hour"]


def test_without_enough_data_there_is_no_forecast(ann: User, signed_in: Any) -> None:
    budget = make_budget()
    spend("1")
    assert forecasting.make_forecasts(now=datetime.now(UTC)) == 0
    assert "No forecast yet" in signed_in(ann).get(f"/budgets/{budget.pk}").content.decode()


def test_what_an_unpriced_call_holds_ends_with_its_price_whatever_its_budget_became() -> None:
    routing.published(routing.document())
    changed, gone = make_budget(scope={"tier": "simple"}, period="year"), make_budget(period="once")
    spend(None, model="made-up", tier="simple", input_tokens=1000, output_tokens=500)
    change(changed, scope={"tier": "premium"})
    editing.delete_budget(caller=OWNER, budget_id=gone.pk)
    matching.forget()
    assert list(
        Counter.objects.filter(reserved=Decimal("0.003")).values_list("budget_id", flat=True).order_by("id")
    ) == [
        changed.pk,
        gone.pk,
    ]
    set_price("made-up", "2", "8")
    applied()
    assert not Counter.objects.exclude(reserved=0).exists()
    assert not UnpricedHold.objects.exists()
    editing.restore_budget(caller=OWNER, budget_id=gone.pk)
    matching.forget()
    assert [state(gone).spent, state(gone).reserved] == [Decimal("0.006"), 0]
    assert_ledger_balances()


def test_what_is_held_follows_its_budget_into_another_unit() -> None:
    budget = make_budget()
    reserve(facts=facts(), amount_usd=Decimal("0.5"), tokens=1500, id="call")
    reserve(facts=facts(), amount_usd=Decimal("0.2"), parent_id="call", id="part")
    held = []
    for limit in ({"limit_tokens": 9000}, {"limit_calls": 9}, {"limit_usd": "9"}):
        editing.change_budget(
            caller=OWNER,
            budget_id=budget.pk,
            draft=checked_draft({"name": "All", "period": "month", "thresholds": [], **limit}),
        )
        matching.forget()
        held.append(state(budget).reserved)
        assert_ledger_balances()
    assert held == [0, 1, Decimal("0.5")]
    spend("0.1", reservation_id="part")
    spend("0.1", reservation_id="call")
    assert [state(budget).spent, state(budget).reserved] == [Decimal("0.2"), 0]
    assert_ledger_balances()


def test_today_hears_of_what_a_late_record_adds_to_the_days_it_carries() -> None:
    """A rolling budget's limit is crossed today by a call of yesterday, also where nothing was used today."""
    now = datetime.now(UTC)
    thresholds = [{"percent": 80, "action": "downgrade", "tier": "simple"}]
    spend("0.1", at=now - timedelta(days=2), user="ada")
    budget = make_budget("10", each="user", period="rolling", rolling_days=3, thresholds=thresholds)
    for user in ("ada", "bob"):
        told = spend("9", at=now - timedelta(days=1), user=user).budgets
        assert [(one["spent_usd"], one["action"]) for one in told] == [
            ("9.10" if user == "ada" else "9.00", "downgrade")
        ]
        assert state(budget, user=user).action == "downgrade"
    today = Alert.objects.filter(occurrence__startswith=now.date().isoformat())
    assert list(today.order_by("subject").values_list("subject", flat=True)) == [f"{budget.pk}:ada", f"{budget.pk}:bob"]
    assert_books_balance()


def test_a_budget_that_becomes_rolling_counts_the_days_of_its_window() -> None:
    now = datetime.now(UTC)
    budgets = [
        make_budget("100", name="All", period="month"),
        make_budget("100", name="Each", each="user", period="day"),
    ]
    # Both have stood for a week, and were used every day.
    Budget.objects.update(created_at=now - timedelta(days=7))
    matching.forget()
    for days in range(5, -1, -1):
        spend(str(days + 1), at=now - timedelta(days=days), user="ada")
    Counter.objects.filter(budget=budgets[1], period_start__lt=now - timedelta(days=2)).delete()
    for budget in budgets:
        change(budget, period="rolling", rolling_days=4, each=budget.each)
        assert state(budget, user="ada").spent == 1 + 2 + 3 + 4
        change(budget, period="rolling", rolling_days=6, each=budget.each)
        assert state(budget, user="ada").spent == 21
    spend("0.5", at=now - timedelta(days=3), user="ada")
    assert [state(budget, user="ada").spent for budget in budgets] == [Decimal("21.5")] * 2
    assert_ledger_balances()


def test_a_rolling_budget_counts_a_day_once_when_its_time_zone_or_period_changes() -> None:
    """Its window still holds counters of the old cycle, which begin at other times and overlap the new days."""
    now = datetime.now(UTC)
    spend("16", at=now - timedelta(days=20), user="ada")
    budgets = [
        make_budget("99", name="All", period="rolling", rolling_days=7, timezone="Europe/Berlin"),
        make_budget("99", name="Each", each="user", period="rolling", rolling_days=7, timezone="Europe/Berlin"),
        make_budget("99", name="Hours", period="hour"),
    ]
    Budget.objects.update(created_at=now - timedelta(days=7))
    matching.forget()
    for number, days in enumerate((3, 1, 0)):
        spend(str(2**number), at=now - timedelta(days=days), user="ada")
    for zone in ("America/St_Johns", "Asia/Kathmandu", "Europe/Berlin"):
        for budget in budgets:
            change(budget, period="rolling", rolling_days=7, each=budget.each, timezone=zone)
            assert state(budget, user="ada").spent == 7, (zone, budget.name)
        assert proving.prove_books(now=now).is_balanced
    spend("0.5", at=now - timedelta(days=1), user="ada")
    assert [state(budget, user="ada").spent for budget in budgets] == [Decimal("7.5")] * 3
    past = past_counters(budgets[0], budgets[0].cycle.span(now).start)
    assert [one.spent for one in past if one.spent] == [Decimal("2.5"), 1]
    assert proving.prove_books(now=now).is_balanced
    assert_ledger_balances()


def test_a_past_period_that_goes_on_as_one_of_a_changed_cycle_is_counted_anew() -> None:
    """Not first by the nightly proof, which would tell of a difference."""
    now = datetime.now(UTC)
    first = (now.replace(day=1) - timedelta(days=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    budget = make_budget("99", period="month")
    Budget.objects.update(created_at=first - timedelta(days=9))
    matching.forget()
    for minutes in (30, 150):
        spend("1", at=first + timedelta(minutes=minutes))
    for period, past in (("hour", 1), ("month", 2)):
        change(budget, period=period)
        assert Counter.objects.get(budget=budget, period_start=first).spent == past
        assert proving.prove_books(now=now).is_balanced
    assert_ledger_balances()
