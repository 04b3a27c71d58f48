"""P24, small form: after all of it, no secret is in the database, in the logs or on an error page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.access.domain.identity import Scope
from apps.access.models import ApiKey, User
from apps.access.services import audit, passwords
from apps.access.services.people import create_owner
from tests.access.test_audit import reset_link
from tests.cast import PASSWORD, HeldKey

NEW = "nine violet tractors"
OTHER = "seven yellow harbours"


def database_text() -> str:
    """Every row of every table as text."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t")
            texts += [row[0] for row in cursor.fetchall()]
    return "\n".join(texts)


def test_secrets_stay_secret(
    alice: User, make_held_key: Callable[..., HeldKey], caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    caplog.set_level("DEBUG")
    secrets: set[str] = {PASSWORD, NEW, OTHER}
    pages: list[str] = []
    browser = Client(raise_request_exception=False)

    def post(path: str, **body: Any) -> Any:
        answer = browser.post(path, body)
        secrets.add(browser.cookies["sessionid"].value if "sessionid" in browser.cookies else PASSWORD)
        if answer.status_code >= 400:
            pages.append(answer.content.decode())
        return answer

    _, one_time = create_owner(email="first@example.org")
    secrets.add(one_time)
    post("/login", email=alice.email, password="wrong " + OTHER)
    assert post("/login", email=alice.email, password=PASSWORD).status_code == 303
    made = post("/keys/new", name="n", scopes=["admin"], expires="never", made="1")
    secrets.add(made.context["new"].secret)
    rotated = post(f"/keys/{ApiKey.objects.latest('id').pk}/rotate", grace="0", made="2")
    secrets.add(rotated.context["new"].secret)
    invited = post("/people/invite", email="dan@example.org", role="analyst", made="3")
    secrets.add(invited.context["link"].rsplit("/", 1)[1])
    assert post(f"/invitation/{invited.context['link'].rsplit('/', 1)[1]}", password=NEW, again=NEW).status_code == 303
    link = reset_link(alice)
    secrets.add(link.rsplit("/", 1)[1])
    passwords.request_reset(email=alice.email, base_url="http://testserver/")
    passwords.send_due_resets()
    post("/password", old_password=OTHER, password=NEW, again=NEW)
    assert post("/password", old_password=PASSWORD, password=NEW, again=NEW).status_code == 303
    held = make_held_key(Scope.ADMIN)
    secrets.add(held.secret)
    audit.record(caller="x", action="test.done", after={"note": held.secret})
    monkeypatch.setattr("apps.access.api.keys.keys_of", lambda _: 1 / 0)
    pages.append(held.client.get("/api/keys").content.decode())
    pages.append(Client(headers={"Authorization": f"Bearer {held.secret}x"}).get("/api/keys").content.decode())

    assert len(secrets) == 11
    everything = {"database": database_text(), "log": caplog.text, "pages": "\n".join(pages)}
    leaks = {(place, secret) for place, text in everything.items() for secret in secrets if secret in text}
    assert leaks == set()
