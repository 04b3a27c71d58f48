"""P7: a price change rewrites nothing by itself; re-rating is previewed, exact in every sum, and put back exactly."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import ALL_SCOPES, Caller, Role
from apps.access.models import AuditEntry, Project
from apps.costs.domain.slices import HOURS
from apps.costs.extension_points import Recharge, recharging
from apps.costs.models import (
    BooksState,
    ConversationTotal,
    DayFold,
    DaySlice,
    LanguageModel,
    RerateLine,
    RerateRun,
    UsageQuarter,
    UsageRecord,
)
from apps.costs.selectors import rate_book, rerates
from apps.costs.services import rerating
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.hours import merge_old_quarters
from apps.costs.services.rerating import Filter, working
from tests.costs.factories import NOW, any_usages, make_usage, record
from tests.costs.rerating.steps import (
    ADMIN,
    applied,
    billed,
    disagreements,
    previewed,
    reversed_again,
    set_price,
    whole_days,
    work,
)

pytestmark = pytest.mark.django_db
AT = NOW - timedelta(days=2)
DAYS = whole_days(NOW, 5)


def call(**fields: Any) -> dict[str, Any]:
    """A call of 1,000 + 100 tokens without a cost of the provider's."""
    return make_usage(AT, **({"cost_usd": None} | fields))


def costs() -> dict[str, Decimal | None]:
    return dict(UsageRecord.objects.values_list("usage_id", "cost_usd"))


def test_a_price_comes_later_and_what_waited_is_priced_in_every_sum() -> None:
    record(
        call(id="a", conversation_id="c", user="ada", tags={"team": "x"}), call(id="b"), call(id="c", cost_usd="0.5")
    )
    fold_closed_days(now=NOW)
    folds = DayFold.objects.count()
    assert costs() == {"a": None, "b": None, "c": Decimal("0.5")}
    set_price("gpt-4.1", "2", "8")
    assert costs()["a"] is None  # prices rewrite nothing by themselves
    run = previewed(Filter(name="gpt-4.1", only_unpriced=True))
    assert (run.state, run.seen, run.changed) == ("previewed", 2, 2)
    assert (run.was_usd, run.is_usd) == (Decimal(0), Decimal("0.0056"))
    assert costs()["a"] is None  # neither does a preview
    rerating.approve(caller=ADMIN, run_id=run.pk)
    work()
    assert costs() == {"a": Decimal("0.0028"), "b": Decimal("0.0028"), "c": Decimal("0.5")}
    assert disagreements(*DAYS) == []
    assert DayFold.objects.count() == folds > 0  # what is folded stays folded, and got the difference too
    total = ConversationTotal.objects.get()
    assert (total.cost_usd, total.unpriced_calls) == (Decimal("0.0028"), 0)
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == [
        "rerate.asked",
        "rerate.approved",
        "rerate.completed",
    ]


def test_the_difference_is_told_by_model_project_and_conversation() -> None:
    set_price("gpt-4.1", "2", "8")
    set_price("o3", "1", "1")
    record(
        call(conversation_id="c", project="support"),
        call(conversation_id="d", project="sales", calls=3),
        call(model="o3", conversation_id="d", project="sales"),
    )
    set_price("gpt-4.1", "20", "80", AT - timedelta(days=1))
    run = previewed()
    models = rerates.differences(run, "model", limit=9)
    assert [(row.name, row.records, row.calls, row.was_usd, row.is_usd) for row in models] == [
        ("openai/gpt-4.1", 2, 4, Decimal("0.0056"), Decimal("0.056"))
    ]
    assert [(row.name, row.difference_usd) for row in rerates.differences(run, "project", limit=9)] == [
        ("sales", Decimal("0.0252")),
        ("support", Decimal("0.0252")),
    ]
    assert [(row.name, row.project) for row in rerates.differences(run, "conversation", limit=9)] == [
        ("c", "support"),
        ("d", "sales"),
    ]
    assert (run.seen, run.changed, run.unchanged) == (3, 2, 1)


def test_a_fresh_book_changes_nothing() -> None:
    """The resolver and the arithmetic are those of ingest, for records of every kind."""
    extra: dict[str, Any] = {
        "cache_read_usd_per_mtok": Decimal("0.123456789"),
        "requests_usd_per_thousand": Decimal("3"),
        "tiers": {"input_tokens": [[4000, "5"]]},
        "service_tiers": {"batch": {"rates": {}, "multiplier": "0.5"}},
        "windows": [{"start": "09:00", "end": "15:00", "rates": {"output_tokens": "2"}}],
        "other_rates": {"input_audio_tokens": "40"},
    }
    set_price("gpt-4.1", "2", "8", **extra)
    usages = any_usages(random.Random(5), 120, DAYS[0], NOW)
    more = [call(service_tier="batch"), call(input_audio_tokens=500), call(service_tier="flex"), call(requests=9)]
    record(*usages, *more)
    run = previewed()
    assert (run.changed, run.seen) == (0, run.unchanged)
    assert run.seen == sum(usage.get("operation") != "execute_tool" for usage in [*usages, *more])
    with pytest.raises(Conflict, match="nothing to apply"):
        rerating.approve(caller=ADMIN, run_id=run.pk)


