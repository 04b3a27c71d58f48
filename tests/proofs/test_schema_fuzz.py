"""P19: what the API's own schema allows, and what it forbids, is answered as the schema says; nothing is a 5xx.

Every case is undone after its answer, so that none of them can lock out the next; every second one aims at rows that
exist.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.access.models import Agent, Invitation, Project, User
from controlplane.wsgi import application
from tests.cast import HeldKey
from tests.costs.posting import call, load_prices, posted
from tests.costs.rerating.steps import previewed

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
AnyCase = Case[Any]
_SETTINGS = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@pytest.fixture
def known(admin_key: HeldKey, bob: User, writer: HeldKey) -> dict[str, Any]:
    """Rows of every kind an address can name, by the name of its parameter."""
    load_prices()
    posted(
        admin_key,
        [
            call(id="known", project="support", agent="coder", tags={"team": "x"}),
            call(id="known", conversation_id="talk"),
        ],
    )
    answer = admin_key.client.post("/api/people", {"email": "dan@example.org", "role": "analyst"}, "application/json")
    assert answer.status_code == 201
    bill = {"provider": "openai", "first_day": "2026-10-01", "last_day": "2026-10-31", "amount_usd": "1.5"}
    line = admin_key.client.post("/api/invoices", bill, "application/json")
    assert line.status_code == 201
    return {
        "key_id": writer.key.pk,
        "user_id": bob.pk,
        "project_id": Project.objects.get(name="support").pk,
        "agent_id": Agent.objects.get(name="coder").pk,
        "invitation_id": Invitation.objects.get().pk,
        "usage_id": "known",
        "conversation_id": "talk",
        "run_id": previewed().pk,
        "line_id": line.json()["id"],
    }


@contextmanager
def one_connection() -> Iterator[None]:
    """Requests leave the test's transaction open, as Django's own test client sees to."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


WEIGHTS = {"POST /api/usage": 6}
"""What most requests are, and has most ways to go wrong."""


def fuzz(key: HeldKey, known: dict[str, Any], cases: int, *, derandomize: bool) -> Counter[str]:
    """Send about so many cases over all operations; how often each was answered with each status."""
    with one_connection():
        schema = schemathesis.openapi.from_wsgi("/api/schema", application, headers=_authorization(key))
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 20
    answered: Counter[str] = Counter()
    examples = -(-cases // (len(operations) * len(MODES)))
    for operation in operations:
        weight = WEIGHTS.get(operation.label, 1)
        options = settings(_SETTINGS, max_examples=weight * examples, derandomize=derandomize)
        for mode in MODES:
            _send_each(operation.as_strategy(generation_mode=mode), options, partial(_send, key, known, answered))
    return answered


def _send_each(cases: st.SearchStrategy[AnyCase], options: settings, send: Callable[[AnyCase], None]) -> None:
    @options
    @given(cases)
    def each(case: AnyCase) -> None:
        send(case)

    each()


def _send(key: HeldKey, known: dict[str, Any], answered: Counter[str], case: AnyCase) -> None:
    if answered.total() % 2:
        case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
    headers = _authorization(key) | _precondition(key, case)
    with transaction.atomic(), one_connection():
        response = case.call(headers=headers)
        transaction.set_rollback(True)
    answered[f"{case.operation.label} {response.status_code}"] += 1
    case.validate_response(response, checks=CHECKS)


def _authorization(key: HeldKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.secret}"}


def _precondition(key: HeldKey, case: AnyCase) -> dict[str, str]:
    """The version a change starts from, as a page that was shown the row would send it."""
    if case.method != "PATCH":
        return {}
    shown = key.client.get(case.formatted_path)
    return {"If-Match": shown["ETag"]} if shown.has_header("ETag") else {}


@pytest.mark.django_db
def test_the_api_keeps_to_its_schema(admin_key: HeldKey, known: dict[str, Any]) -> None:
    answered = fuzz(admin_key, known, 200, derandomize=True)
    assert sum(answered.values()) >= 200
    print(answered)


@pytest.mark.prove
@pytest.mark.django_db
def test_the_api_keeps_to_its_schema_in_the_long_run(admin_key: HeldKey, known: dict[str, Any]) -> None:
    answered = fuzz(admin_key, known, int(os.environ.get("BURSAR_PROVE_CASES", "2000")), derandomize=False)
    print(answered)
