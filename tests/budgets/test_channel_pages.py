"""Alerting, channels and deliveries: pages and API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.domain.identity import Role
from apps.access.models import AuditEntry, Project, User
from apps.budgets.domain.webhooks import secret_text
from apps.budgets.models import Audience, Channel, Delivery, DeliveryItem, DeliveryState, MailAddress
from apps.budgets.services.alerting.addressing import address_waiting
from apps.budgets.services.alerting.raising import raise_alerts
from apps.budgets.services.outbound import OutboundError
from apps.budgets.services.outbox.posts import secret_of
from apps.budgets.services.outbox.sweeping import sweep
from tests.budgets.alerting import channel, crossing, raised
from tests.budgets.conftest import Clock
from tests.budgets.smtp import MailServer
from tests.cast import HeldKey, make_person

SignIn = Callable[[User], Client]
JSON = "application/json"
WANTED = {
    "roles": ["owner"],
    "lowest": "warning",
    "digest_minutes": "60",
    "quiet_from": "22:00",
    "quiet_until": "07:00",
    "zone": "Europe/Berlin",
    "remind_hours": "4",
}


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are not looked up in tests."""

    def check(url: str) -> None:
        if "10.0.0.1" in url:
            raise OutboundError("10.0.0.1 leads to 10.0.0.1, which is not a public address.", permanent=True)

    monkeypatch.setattr("apps.budgets.services.alerting.channels.check", check)


def test_who_is_told_is_set_and_shown(alice: User, signed_in: SignIn) -> None:
    browser, hook = signed_in(alice), channel()
    agreed = MailAddress.objects.create(address="pager@example.org", asked_by="x", verified_at=timezone.now())
    answer = browser.post("/alerting", WANTED | {"channels": [hook.pk], "addresses": [agreed.pk]})
    assert answer.status_code == 303
    audience = Audience.objects.get()
    assert (audience.roles, audience.digest_minutes, audience.tells_resolved) == (["owner"], 60, False)
    assert str(audience.quiet_from) == "22:00:00"
    assert [one.name for one in audience.channels.all()] == ["Ops"]
    shown = browser.get("/alerting").content.decode()
    assert 'value="Europe/Berlin"' in shown
    assert 'value="22:00"' in shown
    for wrong in ({"zone": "Mars"}, {"quiet_until": ""}, {"roles": ["king"]}, {"digest_minutes": "7"}):
        assert browser.post("/alerting", WANTED | wrong).status_code == 422
    entry = AuditEntry.objects.get(action="alerting.changed")
    assert entry.after is not None
    assert entry.after["channels"] == ["Ops"]