@pytest.mark.parametrize("include", [False, True])
def test_a_cost_the_provider_reported_is_replaced_only_if_asked(include: bool) -> None:
    record(call(id="told", cost_usd="0.5"), call(id="told-no-price", cost_usd="0.5", model="unheard"))
    set_price("gpt-4.1", "2", "8")
    run = applied(Filter(include_reported=True)) if include else previewed()
    assert costs() == {"told": Decimal("0.0028" if include else "0.5"), "told-no-price": Decimal("0.5")}
    assert (run.changed, run.reported) == ((1, 1) if include else (0, 2))
    assert disagreements(*DAYS) == []


def test_an_answer_from_the_cache_stays_free_and_avoids_what_it_now_costs() -> None:
    set_price("gpt-4.1", "2", "8")
    record(call(cache_hit=True))
    set_price("gpt-4.1", "20", "80", AT - timedelta(days=1))
    run = applied()
    assert UsageQuarter.objects.get().avoided_usd == Decimal("0.028")
    assert (run.was_usd, run.is_usd) == (Decimal(0), Decimal(0))
    assert disagreements(*DAYS) == []
    reversed_again(run)
    assert UsageQuarter.objects.get().avoided_usd == Decimal("0.0028")


def test_reversing_restores_every_digit() -> None:
    set_price("gpt-4.1", "0.000000001", "3")
    record(*any_usages(random.Random(6), 160, DAYS[0], NOW))
    fold_closed_days(now=NOW)
    before = billed()
    set_price("gpt-4.1", "7", "0.000000007", DAYS[0] - timedelta(days=9))
    run = applied(Filter(include_reported=True))
    assert run.changed > 20
    assert billed() != before
    assert disagreements(*DAYS) == []
    run = reversed_again(run)
    assert (run.state, run.reversed) == ("reversed", run.changed)
    assert billed() == before
    assert disagreements(*DAYS) == []


def test_hours_of_the_running_day_stay_folded_and_right() -> None:
    record(make_usage(NOW - timedelta(hours=4), cost_usd=None), make_usage(NOW - timedelta(hours=3), cost_usd=None))
    fold_closed_days(now=NOW)
    set_price("gpt-4.1", "2", "8")
    folds = DayFold.objects.filter(zone=HOURS).count()
    applied()
    assert DayFold.objects.filter(zone=HOURS).count() == folds >= 2
    assert disagreements(*DAYS) == []


def test_a_fold_that_lacks_a_row_is_made_anew() -> None:
    record(call(), make_usage(NOW - timedelta(hours=4), cost_usd=None))
    fold_closed_days(now=NOW)
    DaySlice.objects.filter(slice=5).delete()
    set_price("gpt-4.1", "2", "8")
    applied()
    assert disagreements(*DAYS) == []
    fold_closed_days(now=NOW)
    assert disagreements(*DAYS) == []


def test_applying_again_finds_nothing() -> None:
    record(call(), call())
    set_price("gpt-4.1", "2", "8")
    run, once = applied(), billed()
    assert rerating.approve(caller=ADMIN, run_id=run.pk).state == "applied"
    work()
    assert billed() == once
    assert previewed().changed == 0


def test_a_later_run_is_reversed_first() -> None:
    record(call())
    set_price("gpt-4.1", "2", "8")
    first = applied()
    set_price("gpt-4.1", "4", "16", AT - timedelta(days=1))
    second = applied()
    with pytest.raises(Conflict, match=rf"reverse {second.pk} \(1 records\) first"):
        rerating.ask_to_reverse(caller=ADMIN, run_id=first.pk)
    reversed_again(second)
    assert reversed_again(first).state == "reversed"
    assert list(costs().values()) == [None]


