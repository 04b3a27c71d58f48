"""Runs on the pages and over the API: asked for, approved, watched, put back, exported."""

import csv
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.costs.models import RerateRun, UsageRecord
from tests.cast import HeldKey
from tests.costs.factories import NOW, make_usage, record
from tests.costs.rerating.steps import applied, previewed, set_price, work

pytestmark = pytest.mark.django_db
AT = NOW - timedelta(days=2)
SignIn = Callable[[User], Client]


@pytest.fixture
def waiting() -> None:
    record(*(make_usage(AT, cost_usd=None, id=f"r{n}", project="support", conversation_id="=c") for n in range(3)))
    set_price("gpt-4.1", "2", "8")


def text_of(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


def lines(client: Client, path: str) -> list[list[str]]:
    answer: Any = client.get(path)
    return list(csv.reader(StringIO(b"".join(answer.streaming_content).decode())))


def test_from_a_filter_to_a_reversal(waiting: None, bob: User, signed_in: SignIn) -> None:
    client = signed_in(bob)
    assert "Nothing was ever re-rated" in text_of(client, "/prices/rerates")
    form = text_of(client, "/prices/rerates/new?model=gpt-4.1&from=2026-11-01T00:00:00%2B00:00&project=support")
    assert 'value="gpt-4.1"' in form
    assert 'value="2026-11-01T00:00:00+00:00"' in form
    typed = {"model": "gpt-4.1, o3", "since": "2026-11-01", "until": ""}
    answer = client.post("/prices/rerates/new", typed)
    run = RerateRun.objects.get()
    path = f"/prices/rerates/{run.pk}"
    assert (answer.status_code, answer["Location"]) == (303, path)
    assert (run.models_named, str(run.start)) == (["gpt-4.1", "o3"], "2026-11-01 00:00:00+00:00")
    assert "Being previewed" in text_of(client, path)
    work()
    assert "Approve: change 3 records, +$0.0084" in text_of(client, path)
    assert client.post(f"{path}/approve").status_code == 303
    work()
    shown = text_of(client, path)
    assert "Reverse this run" in shown
    assert "3 records, $0.0084 in all" in shown
    assert "Run" in text_of(client, "/prices/rerates")
    client.post(f"{path}/abandon")
    assert "Applied" in text_of(client, path)
    assert "It cannot be abandoned" in text_of(client, path) or RerateRun.objects.get().state == "applied"
    client.post(f"{path}/reverse")
    work()
    assert "3 put back" in text_of(client, path)
    assert set(UsageRecord.objects.values_list("cost_usd", flat=True)) == {None}


def test_progress_comes_alone_and_ends_with_a_way_on(waiting: None, bob: User, signed_in: SignIn) -> None:
    client = signed_in(bob)
    client.post("/prices/rerates/new", {"model": "gpt-4.1"})
    path = f"/prices/rerates/{RerateRun.objects.get().pk}"
    fragment = text_of(client, f"{path}?was=draft", **{"HX-Request": "true"})
    assert "<main" not in fragment
    assert "data-poll" in fragment
    work()
    assert client.get(f"{path}?was=draft", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    client.post(f"{path}/approve")
    work()
    fragment = text_of(client, f"{path}?was=applying", **{"HX-Request": "true"})
    assert "Show the result" in fragment
    assert "data-poll" not in fragment


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"since": "yesterday"}, "Type a day like 2026-11-01"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "must end after it begins"),
        ({"model": "never-sent"}, "No call was ever sent under never-sent."),
        ({"project": "987"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_told_at_its_field(
    typed: dict[str, str], told: str, bob: User, signed_in: SignIn
) -> None:
    answer = signed_in(bob).post("/prices/rerates/new", typed)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert not RerateRun.objects.exists()


def test_every_difference_and_record_as_csv(waiting: None, ann: User, signed_in: SignIn) -> None:
    run, client = applied(), signed_in(ann)
    assert lines(client, f"/prices/rerates/{run.pk}.csv?by=model")[1:] == [
        ["openai/gpt-4.1", "3", "3", "3", "0", "0.000000000000000", "0.008400000000000", "0.008400000000000"]
    ]
    assert lines(client, f"/prices/rerates/{run.pk}.csv?by=conversation")[1][:2] == ["'=c", "support"]
    records = lines(client, f"/prices/rerates/{run.pk}.csv?by=record")
    assert [row[2] for row in records[1:]] == ["r0", "r1", "r2"]
    assert sum(Decimal(row[7]) for row in records[1:]) == Decimal("0.0084")
    assert client.get(f"/prices/rerates/{run.pk}.csv?by=hour").status_code == 404


def test_readers_decide_nothing(waiting: None, ann: User, signed_in: SignIn) -> None:
    run, client = previewed(), signed_in(ann)
    assert "Approve" not in text_of(client, f"/prices/rerates/{run.pk}")
    assert client.post(f"/prices/rerates/{run.pk}/approve").status_code == 403


def test_the_api_from_dry_run_to_reversal(waiting: None, admin_key: HeldKey) -> None:
    client = admin_key.client
    body = {"models": ["gpt-4.1"], "from": "2026-11-01T00:00:00Z", "project": "support"}
    made = client.post("/api/rerates", body, "application/json")
    assert made.status_code == 202
    path = f"/api/rerates/{made.json()['id']}"
    assert made.json()["state"] == "draft"
    work()
    told = client.get(path).json()
    assert (told["state"], told["changed"], told["was_usd"], told["is_usd"]) == ("previewed", 3, "0.00", "0.0084")
    assert (told["projects"], told["from"], told["until"]) == (["support"], "2026-11-01T00:00:00Z", None)
    [row] = client.get(f"{path}/differences").json()["results"]
    assert (row["name"], row["difference_usd"]) == ("openai/gpt-4.1", "0.0084")
    assert client.post(f"{path}/reverse").status_code == 409
    assert client.post(f"{path}/approve").json()["state"] == "approved"
    work()
    [first, *_] = client.get(f"{path}/records").json()["results"]
    assert (first["was_usd"], first["is_usd"], first["state"]) == (None, "0.0028", "applied")
    assert client.post(f"{path}/reverse").json()["state"] == "reversing"
    work()
    assert client.get("/api/rerates").json()["results"][0]["state"] == "reversed"
    assert client.get(f"{path}/differences?by=hour").status_code == 422
    assert client.post("/api/rerates", {"project": "nowhere"}, "application/json").status_code == 422
