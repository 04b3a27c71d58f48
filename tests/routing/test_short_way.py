"""The short way of config and decisions: the same answers in two trips, and a key that is revoked ends at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings

from apps.access import statements
from apps.access.domain.identity import Scope
from apps.access.models import ApiKey, Project
from apps.budgets.models import Reservation
from apps.budgets.services import reserving
from apps.routing.models import Decision
from apps.routing.selectors import seen
from apps.routing.services import decisions, keeping
from tests.budgets import acts as budgets
from tests.cast import HeldKey
from tests.costs.posting import JSON
from tests.routing import acts

QUESTION = {"message": "thanks", "input_tokens": 1000, "expected_output_tokens": 100, "project": "support"}

REMEMBERED = (
    "routing_routingstate", "routing_policyversion", "routing_modelhealth", "routing_qualitystate",
    "costs_pricebookstate", "budgets_budgetsversion", "SAVEPOINT", "SELECT c.budget_id",
)  # fmt: skip


@pytest.fixture
def held(make_held_key: Any) -> HeldKey:
    """A key whose first questions went the long way, so that the next ones go the short one."""
    acts.published()
    key: HeldKey = make_held_key(Scope.ROUTING_USE)
    for _ in range(2):
        assert asked(key.client).status_code == 201
    return key


def asked(client: Client, **fields: Any) -> Any:
    return client.post("/api/routing/decisions", QUESTION | fields, content_type=JSON)


@contextmanager
def trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that went to the database, prepared or not.

    Without those by which a process looks once a second whether what it remembers still holds, and those that only a
    test needs, whose one transaction keeps counters from being remembered.
    """
    sent: list[str] = []

    def noted(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
        sent.append(sql)
        return statements.prepared(sql, parameters)

    def plain(execute: Any, sql: str, *rest: Any) -> Any:
        if not any(told in sql for told in REMEMBERED):
            sent.append(sql)
        return execute(sql, *rest)

    with monkeypatch.context() as patch, connection.execute_wrapper(plain):
        for module in (seen, keeping, reserving):
            patch.setattr(module, "prepared", noted)
        yield sent


def test_a_decision_takes_two_trips_whether_it_holds_or_not(held: HeldKey, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets.make_budget("10")
    asked(held.client, reserve=True, conversation_id="c1")
    for reserve in (True, False):
        with trips(monkeypatch) as sent:
            answer = asked(held.client, reserve=reserve, conversation_id="c1")
        assert answer.status_code == 201, answer.content
        assert len(sent) == 2, sent
        assert (answer.json()["reservation"] is not None) is reserve
        assert answer.headers["Content-Length"] == str(len(answer.content))
    stored = Decision.objects.get(decision_id=Reservation.objects.latest("id").public_id)
    assert stored.answer["reservation"]["amount_usd"] == "0.00084"


@pytest.mark.django_db(transaction=True)
def test_what_is_held_and_kept_is_committed_by_the_one_statement(held: HeldKey) -> None:
    """Outside of a transaction, as requests are: the procedure commits; what it refuses or repeats leaves nothing."""
    budgets.make_budget("0.001")
    first = asked(held.client, reserve=True, id="d1").json()
    kept = Decision.objects.get(decision_id="d1")
    assert kept.answer["reservation"] == first["reservation"]
    stored = Reservation.objects.get(public_id="d1")
    assert f"{stored.expires_at:%Y-%m-%dT%H:%M:%S.%fZ}" == first["reservation"]["expires_at"]
    assert asked(held.client, reserve=True, id="d1").json()["reservation"] == first["reservation"]
    blocked = asked(held.client, reserve=True, id="d2").json()
    assert (blocked["action"], blocked["reservation"]) == ("block", None)
    assert [row.public_id for row in Reservation.objects.all()] == ["d1"]
    assert set(Decision.objects.values_list("decision_id", flat=True)) >= {"d1", "d2"}


def test_both_ways_answer_alike(held: HeldKey) -> None:
    quick = asked(held.client, odd=1)
    slow = held.client.post("/api/routing/decisions", QUESTION | {"odd": 1}, content_type=JSON, headers={"Accept": "x"})
    assert slow.status_code == 406, "an odd header takes the long way"
    long = {"Content-Encoding": "identity"}
    slow = held.client.post("/api/routing/decisions", QUESTION | {"odd": 1}, content_type=JSON, headers=long)
    assert {**quick.json(), "id": ""} == {**slow.json(), "id": ""}
    repeated = [asked(held.client, id="same").json() for _ in range(2)]
    assert repeated[0]["reason"] == repeated[1]["reason"]
    assert asked(held.client, id="same").status_code == 200
    assert asked(held.client, id="same", message="x").status_code == 409
    assert asked(held.client, strategy="x").status_code == 422


def test_a_key_that_ends_or_changes_is_known_at_once(held: HeldKey) -> None:
    tag = held.client.get("/api/routing/config").headers["ETag"]
    assert held.client.get("/api/routing/config", headers={"If-None-Match": tag}).status_code == 304
    before = Decision.objects.count()
    other = Project.objects.create(name="other")
    ApiKey.objects.filter(pk=held.key.pk).update(project_id=other.pk)
    assert asked(held.client).status_code == 403, "it is bound to another project now"
    ApiKey.objects.filter(pk=held.key.pk).update(project_id=None, scopes=[Scope.METRICS_READ.value])
    assert asked(held.client).status_code == 403
    ApiKey.objects.filter(pk=held.key.pk).update(scopes=[Scope.ROUTING_USE.value])
    assert asked(held.client).status_code == 201
    ApiKey.objects.filter(pk=held.key.pk).update(revoked_at=datetime.now(UTC))
    assert asked(held.client).status_code == 401
    assert held.client.get("/api/routing/config", headers={"If-None-Match": tag}).status_code == 401
    assert Decision.objects.count() == before + 1


def test_a_decision_that_another_request_kept_first_holds_nothing(
    held: HeldKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets.make_budget("10")
    first = asked(held.client, id="d1").json()
    # As if both had been asked at once: this one had not seen the other.
    real = seen.see

    def blind(*args: Any, **named: Any) -> Any:
        return real(*args, **named | {"decision_id": None})

    monkeypatch.setattr(decisions, "see", blind)
    again = asked(held.client, id="d1")
    assert (again.status_code, again.json()["reason"]) == (200, first["reason"])
    assert asked(held.client, id="d1", reserve=True).status_code == 409
    assert (Decision.objects.filter(decision_id="d1").count(), Reservation.objects.count()) == (1, 0)
    kept = asked(held.client, id="r1", reserve=True).json()
    again = asked(held.client, id="r1", reserve=True)
    assert (again.status_code, again.json()["reservation"]) == (200, kept["reservation"])
    assert Reservation.objects.count() == 1


def test_the_short_way_has_the_headers_of_every_answer(held: HeldKey) -> None:
    """What browsers and proxies are told does not depend on the way; nor does a host that is not this installation."""
    tag = held.client.get("/api/routing/config").headers["ETag"]
    quick = held.client.get("/api/routing/config", headers={"If-None-Match": tag, "X-Request-Id": "mine-12345"})
    slow = held.client.get("/api/routing/config", headers={"If-None-Match": tag, "Accept": "application/*"})
    assert quick.status_code == 304
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"):
        assert quick.headers[name] == slow.headers[name], name
    assert (quick.headers["X-Request-Id"], quick.headers["Cache-Control"]) == ("mine-12345", "private, no-cache")
    assert held.client.get("/api/routing/config", headers={"Host": "elsewhere.example"}).status_code == 400
    assert held.client.get("/api/routing/config?project=%00").status_code == 400
    with override_settings(SECURE_SSL_REDIRECT=True):
        assert held.client.get("/api/routing/config").status_code == 301