def test_an_address_is_asked_and_removed(alice: User, mails: MailServer, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    assert browser.post("/alerting/addresses", {"address": "Pager@example.org"}).status_code == 303
    assert browser.post("/alerting/addresses", {"address": "alice@example.org"}).status_code == 422
    assert browser.post("/alerting/addresses", {"address": "nonsense"}).status_code == 422
    sweep()
    assert [mail["To"] for mail in mails.accepted] == ["pager@example.org"]
    found = MailAddress.objects.get()
    assert browser.post(f"/alerting/addresses/{found.pk}/remove").status_code == 303
    assert not MailAddress.objects.exists()


def test_a_test_mail_reaches_whoever_asks(bob: User, mails: MailServer, signed_in: SignIn) -> None:
    assert signed_in(bob).post("/alerting/test-mail")["Location"] == "/deliveries"
    sweep()
    assert [(mail["To"], mail["Subject"]) for mail in mails.accepted] == [
        ("bob@example.org", "[Bursar] Test: mail from Bursar reaches you")
    ]


def test_a_channel_from_its_making_to_its_end(alice: User, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    new = {"kind": "webhook", "name": "Ops", "url": "https://example.org/hook/T0KEN"}
    assert browser.post("/alerting/channels/new", new | {"url": "https://10.0.0.1/"}).status_code == 422
    made = browser.post("/alerting/channels/new", new)
    hook = Channel.objects.get()
    path = f"/alerting/channels/{hook.pk}"
    assert (made.status_code, made["Location"]) == (303, path)
    assert browser.post("/alerting/channels/new", new).status_code == 422
    assert secret_text(secret_of(hook.nonce)) in browser.get(path).content.decode()
    assert "T0KEN" not in browser.get("/alerting").content.decode()
    assert browser.post(path, {"name": "Pager", "url": "https://10.0.0.1/"}).status_code == 422
    assert browser.post(path, {"name": "Pager", "url": "https://example.org/hook/T0KEN"}).status_code == 303
    browser.post(f"{path}/rotate")
    rotated = Channel.objects.get()
    assert (rotated.former_nonce, rotated.name) == (hook.nonce, "Pager")
    assert "The former one signs too until" in browser.get(path).content.decode()
    browser.post(f"{path}/test")
    assert Delivery.objects.get().purpose == "test"
    browser.post(f"{path}/switch")
    assert Channel.objects.get().off_why == "alice@example.org switched it off."
    browser.post(f"{path}/test")
    assert Delivery.objects.count() == 1
    browser.post(f"{path}/switch")
    assert Channel.objects.get().off_since is None
    assert browser.post(f"{path}/delete", {"typed": "Ops"}).status_code == 422
    assert browser.post(f"{path}/delete", {"typed": "Pager"}).status_code == 303
    assert not Channel.objects.exists()
    told = repr(list(AuditEntry.objects.values_list("before", "after")))
    assert "T0KEN" not in told
    assert "https://example.org/…" in told


def test_people_limited_to_projects_see_and_change_none_of_it(support: Project, signed_in: SignIn) -> None:
    browser, hook = signed_in(make_person("dora@example.org", Role.ADMIN, support)), channel()
    Delivery.objects.create(channel=hook)
    shown = browser.get("/alerting").content.decode()
    assert "You are limited to projects" in shown
    assert hook.url not in shown
    assert hook.name not in shown
    assert browser.get(f"/alerting/channels/{hook.pk}").status_code == 404
    assert len(browser.get("/deliveries").context["page"]) == 0
    assert browser.post("/alerting", WANTED).status_code == 422
    assert (
        browser.post("/alerting/channels/new", {"kind": "slack", "name": "x", "url": "https://x.org"}).status_code
        == 422
    )
    browser.post(f"/deliveries/{Delivery.objects.get().pk}/resend")
    assert Channel.objects.count() == Delivery.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_deliveries_are_listed_and_resent(alice: User, mails: MailServer, signed_in: SignIn, clock: Clock) -> None:
    browser = signed_in(alice)
    mails.refuses["alice@example.org"] = "550 no such user"
    raised(clock())
    sweep(clock=clock)
    shown = browser.get("/deliveries?state=given_up").content.decode()
    assert "550 no such user" in shown
    assert "Budget 1 is at 80 %" in shown
    assert len(browser.get("/deliveries?state=sent").context["page"]) == 0
    mails.refuses.clear()
    first = Delivery.objects.get()
    assert browser.post(f"/deliveries/{first.pk}/resend").status_code == 303
    sweep()
    again = Delivery.objects.get()
    assert (again.state, again.message_id, again.tries) == ("sent", first.message_id, 1)
    assert mails.ids == [f"<{first.message_id}@localhost>"]


def test_what_is_being_sent_or_went_with_another_is_not_resent(alice: User, signed_in: SignIn) -> None:
    browser, now = signed_in(alice), timezone.now()
    for values in (
        {"leased_until": now + timedelta(minutes=1)},
        {"state": DeliveryState.FOLDED},
    ):
        delivery = Delivery.objects.create(address="a@example.org", error="kept", **values)
        browser.post(f"/deliveries/{delivery.pk}/resend")
        assert Delivery.objects.get(id=delivery.pk).error == "kept"
    assert browser.post("/deliveries/987654321/resend").status_code == 404


def test_the_api_of_channels_and_deliveries(admin_key: HeldKey, clock: Clock) -> None:
    client = admin_key.client
    body: dict[str, Any] = {"kind": "webhook", "name": "Ops", "url": "https://example.org/hook"}
    made = client.post("/api/channels", body, content_type=JSON)
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    path = f"/api/channels/{made.json()['id']}"
    assert client.post("/api/channels", body, content_type=JSON).status_code == 409
    assert client.post("/api/channels", body | {"url": "https://10.0.0.1"}, content_type=JSON).status_code == 422
    assert [(row["name"], row["on"], "secret" in row) for row in client.get("/api/channels").json()["results"]] == [
        ("Ops", True, False)
    ]
    tag = client.get(path)["ETag"]
    assert client.patch(path, {"on": False}, content_type=JSON).status_code == 428
    off = client.patch(path, {"on": False}, content_type=JSON, headers={"If-Match": tag})
    assert (off.status_code, off.json()["on"]) == (200, False)
    assert client.patch(path, {"on": True}, content_type=JSON, headers={"If-Match": tag}).status_code == 412
    assert client.post(f"{path}/test").status_code == 409
    client.patch(path, {"on": True}, content_type=JSON, headers={"If-Match": off["ETag"]})
    assert client.post(f"{path}/rotate").json()["secret"] != made.json()["secret"]
    tried = client.post(f"{path}/test")
    assert (tried.status_code, tried.json()["state"]) == (202, "waiting")
    rows = client.get("/api/deliveries?state=waiting").json()["results"]
    assert [(row["purpose"], row["channel_id"], row["alerts"]) for row in rows] == [("test", made.json()["id"], [])]
    assert client.post(f"/api/deliveries/{rows[0]['id']}/resend").status_code == 202
    assert client.get("/api/deliveries?state=x").status_code == 422
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_a_long_digest_is_shown_by_its_first_alerts(
    alice: User, mails: MailServer, signed_in: SignIn, clock: Clock, admin_key: HeldKey
) -> None:
    """Not with all of the thousands it may tell: the page took seconds."""
    raise_alerts(crossings=[crossing(number) for number in range(204)], now=clock())
    while address_waiting(now=clock()):
        pass
    first = Delivery.objects.earliest("id")
    DeliveryItem.objects.update(delivery=first)
    Delivery.objects.exclude(pk=first.pk).delete()
    (shown,) = signed_in(alice).get("/deliveries").context["page"]
    assert (len(shown.first_items), shown.more) == (3, 201)
    (row,) = admin_key.client.get("/api/deliveries").json()["results"]
    assert len(row["alerts"]) == 204