def test_the_order_of_application_counts_not_that_of_asking() -> None:
    """A run asked for first may be applied last, once others brought its records back to where it found them."""

    def read_foo_as(model: str) -> None:
        for row in LanguageModel.objects.all():
            row.own_aliases = ["foo"] if row.name == model else []
            row.save()

    for usd, model in enumerate(("a", "b", "c"), 1):
        set_price(model, str(usd), str(usd))
    read_foo_as("a")
    record(call(model="foo"))
    before = billed()
    read_foo_as("c")
    first = previewed()
    read_foo_as("b")
    second = applied()
    read_foo_as("a")
    third = applied()
    assert billed() == before
    read_foo_as("c")
    rerating.approve(caller=ADMIN, run_id=first.pk)
    work()
    with pytest.raises(Conflict, match=f"reverse {first.pk} .* first"):
        rerating.ask_to_reverse(caller=ADMIN, run_id=third.pk)
    for run in (first, third, second):
        assert reversed_again(run).state == "reversed"
    assert billed() == before


def test_a_run_that_comes_in_between_stops_a_reversal_which_then_goes_on() -> None:
    record(call())
    set_price("gpt-4.1", "2", "8")
    first = applied()
    set_price("gpt-4.1", "4", "16", AT - timedelta(days=1))
    second = previewed()
    rerating.approve(caller=ADMIN, run_id=second.pk)
    rerating.ask_to_reverse(caller=ADMIN, run_id=first.pk)
    RerateRun.objects.filter(id=first.pk).update(taken_until=timezone.now() + timedelta(minutes=1))
    work()
    RerateRun.objects.filter(id=first.pk).update(taken_until=None)
    work()
    first.refresh_from_db()
    assert (first.state, first.reversed) == ("stopped", 0)
    assert f"Run {second.pk} changed some of these records again" in first.why
    reversed_again(second)
    assert reversed_again(first).state == "reversed"
    assert list(costs().values()) == [None]


def test_prices_that_moved_since_the_preview_stop_the_run() -> None:
    record(call(id="a"), call(id="b", model="o3"))
    set_price("gpt-4.1", "2", "8")
    run = previewed()
    set_price("gpt-4.1", "4", "16", AT - timedelta(days=1))
    rerating.approve(caller=ADMIN, run_id=run.pk)
    work()
    run.refresh_from_db()
    assert (run.state, run.applied) == ("stopped", 0)
    assert "was approved at 0.0028 USD and would now cost 0.0056 USD" in run.why
    assert costs() == {"a": None, "b": None}
    assert rerating.abandon(caller=ADMIN, run_id=run.pk).state == "abandoned"
    work()
    assert not RerateLine.objects.exists()


def test_prices_that_moved_elsewhere_do_not() -> None:
    record(call())
    set_price("gpt-4.1", "2", "8")
    run = previewed()
    set_price("o3", "4", "16")
    rerating.approve(caller=ADMIN, run_id=run.pk)
    work()
    assert list(costs().values()) == [Decimal("0.0028")]


def test_prices_that_move_during_the_preview_begin_it_anew(settings: Any) -> None:
    settings.RERATE_BATCH = 1
    record(call(), call())
    set_price("gpt-4.1", "2", "8")
    run = rerating.ask(caller=ADMIN, wanted=Filter())
    working.work_on_rerates(batches=1)
    set_price("gpt-4.1", "4", "16", AT - timedelta(days=1))
    work()
    run.refresh_from_db()
    assert (run.seen, run.changed, run.is_usd) == (2, 2, Decimal("0.0112"))
    assert run.price_book_version == rate_book.current_version()


def test_a_record_another_run_changed_stops_the_run() -> None:
    record(call())
    set_price("gpt-4.1", "2", "8")
    first, second = previewed(), previewed()
    for run in (first, second):
        rerating.approve(caller=ADMIN, run_id=run.pk)
    work()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("applied", "stopped")
    assert "is billed otherwise now" in second.why
    assert list(costs().values()) == [Decimal("0.0028")]


def test_records_that_retention_drops_are_left_as_they_are() -> None:
    record(call(id="old"), call(id="new", occurred_at=NOW.isoformat()))
    set_price("gpt-4.1", "2", "8")
    run = previewed()
    BooksState.objects.update_or_create(id=1, defaults={"records_from": NOW - timedelta(days=1)})
    rerating.approve(caller=ADMIN, run_id=run.pk)
    work()
    run.refresh_from_db()
    assert (run.state, run.applied, run.gone) == ("applied", 1, 1)
    assert costs() == {"old": None, "new": Decimal("0.0028")}
    again = previewed()
    assert (again.seen, again.dropped_calls) == (1, 1)


