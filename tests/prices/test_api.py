"""The price book over the API: what the pages do, with dry runs, doubts, the book that was seen, and undo."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.access.domain.identity import Scope
from apps.access.models import AuditEntry, Project
from apps.costs.models import LanguageModel, OwnPrice, Price
from tests.cast import HeldKey
from tests.costs.lists import acts as lists
from tests.prices import acts
from tests.usage import call, report

pytestmark = pytest.mark.django_db
Send = Callable[..., Any]
NOW = datetime.now(UTC)
TIERED = {
    "rates": {
        "input_tokens": {"base": "1.25", "above": [[200_000, "2.50"]]},
        "output_tokens": "10.00",
        "web_searches": "14.00",
    },
    "service_tiers": {"batch": {"multiplier": "0.5", "rates": {}}},
    "windows": [{"start": "16:30", "end": "00:30", "rates": {"output_tokens": "5.00"}}],
}


@pytest.fixture
def send(make_held_key: Callable[..., HeldKey]) -> Send:
    client = make_held_key(Scope.ADMIN).client

    def send(method: str, path: str, status: int, **body: Any) -> Any:
        answer = client.generic(method, path, json.dumps(body), content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json()

    return send


def test_an_own_price_from_the_dry_run_to_undo(send: Send) -> None:
    named = acts.named(acts.model())
    report(
        [call(NOW - timedelta(hours=1), model="gpt-4.1", cost_usd=None, input_tokens=1_000_000, output_tokens=0)],
        now=NOW,
    )
    body = {**named, **TIERED, "note": "contract 7"}
    looked = send("POST", "/api/prices", 200, **body, dry_run=True)
    assert looked["preview"]["effect"]["records"] == 1
    assert looked["preview"]["effect"]["after_usd"] == "2.50"
    assert not OwnPrice.objects.exists()
    done = send("POST", "/api/prices", 201, **body, book_version=looked["book_version"])
    assert done["change"]["words"].startswith("Own price of openai/gpt-4.1")
    stale = send("POST", "/api/prices", 409, **body, book_version=looked["book_version"])
    assert stale["errors"][0]["code"] == "changed_meanwhile"
    [model] = send("GET", "/api/models?provider=OpenAI&q=gpt-4.1", 200)["results"]
    told = {name: model["price"][name] for name in TIERED}
    assert told == TIERED
    assert model["price"]["source"] == "own"
    [now] = [one for one in send("GET", f"/api/models/{model['id']}", 200)["history"] if one["is_now"]]
    assert (now["note"], now["price"]["id"]) == ("contract 7", model["price"]["id"])
    send("POST", f"/api/prices/changes/{done['change']['id']}/undo", 201)
    assert (
        send("POST", f"/api/prices/changes/{done['change']['id']}/undo", 409)["errors"][0]["code"] == "undone_already"
    )
    acted = [one["act"] for one in send("GET", "/api/prices/changes", 200)["results"]]
    assert acted == ["price.undone", "price.set"]
    assert not OwnPrice.objects.exists()


def test_a_price_that_was_told_can_be_sent_again(send: Send) -> None:
    acts.model()
    for row in send("GET", "/api/prices?page_size=200", 200)["results"]:
        body = {name: row[name] for name in ("provider", "model", *TIERED)}
        answer = send("POST", "/api/prices", 200, **body, dry_run=True, sure=True)
        assert [one for one in answer["preview"]["units"] if one["was"] != one["will_be"]] == [], row["model"]


def test_rates_that_look_wrong_are_asked_about(send: Send) -> None:
    body = {**acts.named(acts.model()), "rates": {"input_tokens": "0.000002", "output_tokens": "0.000008"}}
    looked = send("POST", "/api/prices", 200, **body, dry_run=True)
    assert {one["unit"] for one in looked["preview"]["doubts"]} == {"input_tokens", "output_tokens"}
    assert send("POST", "/api/prices", 422, **body)["errors"][0]["code"] == "doubtful"
    assert not OwnPrice.objects.exists()
    send("POST", "/api/prices", 201, **body, sure=True)
    assert OwnPrice.objects.count() == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"rates": {"input_tokens": 3}}, "rates"),
    ({"rates": {"input_tokens": "-3"}}, "rates"),
    ({"rates": {"input_tokens": "1e3"}}, "rates"),
    ({"rates": {"input_tokens": "0.0000000001"}}, "rates"),
    ({"rates": {"input_tokns": "3"}}, "rates"),
    ({"rates": {"reasoning_input_tokens": "3"}}, "rates"),
    ({"rates": {"input_tokens": {"base": "1", "above": [[9, "2"], [8, "3"]]}}}, "rates"),
    ({"rates": {"input_tokens": {"base": "1", "above": []}}}, "rates"),
    ({"rates": {"input_tokens": {"base": "1", "above": [[True, "2"]]}}}, "rates"),
    ({"rates": {"input_tokens": {"base": "1"}}}, "rates"),
    ({"rates": ["3"]}, "rates"),
    ({"rates": {}}, "input"),
    ({"rates": {"cache_read_input_tokens": "1"}}, "input"),
    ({"service_tiers": {"cheap": {"multiplier": "0.5"}}}, "service_tiers"),
    ({"service_tiers": {"batch": {"multiplier": 0.5}}}, "service_tiers.batch.multiplier"),
    ({"windows": [{"start": "25:00", "end": "01:00", "rates": {}}]}, "windows.0.start"),
    ({"model": "nothing"}, "model"),
    ({"effective_until": "2020-01-01T00:00:00Z"}, "until"),
]


def test_what_is_no_price_is_refused_by_name(send: Send) -> None:
    good = acts.sent()
    seen = []
    for wrong, _ in REFUSED:
        answer = send("POST", "/api/prices", 422, **good | wrong)
        seen.append((wrong, answer["errors"][0]["path"]))
    assert seen == REFUSED
    assert not OwnPrice.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="price.").exists()


def test_a_model_no_list_has(send: Send) -> None:
    acts.model()
    body = {"provider": "Acme", "model": "m-1", "rates": {"input_tokens": "1.00", "output_tokens": "2.00"}}
    assert send("POST", "/api/models", 200, **body, dry_run=True)["model"] is None
    assert not LanguageModel.objects.filter(name="m-1").exists()
    made = send("POST", "/api/models", 201, **body)["model"]
    assert (made["provider"], made["price"]["rates"]) == ("acme", body["rates"])
    assert send("POST", "/api/models", 409, **body)["errors"][0]["code"] == "exists"
    ended = send("POST", "/api/prices/end", 201, provider="acme", model="m-1")
    assert ended["preview"]["typical_call"]["will_be_usd"] is None
    assert send("POST", "/api/prices/end", 200, provider="acme", model="m-1")["change"] is None


def test_a_file_of_prices(send: Send) -> None:
    acts.model()
    good = "provider,model,input,output\nopenai,gpt-4.1,3,9\n"
    bad = good + "openai,nothing,1,2\n"
    looked = send("POST", "/api/prices/import", 200, csv=bad, dry_run=True)
    assert [one["line"] for one in looked["errors"]] == [3]
    assert send("POST", "/api/prices/import", 422, csv=bad)["errors"][0]["code"] == "bad_line"
    assert not OwnPrice.objects.exists()
    assert send("POST", "/api/prices/import", 201, csv=good)["counts"]["added"] == 1
    assert send("POST", "/api/prices/import", 200, csv=good)["change"] is None


def test_discounts_and_subscriptions(send: Send) -> None:
    acts.model()
    report(
        [call(NOW - timedelta(hours=1), model="gpt-4.1", cost_usd=None, input_tokens=1_000_000, output_tokens=0)],
        now=NOW,
    )
    discount = {"provider": "openai", "percent": "-50", "note": "deal"}
    looked = send("POST", "/api/adjustments", 200, **discount, dry_run=True)["effect"]
    assert float(looked["after_usd"]) * 2 == float(looked["before_usd"]) > 0
    send("POST", "/api/adjustments", 201, **discount)
    assert send("POST", "/api/adjustments", 409, **discount)["errors"][0]["code"] == "overlaps"
    [row] = send("GET", "/api/adjustments", 200)["results"]
    assert (row["percent"], row["state"], row["model"], row["note"]) == ("-50", "runs", None, "deal")
    send("POST", f"/api/adjustments/{row['id']}/end", 201)
    fee = {"provider": "openai", "name": "Team", "fee_usd": "30", "every": "month", "models": ["gpt-4.1"]}
    assert send("POST", "/api/subscriptions", 200, **fee, dry_run=True)["effect"]["after_usd"] == "0.00"
    send("POST", "/api/subscriptions", 201, **fee)
    [row] = send("GET", "/api/subscriptions", 200)["results"]
    assert (row["models"], row["fee_usd"], row["state"]) == (["gpt-4.1"], "30.00", "runs")
    today = datetime.now(UTC).date()
    assert send("POST", f"/api/subscriptions/{row['id']}/end", 201)["change"]["words"].endswith(str(today))
    assert send("POST", "/api/adjustments/987654321/end", 404)["status"] == 404


def test_the_public_lists(send: Send) -> None:
    change_id = lists.waiting()
    told = send("GET", "/api/price-lists", 200)
    assert [one["source"] for one in told["lists"]] == ["genai-prices", "litellm"]
    assert told["counts"]["quarantined"] == 1
    [waiting] = send("GET", "/api/price-lists/changes?state=quarantined", 200)["results"]
    assert waiting["id"] == change_id
    assert any(one["was"] != one["will_be"] for one in waiting["rates"])
    assert send("GET", "/api/price-lists/changes?state=odd", 422)
    assert send("POST", f"/api/price-lists/changes/{change_id}/accept", 200)["state"] == "accepted"
    before = Price.objects.count()
    assert sum(send("POST", "/api/price-lists/apply", 200).values()) == Price.objects.count() - before > 0
    send("POST", "/api/price-lists/check", 202)
    assert send("POST", "/api/price-lists/check", 409)


def test_lists_that_disagree(send: Send) -> None:
    comparison = lists.disagreement()
    [row] = send("GET", "/api/price-lists/disagreements", 200)["results"]
    assert row["id"] == comparison
    assert row["first"]["rates"] != row["second"]["rates"]
    done = send("POST", f"/api/price-lists/disagreements/{comparison}/use", 201, source="litellm")
    assert done["change"]["act"] == "price.set"


def test_prices_hold_for_every_project(make_held_key: Callable[..., HeldKey], support: Project) -> None:
    body = acts.sent()
    limited: Client = make_held_key(Scope.ADMIN, project_id=support.pk).client
    answer = limited.post("/api/prices", body, content_type="application/json")
    assert answer.status_code == 403
    assert not OwnPrice.objects.exists()


def test_terms_are_half_open(send: Send) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    until = start + timedelta(days=1)
    body = acts.sent(effective_from=start.isoformat(), effective_until=until.isoformat())
    send("POST", "/api/prices", 201, **body)
    [row] = OwnPrice.objects.all()
    assert (row.during.lower, row.during.upper) == (start, until)
