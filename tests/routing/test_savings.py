"""Savings against a declared baseline: what counts on which side, that days follow their usage, and who may declare."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.access.domain.errors import Conflict, Refused
from apps.access.models import User
from apps.costs.models import Sweep
from apps.costs.selectors.metrics import BadQuery, UsageQuery
from apps.routing import tasks
from apps.routing.domain.baselines import BadBaseline, read_models, spread, written_models
from apps.routing.domain.candidates import Quality
from apps.routing.domain.predicting import compared, predicted
from apps.routing.domain.saved_share import Share, share_saved
from apps.routing.models import SavingsDay, SavingsSlice, SavingsSum, SwitchSum
from apps.routing.selectors.savings import NO_BASELINE, Savings, savings_of
from apps.routing.services.savings.declaring import Wanted, declare, withdraw
from apps.routing.services.savings.sweeping import derive_due_days
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, posted
from tests.routing import acts
from tests.routing.acts import FULL, MINI, OPUS
from tests.routing.test_decisions import ask

MINI_USD, FULL_USD = Decimal("0.00056"), Decimal("0.0028")
"""1,000 tokens in and 100 out."""


@pytest.fixture
def owner(alice: User, writer: HeldKey) -> User:
    acts.published()
    return alice


def used(model: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return call(provider=model[0], model=model[1], **{"role": "chat", "task_type": "code", **fields})


def saved(*group_by: str, days: int = 1, filters: Any = None, **fields: Any) -> Savings:
    now = timezone.now()
    start = datetime.combine(now.date(), datetime.min.time(), tzinfo=now.tzinfo) - timedelta(days=days - 1)
    return savings_of(UsageQuery(start, now + timedelta(days=1), filters=filters or {}, **fields), group_by)


def test_what_counts_on_which_side(owner: User, writer: HeldKey) -> None:
    acts.baseline(owner, roles={"utility": MINI})
    posted(
        writer,
        [
            used(MINI),  # 0.00056 paid, 0.0028 there
            used(FULL),  # the baseline's own
            used(MINI, status="error"),  # waste: nothing there
            used(MINI, role="utility"),  # its own in this role
            call(provider=MINI[0], model=MINI[1], task_type="judge"),  # overhead
            used(MINI, operation="embeddings"),
            used(MINI, cache_hit=True),
            call(provider="acme", model="unknown"),
            call(operation="execute_tool", tool="search", cost_usd="1", provider=None, model=None, input_tokens=None,
                 output_tokens=None),
        ],
    )  # fmt: skip
    tasks.derive_savings()
    found = saved()
    told = found.whole
    assert (told.calls, told.compared_calls) == (8, 7), "a call without a price is in neither"
    assert told.paid_usd == MINI_USD * 5 + FULL_USD
    assert told.repriced_usd == FULL_USD * 2 + MINI_USD * 2
    assert (told.waste_usd, told.overhead_usd, told.cache_usd) == (MINI_USD, MINI_USD, Decimal(0))
    assert told.saved_usd == FULL_USD - MINI_USD * 3
    assert found.words == "openrouter/openai/gpt-4.1, openrouter/openai/gpt-4.1-mini for utility"
    assert {row.values[0]: row.saved.saved_usd for row in saved("status").rows} == {
        "ok": FULL_USD - MINI_USD * 2, "error": -MINI_USD,
    }  # fmt: skip
    assert saved(filters={"model": (MINI[1],)}).whole.paid_usd == MINI_USD * 5
    assert saved(filters={"project": ("nowhere",)}).whole.calls == 0
    assert Sweep.objects.get(name="savings").words == "1 day compared with the baseline, 0 left"


def test_a_cache_that_a_switch_lost_is_the_baselines(owner: User, writer: HeldKey) -> None:
    acts.baseline(owner, days=1)
    now = timezone.now().replace(microsecond=0)
    chat = {"conversation_id": "c1", "input_tokens": 10_000}
    posted(
        writer,
        [
            used(FULL, occurred_at=(now - timedelta(seconds=90)).isoformat(), latency_ms=900, **chat),
            used(MINI, occurred_at=(now - timedelta(seconds=60)).isoformat(), latency_ms=400, **chat),
            used(MINI, occurred_at=(now - timedelta(seconds=30)).isoformat(), latency_ms=600, status="error", **chat),
        ],
    )
    derive_due_days(now=timezone.now())
    told = saved(days=2).whole
    # 10,000 tokens the baseline would have read from its cache: 2 - 0.5 per million.
    assert told.cache_usd == Decimal("0.015")
    assert told.repriced_usd == Decimal("0.0208") * 2
    assert told.waste_usd == Decimal("0.00416")
    switch = SwitchSum.objects.get()
    assert (switch.switches, switch.before_calls, switch.after_calls, switch.after_errors) == (1, 1, 2, 1)
    assert (switch.before_latency_ms, switch.after_latency_ms, switch.lost_tokens) == (900, 1000, 10_000)
    assert (switch.before_usd, switch.after_usd) == (Decimal("0.0208"), Decimal("0.00832"))
    assert switch.lost_usd == Decimal("0.003"), "0.4 - 0.1 per million, at the model that was taken"


def test_days_follow_their_usage_and_their_baseline(owner: User, writer: HeldKey, settings: Any) -> None:
    settings.SAVINGS_TODAY_SECONDS = 0
    now = timezone.now()
    yesterday = (now - timedelta(days=1)).replace(hour=12, minute=0).isoformat()
    posted(writer, [used(MINI), used(MINI, occurred_at=yesterday)])
    assert derive_due_days(now=now).derived == 2
    assert (saved(days=2).why, SavingsSum.objects.count()) == (NO_BASELINE, 0)
    first = acts.baseline(owner, days=1)
    assert derive_due_days(now=now).derived == 2
    assert derive_due_days(now=now).derived == 0, "nothing changed"
    assert saved(days=2).whole.saved_usd == (FULL_USD - MINI_USD) * 2
    posted(writer, [used(MINI, occurred_at=yesterday)])
    assert derive_due_days(now=now).derived == 1, "a late call"
    assert saved(days=2).whole.saved_usd == (FULL_USD - MINI_USD) * 3
    dearer = acts.baseline(owner, OPUS)
    assert derive_due_days(now=now).derived == 1, "today only"
    opus_usd = Decimal("0.006")
    found = saved(days=2)
    assert found.whole.saved_usd == (FULL_USD - MINI_USD) * 2 + opus_usd - MINI_USD
    assert [one.id for one in found.baselines] == [dearer, first]
    withdraw(caller=owner.caller(), baseline_id=dearer, now=now)
    derive_due_days(now=now)
    assert saved(days=2).whole.saved_usd == (FULL_USD - MINI_USD) * 3
    total = sum((row.repriced_usd for row in SavingsSlice.objects.filter(dimension=1, project_id=0)), Decimal(0))
    assert total == sum((row.repriced_usd for row in SavingsSum.objects.all()), Decimal(0)) == FULL_USD * 3
    with pytest.raises(Conflict):
        withdraw(caller=owner.caller(), baseline_id=dearer, now=now)


def test_a_policy_version_is_a_baseline_for_what_it_decided(owner: User, writer: HeldKey, admin_key: HeldKey) -> None:
    told = ask(admin_key.client, id="d1", message="hi")
    assert told["tier"] == "simple"
    posted(admin_key, [used(MINI, decision_id="d1"), used(MINI)])
    dear = acts.document()
    dear["tiers"] = dear["tiers"][1:]
    acts.published(dear)
    wanted = Wanted(timezone.now().date(), policy_version=2)
    declare(caller=owner.caller(), wanted=wanted, now=timezone.now())
    derive_due_days(now=timezone.now())
    whole = saved().whole
    assert (whole.repriced_usd, whole.paid_usd) == (FULL_USD + MINI_USD, MINI_USD * 2), "what was not asked for stays"


def test_an_answer_given_up_for_another_model_is_waste(owner: User, admin_key: HeldKey, signed_in: Any) -> None:
    acts.baseline(owner)
    ask(admin_key.client, id="d1", message="hi", conversation_id="c")
    failed = [{"provider": "OpenRouter_AI", "name": MINI[1], "error_type": "wrong"}]
    second = ask(admin_key.client, id="d2", message="hi", conversation_id="c", failed_attempts=failed)
    assert second["reason_code"] == "escalated_from_simple"
    posted(admin_key, [used(MINI, decision_id="d1"), used(FULL, decision_id="d2")])
    derive_due_days(now=timezone.now())
    whole = saved().whole
    assert (whole.saved_usd, whole.waste_usd) == (-MINI_USD, MINI_USD), "the ladder cost more than starting above"
    rows = b"".join(signed_in(owner).get("/routing/savings.csv").streaming_content).decode().splitlines()
    assert rows[1].split(",")[11] == "-0.00056", "a number, no text, also below zero"


def test_declarations(owner: User, bob: User) -> None:
    tomorrow = timezone.now().date() + timedelta(days=1)
    today = timezone.now().date()
    for wanted, code in (
        (Wanted(tomorrow, {"": FULL}), "future"),
        (Wanted(today), "model_or_version"),
        (Wanted(today, {"": FULL}, policy_version=1), "model_or_version"),
        (Wanted(today, {"": ("acme", "x")}), "unpriced"),
        (Wanted(today, policy_version=9), "no_such_version"),
    ):
        with pytest.raises(Refused) as refused:
            declare(caller=owner.caller(), wanted=wanted, now=timezone.now())
        assert refused.value.code == code
    models = read_models("openrouter/openai/gpt-4.1", "utility = openai/gpt-4.1\n\n browser=acme/x ")
    assert models == {"": FULL, "utility": ("openai", "gpt-4.1"), "browser": ("acme", "x")}
    assert read_models(*written_models(models)) == models
    for main, roles in (("gpt-4.1", ""), ("a/b", "chat"), ("a/b", "x = y"), ("a/b", "x = a/b\nx = a/b")):
        with pytest.raises(BadBaseline):
            read_models(main, roles)
    assert spread(Decimal("36.5"), timedelta(days=1)) == Decimal("1.2")


def test_only_whole_days_and_known_dimensions(owner: User, writer: HeldKey, settings: Any) -> None:
    acts.baseline(owner, monthly_usd=Decimal("36.5"), days=1)
    posted(writer, [used(MINI, user="ann")])
    now = timezone.now()
    derive_due_days(now=now)
    midnight = datetime.combine(now.date(), datetime.min.time(), tzinfo=now.tzinfo)
    query = UsageQuery(midnight - timedelta(days=1), midnight + timedelta(days=1))
    found = savings_of(query, edges=[query.start, midnight, query.end])
    assert [(row.bucket, row.saved.calls) for row in found.rows] == [(midnight, 1)]
    assert found.running_usd is not None
    assert Decimal("1.2") <= found.running_usd < Decimal("2.4"), "a whole day, and what is over of today"
    assert found.saved_usd == found.whole.saved_usd - found.running_usd
    cut = savings_of(query, edges=[query.start, midnight + timedelta(hours=1), query.end])
    assert "kept by days" in cut.why
    assert savings_of(UsageQuery(midnight + timedelta(minutes=1), query.end)).days == 0
    with pytest.raises(BadQuery, match="not kept by user"):
        savings_of(query, ("user",))
    limited = savings_of(UsageQuery(query.start, query.end, project_ids=frozenset()))
    assert (limited.whole.calls, limited.running_usd) == (0, None)


def test_the_api_tells_it(owner: User, writer: HeldKey, reader: HeldKey) -> None:
    url = "/api/metrics/efficiency"
    assert reader.client.get(url).json()["saving_unanswered"]["message"] == NO_BASELINE
    acts.baseline(owner)
    posted(writer, [used(MINI), used(FULL)])
    derive_due_days(now=timezone.now())
    today = timezone.now().date()
    day = {"from": f"{today}T00:00:00Z", "to": f"{today + timedelta(days=1)}T00:00:00Z"}
    told = reader.client.get(url, {**day, "group_by": "model"}).json()
    saving = told["totals"]["saving"]
    assert (saving["saved_usd"], saving["saved_share"], saving["coverage"]) == ("0.00224", "0.400000", "1.000000")
    assert (saving["baseline"], saving["days"], saving["saved_share_low"]) == ("openrouter/openai/gpt-4.1", 1, None)
    by_model = {row["model"]: row["saving"]["saved_usd"] for row in told["results"]}
    assert by_model == {MINI[1]: "0.00224", FULL[1]: "0.00"}
    assert told["saving_unanswered"] is None
    asked = reader.client.get(url, {**day, "group_by": "user"}).json()
    assert (asked["totals"]["saving"], asked["saving_unanswered"]["path"]) == (None, "group_by")
    assert SavingsDay.objects.count() == 1


def test_the_pages_show_it_with_the_quality_beside(
    owner: User, writer: HeldKey, signed_in: Any, carol: User, settings: Any
) -> None:
    browser = signed_in(owner)
    posted(writer, [used(MINI, project="sales"), used(FULL, project="sales")])
    assert "no baseline is declared" in (overview := browser.get("/").content.decode())
    assert "declare yours" in overview
    assert "Nothing to save against yet" in browser.get("/routing/savings").content.decode()
    wrong = browser.post("/routing/baselines", acts.baseline_form(model="acme/x"))
    assert (wrong.status_code, "no price for acme/x" in wrong.content.decode()) == (422, True)
    both = browser.post("/routing/baselines", acts.baseline_form(policy_version="1"))
    assert (both.status_code, "not both" in both.content.decode()) == (422, True)
    assert browser.post("/routing/baselines", acts.baseline_form(monthly_usd="0")).status_code == 303
    assert "openrouter/openai/gpt-4.1" in browser.get("/routing/baselines").content.decode()
    assert "not compared yet" in browser.get("/").content.decode()
    derive_due_days(now=timezone.now())
    overview = browser.get("/").content.decode()
    assert '<dd class="value" title="$0.00224">$0.0022</dd>' in overview
    assert "quality there unknown" in overview
    page = browser.get("/routing/savings").content.decode()
    for words in ("fewer than 20 judged tasks", "too few for an interval", "2 of 2 calls", "sales"):
        assert words in page
    rows = b"".join(browser.get("/routing/savings.csv?table=model").streaming_content).decode().splitlines()
    assert [row.split(",")[3] for row in rows] == ["model", FULL[1], MINI[1]]
    assert rows[2].split(",")[6:13] == ["0.00056", "0.00", "0.00", "0.0028", "0.00", "0.0028", "0.00224"]
    by_day = b"".join(browser.get("/routing/savings.csv").streaming_content).decode().splitlines()
    assert len(by_day) == 2
    limited = signed_in(carol).get("/routing/savings").content.decode()
    assert ("sales" in limited, "0 of 0 calls" in limited) == (False, True)
    assert signed_in(carol).get("/routing/baselines").status_code == 403


def test_the_api_declares_and_withdraws(owner: User, admin_key: HeldKey) -> None:
    told = admin_key.client.post("/api/baselines", {"model": "/".join(FULL), "monthly_usd": "1.5"}, JSON).json()
    assert (told["words"], told["monthly_usd"], told["withdrawn_at"]) == ("openrouter/openai/gpt-4.1", "1.50", None)
    assert admin_key.client.post(f"/api/baselines/{told['id']}/withdraw").status_code == 200
    assert admin_key.client.post(f"/api/baselines/{told['id']}/withdraw").status_code == 409
    (row,) = admin_key.client.get("/api/baselines").json()["results"]
    assert row["withdrawn_by"] != ""
    assert admin_key.client.post("/api/baselines", {"model": "x"}, JSON).status_code == 422


def test_the_success_to_be_expected() -> None:
    known = {"a": Quality(0.9, 0.85, 100), "b": Quality(0.8, 0.7, 40), "few": Quality(0.9, 0.5, 19)}
    found = predicted({"a": 30, "b": 10, "few": 10, "none": 0}, known)
    assert found is not None
    assert (found.mean, found.n, found.coverage) == (Decimal("0.8750"), 140, Decimal("0.8000"))
    assert found.low < Decimal("0.83") < found.mean < found.high < Decimal("0.93")
    assert predicted({"few": 3}, known) is None
    same = compared({("a", "a"): 9}, known)
    assert same is not None
    assert not any((same.difference, same.low, same.high)), "the same estimate on both sides is no doubt"
    worse = compared({("a", "b"): 5, ("b", "b"): 5, ("a", "few"): 90}, known)
    assert worse is not None
    assert (worse.difference, worse.before.coverage, worse.is_sure) == (Decimal("-0.0500"), Decimal("0.1000"), False)
    assert compared({("a", "few"): 1}, known) is None


def test_an_interval_needs_a_week() -> None:
    assert share_saved([(1, 2)] * 6) == Share(Decimal("0.5000"), None, None, 6)
    week = share_saved([(1, 2)] * 7)
    assert week == Share(Decimal("0.5000"), Decimal("0.5000"), Decimal("0.5000"), 7)
    mixed = share_saved([(1, 2), (2, 2)] * 10)
    assert mixed is not None
    assert mixed.low is not None
    assert mixed.high is not None
    assert mixed.low < mixed.value < mixed.high
    assert share_saved([(1, 0)]) is None


def test_the_interval_holds_the_truth_of_made_up_weeks() -> None:
    dice, held = random.Random(0), 0
    for _ in range(300):
        there = [dice.lognormvariate(10, 0.6) for _ in range(7)]
        found = share_saved([(int(usd * dice.betavariate(6, 4) * 1000), int(usd * 1000)) for usd in there])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= Decimal("0.4") <= found.high
    assert 0.92 <= held / 300 <= 0.98


def test_kept_savings_are_proved_and_repaired(owner: User, writer: HeldKey) -> None:
    acts.baseline(owner, days=3)
    days = [(timezone.now() - timedelta(days=day)).replace(hour=12).isoformat() for day in (1, 2)]
    posted(writer, [used(MINI, occurred_at=day, project=project) for day in days for project in ("support", "sales")])
    derive_due_days(now=timezone.now())

    def verified(**options: Any) -> str:
        out = StringIO()
        call_command("verify_savings", stdout=out, **options)
        return out.getvalue()

    assert verified() == "Savings equal the records on 3 days: 0 differences.\n"
    wrong = SavingsSum.objects.order_by("-bucket", "cell_id").first()
    assert wrong is not None
    SavingsSum.objects.filter(bucket=wrong.bucket, cell_id=wrong.cell_id).update(paid_usd=Decimal("0.001"))
    SavingsSlice.objects.filter(bucket=wrong.bucket, dimension=2, project_id=0).delete()
    with pytest.raises(CommandError, match=r"differences on 1 of 3 days, derived again"):
        verified(repair=True)
    assert "0 differences" in verified()
    out = StringIO()
    SavingsSum.objects.filter(bucket=wrong.bucket, cell_id=wrong.cell_id).update(paid_usd=Decimal("0.001"))
    with pytest.raises(CommandError):
        call_command("verify_savings", stdout=out, days=1)
    assert f"cell {wrong.cell_id}: paid_usd 0.001000000000000 instead of 0.000560000000000" in out.getvalue()