@pytest.mark.parametrize("announced_at", [timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)])
def test_hours_that_became_one_row_stay_consistent(announced_at: Any) -> None:
    old = NOW - timedelta(days=50)
    start, end = whole_days(old, 1)
    record(*any_usages(random.Random(7), 120, start, end), now=NOW)
    merge_old_quarters(now=NOW)
    BooksState.objects.update(hours_until_set_at=timezone.now() - timedelta(days=1))
    merge_old_quarters(now=NOW)
    BooksState.objects.update(hours_until_set_at=announced_at)
    fold_closed_days(now=NOW, at_most=100)
    before = billed()
    set_price("gpt-4.1", "2", "8")
    run = applied()
    assert run.applied > 5
    assert disagreements(start, end) == []
    BooksState.objects.update(hours_until_set_at=timezone.now() - timedelta(days=1))
    merge_old_quarters(now=NOW)
    assert disagreements(start, end) == []
    assert not UsageQuarter.objects.exclude(bucket__minute=0).exists()
    reversed_again(run)
    assert billed() == before
    assert disagreements(start, end) == []


def test_what_higher_apps_registered_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Recharge] = []
    monkeypatch.setattr(recharging, "registered", told.extend)
    record(call(id="a", user="ada", tags={"team": "x"}, conversation_id="c"))
    set_price("gpt-4.1", "2", "8")
    run = applied()
    [one] = told
    assert (one.usage_id, one.tags, one.conversation_id) == ("a", {"team": "x"}, "c")
    assert (one.before, one.after) == (None, 2_800_000_000_000)
    told.clear()
    reversed_again(run)
    assert [(one.before, one.after) for one in told] == [(2_800_000_000_000, None)]


def test_demo_projects_are_left_out_unless_chosen() -> None:
    demo = Project.objects.create(name="demo", is_demo=True)
    record(call(project="demo"), call())
    set_price("gpt-4.1", "2", "8")
    assert previewed().changed == 1
    assert previewed(Filter(project_ids=[demo.pk])).changed == 1


def test_whoever_sees_some_projects_reaches_no_others(support: Project, sales: Project) -> None:
    limited = Caller("person", "carol", None, 2, ALL_SCOPES, Role.ADMIN, project_ids=frozenset({support.pk}))
    record(call(project="support"), call(project="sales"))
    everywhere = previewed()
    run = rerating.ask(caller=limited, wanted=Filter())
    assert run.project_ids == [support.pk]
    with pytest.raises(Refused, match="do not see"):
        rerating.ask(caller=limited, wanted=Filter(project_ids=[sales.pk]))
    with pytest.raises(RerateRun.DoesNotExist):
        rerating.approve(caller=limited, run_id=everywhere.pk)
    assert list(rerates.runs_of(limited)) == [run]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Filter(start=NOW, end=NOW), "empty_period"),
        (Filter(name="never sent"), "unknown_model"),
        (Filter(models=["never sent"]), "unknown_model"),
    ],
)
def test_filters_that_mean_nothing_are_refused(wanted: Filter, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        rerating.ask(caller=ADMIN, wanted=wanted)
    assert refusal.value.code == code


def test_the_period_is_half_open() -> None:
    record(call(id="a"), call(id="b", occurred_at=(AT + timedelta(seconds=1)).isoformat()))
    set_price("gpt-4.1", "2", "8")
    for start, end, seen in ((AT, AT + timedelta(seconds=1), 1), (AT + timedelta(seconds=1), None, 1), (None, AT, 0)):
        assert previewed(Filter(start=start, end=end)).seen == seen


def test_names_mean_what_was_sent_and_what_the_book_reads() -> None:
    set_price("gpt-4.1", "2", "8")
    record(call(), call(model="gpt-4.1-2025-04-14"), call(model="o3"), call(provider="azure", model="gpt-4.1"))
    assert previewed(Filter(models=["openai/gpt-4.1"])).seen == 2
    assert previewed(Filter(models=["gpt-4.1"])).seen == 3
    assert previewed(Filter(models=["gpt-4.1"], provider="azure")).seen == 1
    assert previewed(Filter(name="gpt-4.1-2025-04-14")).seen == 1


def test_too_many_records_stop_the_preview(settings: Any) -> None:
    settings.RERATE_MAX_RECORDS = 1
    record(call(), call())
    set_price("gpt-4.1", "2", "8")
    run = previewed()
    assert (run.state, run.applied) == ("stopped", 0)
    assert "more than 1 records" in run.why


def test_a_worker_whose_lease_was_taken_over_does_nothing() -> None:
    record(call())
    set_price("gpt-4.1", "2", "8")
    run = rerating.ask(caller=ADMIN, wanted=Filter())
    assert working._take("first") == run.pk
    assert working.work_on_rerates() is None  # the first still has it
    with connection.cursor() as cursor:
        cursor.execute("UPDATE costs_reraterun SET taken_until = now() - interval '1 second'")
    assert working._take("second") == run.pk
    assert working._batch(run.pk, "first") is False
    run.refresh_from_db()
    assert run.seen == 0
