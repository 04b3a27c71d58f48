"""The unpriced queue: what waits, why, and how a name is said to mean a model."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import ALL_SCOPES, Caller, Role
from apps.access.models import AuditEntry, Project, User
from apps.costs.models import BooksState, LanguageModel, Provider, RerateRun, UsageRecord
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.unpriced import lost_calls, reachable_models, reasons, waiting_names
from apps.costs.services.price_book.aliases import add_alias, remove_alias
from tests.cast import HeldKey
from tests.costs.factories import NOW, make_usage, record
from tests.costs.rerating.steps import ADMIN, applied, set_price, work

pytestmark = pytest.mark.django_db
AT = NOW - timedelta(days=2)


def call(**fields: Any) -> dict[str, Any]:
    return make_usage(AT, **({"cost_usd": None} | fields))


def reason_of(**fields: Any) -> tuple[str, str]:
    record(call(**fields))
    [reason] = reasons(waiting_names(None))
    return reason.code, reason.sentence


def model(name: str) -> int:
    return LanguageModel.objects.get(name=name).pk


def test_what_waits_is_told_by_name_most_calls_first() -> None:
    set_price("gpt-4.1", "2", "8")
    record(call(), call(model="x", project="support", calls=3), call(model="y", input_tokens=7, output_tokens=0))
    record(call(model="x", occurred_at=NOW.isoformat(), project="sales"), call(model="z", cost_usd="1"))
    told = [(one.name, one.records, one.calls, one.tokens, one.projects) for one in waiting_names(None)]
    assert told == [("x", 2, 4, 2200, ("sales", "support")), ("y", 1, 1, 7, ("default",))]
    first = waiting_names(None)[0]
    assert (first.first_at, first.last_at) == (AT, NOW)


def test_only_the_projects_one_sees_and_never_demo_data() -> None:
    Project.objects.create(name="demo", is_demo=True)
    record(call(project="demo"), call(project="support"), call(project="sales"))
    support = Project.objects.get(name="support").pk
    assert [one.projects for one in waiting_names(None)] == [("sales", "support")]
    assert [one.projects for one in waiting_names(frozenset({support}))] == [("support",)]
    assert waiting_names(frozenset()) == []


def test_why_there_is_no_price() -> None:
    assert reason_of(provider="my-gateway")[0] == "unknown_provider"


def test_a_name_no_list_has() -> None:
    set_price("gpt-4.1", "2", "8")
    code, sentence = reason_of(model="gpt-4.1-turbo-large")
    assert code == "another_model"
    assert "“gpt-4.1” is listed" in sentence


def test_a_price_without_the_rate_that_is_needed() -> None:
    set_price("gpt-4.1", "2", None)
    code, sentence = reason_of()
    assert (code, sentence) == ("rate_missing", "The price of openai/gpt-4.1 has no rate for input or output tokens.")


def test_a_price_that_begins_too_late() -> None:
    set_price("gpt-4.1", "2", "8", NOW)
    assert reason_of()[0] == "no_price_at_that_time"


def test_a_price_that_came_meanwhile() -> None:
    record(call(), call(occurred_at=NOW.isoformat()))
    set_price("gpt-4.1", "2", "8", NOW - timedelta(hours=1))
    [reason] = reasons(waiting_names(None))
    assert (reason.code, reason.has_price) == ("has_price", True)
    assert reason.sentence == "It has a price by now, as openai/gpt-4.1. It holds for a part of these calls only."


def test_calls_whose_records_are_gone_are_told_apart() -> None:
    record(call(calls=5), call(occurred_at=NOW.isoformat()))
    BooksState.objects.update_or_create(id=1, defaults={"records_from": NOW - timedelta(days=1)})
    assert [one.calls for one in waiting_names(None)] == [1]
    assert lost_calls(None) == 5


def test_a_name_is_said_to_mean_a_model_and_what_waits_is_rerated() -> None:
    set_price("gpt-4.1", "2", "8")
    record(call(model="Our-GPT"))
    add_alias(caller=ADMIN, provider="openai", name="Our-GPT ", model_id=model("gpt-4.1"))
    [reason] = reasons(waiting_names(None))
    assert reason.has_price
    applied()
    assert UsageRecord.objects.get().cost_usd == Decimal("0.0028")
    assert waiting_names(None) == []
    remove_alias(caller=ADMIN, model_id=model("gpt-4.1"), name="our-gpt")
    assert current_rate_book().lookup("openai", "our-gpt", NOW) is None
    assert UsageRecord.objects.get().cost_usd == Decimal("0.0028")
    actions = AuditEntry.objects.filter(action__startswith="price_alias").order_by("id").values_list("action", "before")
    assert list(actions) == [("price_alias.added", None), ("price_alias.removed", {"name": "our-gpt"})]


def test_saying_it_twice_is_once() -> None:
    set_price("gpt-4.1", "2", "8")
    for _ in range(2):
        add_alias(caller=ADMIN, provider="openai", name="x", model_id=model("gpt-4.1"))
    assert LanguageModel.objects.get().own_aliases == ["x"]
    assert AuditEntry.objects.count() == 1


def test_a_reseller_reaches_the_models_it_resells() -> None:
    set_price("gpt-4.1", "2", "8")
    Provider.objects.create(id="azure", name="Azure", resells=["openai"])
    assert [str(one) for one in reachable_models("azure", "dep")] == ["openai/gpt-4.1"]
    assert reachable_models("elsewhere", "dep") == []
    add_alias(caller=ADMIN, provider="azure", name="dep", model_id=model("gpt-4.1"))
    found = current_rate_book().lookup("azure", "dep", NOW)
    assert found is not None
    assert found.model == "gpt-4.1"


def test_no_name_is_taken_from_another_model() -> None:
    set_price("gpt-4.1", "2", "8")
    set_price("o3", "1", "1")
    add_alias(caller=ADMIN, provider="openai", name="mine", model_id=model("o3"))
    for name in ("o3", "mine", "o3-2025-01-01"):
        with pytest.raises(Conflict, match="means openai/o3 already"):
            add_alias(caller=ADMIN, provider="openai", name=name, model_id=model("gpt-4.1"))
    assert LanguageModel.objects.get(name="gpt-4.1").own_aliases == []


def test_a_provider_that_does_not_sell_the_model_is_refused() -> None:
    set_price("gpt-4.1", "2", "8")
    with pytest.raises(Refused) as refusal:
        add_alias(caller=ADMIN, provider="my-gateway", name="x", model_id=model("gpt-4.1"))
    assert refusal.value.code == "not_sold"


def test_whoever_is_limited_to_projects_names_nothing(support: Project) -> None:
    set_price("gpt-4.1", "2", "8")
    limited = Caller("person", "carol", None, 2, ALL_SCOPES, Role.ADMIN, project_ids=frozenset({support.pk}))
    with pytest.raises(NotAllowed):
        add_alias(caller=limited, provider="openai", name="x", model_id=model("gpt-4.1"))


def test_the_page_leads_from_a_name_to_its_price(bob: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(bob)
    assert "Every call has a price" in client.get("/prices/unpriced").content.decode()
    set_price("gpt-4.1", "2", "8")
    record(call(model="our gpt"))
    text = client.get("/prices/unpriced").content.decode()
    assert "1 call waits for a price" in text
    assert "/prices/new?provider=openai&amp;name=our+gpt&amp;from=2026-11-16" in text
    same = "/prices/unpriced/same?provider=openai&name=our+gpt"
    assert same.replace("&", "&amp;") in text
    assert client.post(same, {"model": "openai/nothing"}).status_code == 422
    assert client.post(same, {"model": "openai/gpt-4.1"}).status_code == 303
    text = client.get("/prices/unpriced").content.decode()
    assert "our gpt now means openai/gpt-4.1" in text
    assert "Re-rate what waits" in text
    asked = client.post("/prices/rerates/new", {"provider": "openai", "name": "our gpt", "unpriced": "1"})
    run = RerateRun.objects.get()
    assert asked["Location"] == f"/prices/rerates/{run.pk}"
    work()
    assert "Approve: change 1 record, +$0.0028" in client.get(asked["Location"]).content.decode()
    gone = {"model": model("gpt-4.1"), "name": "our gpt"}
    assert client.post("/prices/unpriced/forget", gone).status_code == 303
    assert client.post("/prices/unpriced/forget", gone).status_code == 404


def test_readers_see_the_queue_without_its_acts(ann: User, signed_in: Callable[[User], Client]) -> None:
    record(call())
    text = signed_in(ann).get("/prices/unpriced").content.decode()
    assert "gpt-4.1" in text
    assert "Give it a price" not in text


def test_the_api_tells_the_same_and_can_do_the_same(admin_key: HeldKey) -> None:
    set_price("gpt-4.1", "2", "8")
    record(call(model="our-gpt"))
    told = admin_key.client.get("/api/unpriced").json()
    [row] = told["results"]
    assert (row["name"], row["calls"], row["input_tokens"], row["reason_code"]) == ("our-gpt", 1, 1000, "not_listed")
    body = {"provider": "openai", "name": "our-gpt", "model_provider": "openai", "model": "gpt-4.1"}
    said = admin_key.client.post("/api/unpriced/names", body, "application/json").json()
    assert said == {"results": [{"provider": "openai", "name": "our-gpt", "model": "gpt-4.1"}]}
    assert admin_key.client.get("/api/unpriced").json()["results"][0]["reason_code"] == "has_price"
    assert admin_key.client.delete("/api/unpriced/names", body, "application/json").json()["results"] == []
    assert admin_key.client.delete("/api/unpriced/names", body, "application/json").status_code == 422
