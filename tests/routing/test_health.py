"""Health: the breaker's table, the sweep over reported usage, what selection and agents are told, retention."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from apps.access.domain.identity import Scope
from apps.access.models import Project, User
from apps.costs.models import UsageRecord
from apps.routing.domain.candidates import Breaker
from apps.routing.domain.health import Seen, State, after, pause_of
from apps.routing.models import Decision, ModelHealth
from apps.routing.selectors import health as selected
from apps.routing.services.health import watch_models
from apps.routing.services.old_decisions import drop_old_decisions
from tests.cast import HeldKey
from tests.costs.posting import call, posted
from tests.routing import acts
from tests.routing.test_decisions import ask

T = datetime(2026, 11, 25, tzinfo=UTC)
OPEN_SINCE = {"closed": None, "open": T, "half_open": T}


def next_breaker(breaker: Breaker, seconds: int, seen: Seen, times_open: int = 1) -> tuple[str, int]:
    moved = after(State(breaker, OPEN_SINCE[breaker], times_open), seen, T + timedelta(seconds=seconds))
    return moved.breaker, moved.times_open


def test_the_breaker() -> None:
    cases: list[tuple[tuple[Any, ...], tuple[str, int]]] = [
        (("closed", 0, Seen(0, 4)), ("closed", 1)),
        (("closed", 0, Seen(5, 5)), ("open", 1)),
        (("closed", 0, Seen(6, 5)), ("closed", 1)),
        (("closed", 0, Seen(99, 0, True)), ("open", 2)),
        (("open", 59, Seen(9, 0)), ("open", 1)),
        (("open", 60, Seen(0, 9)), ("half_open", 1)),
        (("open", 119, Seen(), 2), ("open", 2)),
        (("open", 120, Seen(), 2), ("half_open", 2)),
        (("half_open", 1, Seen(1, 0, last_ok_at=T)), ("half_open", 1)),
        (("half_open", 1, Seen(2, 0, last_ok_at=T)), ("closed", 0)),
        (("half_open", 1, Seen(5, 1)), ("open", 2)),
    ]
    assert [next_breaker(*asked) for asked, _ in cases] == [told for _, told in cases]
    hour = timedelta(hours=1)
    once = after(State("half_open", T, 1, "faults"), Seen(1, last_ok_at=T + hour), T + hour)
    assert once == State("half_open", T, 1, "faults", T + hour)
    assert after(once, Seen(), T + 2 * hour) == once, "the first trial is remembered beyond the window"
    assert after(once, Seen(1, last_ok_at=T + hour), T + 2 * hour) == once
    assert after(once, Seen(1, last_ok_at=T + 3 * hour), T + 3 * hour).breaker == "closed"
    assert after(once, Seen(0, 1), T + 2 * hour).breaker == "open"


def test_the_breaker_of_an_account_without_credit() -> None:
    minute = timedelta(minutes=1)
    own = after(State(), Seen(out_of_credit=True, asked_for_money=True), T)
    other = after(State(), Seen(out_of_credit=True), T)
    assert [(one.breaker, one.cause) for one in (own, other)] == [("open", "out_of_credit"), ("open", "account")]
    paid = Seen(answered_at=T + minute)
    assert [after(one, paid, T + minute).breaker for one in (own, other)] == ["half_open", "closed"]
    assert [after(one, Seen(answered_at=T), T + minute).breaker for one in (own, other)] == ["open", "open"]
    later = T + timedelta(minutes=10)
    tried = after(other, Seen(), later)
    assert (tried.breaker, after(tried, Seen(answered_at=later + minute), later + minute).breaker) == (
        "half_open", "closed",
    )  # fmt: skip
    assert pause_of(State("open", T, 99)) == timedelta(minutes=15)
    assert pause_of(State("open", T, 1, "out_of_credit")) == timedelta(minutes=10)


@pytest.fixture
def key(make_held_key: Any) -> HeldKey:
    acts.published()
    held: HeldKey = make_held_key(Scope.ROUTING_USE, Scope.USAGE_WRITE)
    return held


def failed(model: tuple[str, str], error: str, times: int = 1, **fields: Any) -> list[dict[str, Any]]:
    """Calls that failed ten seconds ago."""
    fields["occurred_at"] = (timezone.now() - timedelta(seconds=10)).isoformat()
    one = call(provider=model[0], model=model[1], status="error", error_type=error, output_tokens=0, **fields)
    return [one] * times


def watch(seconds: int = 0) -> None:
    """Sweep, as if so much later."""
    watch_models(now=timezone.now() + timedelta(seconds=seconds))


def breakers() -> dict[str, str]:
    return dict(ModelHealth.objects.values_list("model", "breaker"))


def test_a_failing_model_is_left_alone_tried_again_and_taken_back(key: HeldKey) -> None:
    tag = key.client.get("/api/routing/config")["ETag"]
    posted(key, failed(acts.MINI, "503", 5) + failed(acts.FULL, "context_length", 9))
    watch()
    assert breakers() == {"openai/gpt-4.1-mini": "open", "openai/gpt-4.1": "closed"}
    told = ask(key.client, message="hi")
    assert (told["model"], told["reason_code"]) == (acts.model(acts.FULL), "left_simple_unhealthy")
    config = key.client.get("/api/routing/config", headers={"If-None-Match": tag})
    healthy = {tier: one["models"][0]["healthy"] for tier, one in config.json()["model_tiers"].items()}
    assert healthy == {"simple": False, "standard": True, "premium": True}
    watch(61)
    assert breakers()["openai/gpt-4.1-mini"] == "half_open"
    codes = {ask(key.client, id=f"try-{number}", message="hi")["reason_code"] for number in range(60)}
    assert codes == {"left_simple_recovering", "tier_of_score"}
    ModelHealth.objects.update(since=timezone.now() - timedelta(seconds=1))
    posted(key, [call(provider=acts.MINI[0], model=acts.MINI[1])] * 2)
    watch()
    assert breakers()["openai/gpt-4.1-mini"] == "closed"
    assert ask(key.client, message="hi")["reason_code"] == "tier_of_score"


def test_out_of_credit_closes_all_models_of_the_account(key: HeldKey) -> None:
    before = (timezone.now() - timedelta(seconds=20)).isoformat()
    posted(key, [call(provider=acts.FULL[0], model=acts.FULL[1], occurred_at=before)])
    posted(key, failed(acts.MINI, "402"))
    watch()
    assert breakers() == {"openai/gpt-4.1-mini": "open", "openai/gpt-4.1": "open"}
    told = ask(key.client, message="hi")
    assert (told["model"], told["reason_code"]) == (acts.model(acts.OPUS), "left_simple_unhealthy")


def test_out_of_credit_closes_models_nobody_called_lately_until_the_account_answers(key: HeldKey) -> None:
    posted(key, failed(acts.MINI, "402"))
    watch()
    assert breakers() == {"openai/gpt-4.1-mini": "open", "openai/gpt-4.1": "open"}
    ModelHealth.objects.update(since=timezone.now() - timedelta(seconds=9))
    posted(key, [call(provider=acts.FULL[0], model=acts.FULL[1])])
    watch()
    assert breakers() == {"openai/gpt-4.1-mini": "half_open", "openai/gpt-4.1": "closed"}


def test_the_last_model_is_never_taken_away(key: HeldKey) -> None:
    policy = acts.document(default_tier="simple")
    policy["tiers"] = policy["tiers"][:1]
    acts.published(policy)
    posted(key, failed(acts.MINI, "timeout", 9))
    watch()
    told = ask(key.client, message="hi")
    assert (told["action"], told["model"], told["reason_code"]) == ("route", acts.model(acts.MINI), "no_feasible_model")


def test_limits_of_the_last_minute(key: HeldKey) -> None:
    policy = acts.document()
    policy["tiers"][0]["models"][0] |= {"limit_requests": 3, "limit_input": 10_000}
    acts.published(policy)
    posted(key, [call(provider=acts.MINI[0], model=acts.MINI[1])] * 9)
    UsageRecord.objects.update(received_at=timezone.now() - timedelta(seconds=70))
    slow, fast = (timezone.now() + timedelta(seconds=apart) for apart in (-70, 70))
    for clock in (slow, fast):
        posted(key, [call(provider=acts.MINI[0], model=acts.MINI[1], occurred_at=clock.isoformat())])
    watch()
    assert ask(key.client, message="hi")["tier"] == "simple"
    assert ask(key.client, message="hi", input_tokens=8_001)["reason_code"] == "left_simple_rate_limited"
    posted(key, [call(provider=acts.MINI[0], model=acts.MINI[1])])
    watch()
    assert ask(key.client, message="hi")["reason_code"] == "left_simple_rate_limited"
    ModelHealth.objects.update(seen_at=timezone.now() - timedelta(seconds=31))
    selected.forget()
    assert ask(key.client, message="hi")["tier"] == "simple", "old sums say nothing of the last minute"


def test_demo_data_moves_no_breaker(key: HeldKey) -> None:
    posted(key, failed(acts.MINI, "503", 9, project="toys"))
    Project.objects.filter(name="toys").update(is_demo=True)
    watch()
    assert breakers() == {}
    Project.objects.filter(name="toys").update(is_demo=False)
    watch()
    assert breakers() == {acts.MINI[1]: "open"}


def test_health_that_says_nothing_is_forgotten(key: HeldKey) -> None:
    posted(key, [call()])
    watch()
    assert len(breakers()) == 1
    watch(400)
    assert breakers() == {}


def test_others_calls_are_not_told_to_people_of_some_projects(
    key: HeldKey, admin_key: HeldKey, carol: User, signed_in: Any, make_held_key: Any, support: Project
) -> None:
    posted(key, failed(("acme", "secret-model"), "secret_error", 3, project="sales"))
    posted(key, failed(acts.MINI, "503", 5, project="sales") + failed(acts.MINI, "429", 1, project="support"))
    watch()
    page = signed_in(carol).get("/routing/providers").content.decode()
    assert ("secret-model" in page, "secret_error" in page, "503 (" in page) == (False, False, False)
    assert ("Failing" in page, "429 (1)" in page) == (True, True)
    bound = make_held_key(Scope.ADMIN, project_id=support.pk).client
    (told,) = bound.get("/api/provider-health").json()["results"]
    assert (told["model"], told["breaker"], told["calls"], told["errors"]) == (acts.MINI[1], "open", 1, {"429": 1})
    whole = admin_key.client.get("/api/provider-health").json()["results"]
    assert [(one["model"], one["calls"]) for one in whole] == [("secret-model", 3), (acts.MINI[1], 6)]


def test_old_decisions_go_by_months(key: HeldKey, settings: Settings) -> None:
    settings.RETENTION_DECISION_DAYS = 40
    for number, moment in enumerate(("2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-11-24T00:00:00Z")):
        ask(key.client, id=f"d{number}")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE routing_decision SET created_at = %s WHERE decision_id = %s", [moment, f"d{number}"])
    # 40 days before 25 November is 16 October: what was decided before October goes.
    assert (drop_old_decisions(now=T), drop_old_decisions(now=T)) == (1, 0)
    assert sorted(Decision.objects.values_list("decision_id", flat=True)) == ["d1", "d2"]
