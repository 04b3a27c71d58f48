"""The inbox, the bell, the links of mails, and the API of alerts."""

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apps.access.models import AuditEntry, Project, User
from apps.budgets.models import Alert, Budget, MailAddress
from apps.budgets.services.alerting import addresses
from apps.budgets.services.alerting.links import acknowledge_url, agree_url
from tests.budgets.alerting import budget_with_page, raised
from tests.cast import HeldKey

SignIn = Callable[[User], Client]


@pytest.fixture
def three(support: Project) -> list[Alert]:
    """One of the project support, one of everything, one that is over."""
    now = timezone.now()
    alerts = [
        raised(now, 1, project_id=support.pk, title="Support is at 80 %"),
        raised(now, 2, severity="critical", kind="provider_down", title="openai fails"),
        raised(now, 3, title="Old story"),
    ]
    Alert.objects.filter(id=alerts[2].pk).update(state="resolved", resolved_at=now)
    return alerts


def titles(browser: Client, query: str = "") -> list[str]:
    return [alert.title for alert, _ in browser.get(f"/alerts{query}").context["rows"]]


def test_the_inbox_shows_what_is_open_and_filters(
    three: list[Alert], ann: User, carol: User, signed_in: SignIn
) -> None:
    browser = signed_in(ann)
    assert titles(browser) == ["openai fails", "Support is at 80 %"]
    assert titles(browser, "?state=resolved") == ["Old story"]
    assert len(titles(browser, "?state=all")) == 3
    assert titles(browser, "?severity=critical") == ["openai fails"]
    assert titles(browser, "?kind=budget_threshold&state=all") == ["Old story", "Support is at 80 %"]
    assert titles(browser, f"?budget={three[0].budget_id}") == ["Support is at 80 %"]
    assert titles(browser, "?state=nonsense&severity=x&kind=y&budget=z&page=9") == [
        "openai fails",
        "Support is at 80 %",
    ]
    assert titles(signed_in(carol)) == ["Support is at 80 %"]


def test_an_alert_leads_to_its_budget_while_that_has_a_page(alice: User, signed_in: SignIn) -> None:
    budget, browser = budget_with_page(), signed_in(alice)
    told, silent = raised(timezone.now()), raised(timezone.now(), 2, mails=False)
    late = raised(timezone.now(), 3, mails=False, facts={"Late": "calls of this period were reported after its end"})
    assert "Open the budget" in browser.get(f"/alerts/{told.pk}").content.decode()
    Budget.objects.filter(pk=budget.pk).update(deleted_at=timezone.now())
    page = browser.get(f"/alerts/{told.pk}").content.decode()
    assert "Open the budget" not in page
    assert "Nobody yet." in page
    assert "is kept by a routing policy" in browser.get(f"/alerts/{silent.pk}").content.decode()
    assert "it came too late" in browser.get(f"/alerts/{late.pk}").content.decode()


def test_the_inbox_is_exported_as_it_is_filtered(
    three: list[Alert], alice: User, carol: User, signed_in: SignIn
) -> None:
    raised(timezone.now(), 9, title="=1+1 is at 80 %", severity="critical")

    def exported(person: User, query: str = "") -> list[dict[str, str]]:
        answer: Any = signed_in(person).get(f"/alerts.csv{query}")
        assert answer["Content-Disposition"] == 'attachment; filename="alerts.csv"'
        return list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))

    rows = exported(alice, "?state=all")
    assert [row["id"] for row in rows] == [str(one.pk) for one in Alert.objects.order_by("-raised_at", "-id")]
    (odd,) = exported(alice, "?severity=critical&kind=budget_threshold")
    assert odd["title"] == "'=1+1 is at 80 %"
    assert odd["facts"] == "Spent: $401.20; Limit: $500.00"
    assert datetime.fromisoformat(odd["raised_at"]) == Alert.objects.get(subject="budget:9").raised_at
    visible = Alert.objects.visible_to(carol.caller())
    assert {row["id"] for row in exported(carol, "?state=all")} == {str(one.pk) for one in visible}
    page = signed_in(alice).get("/alerts?severity=critical").content.decode()
    assert "/alerts.csv?state=open&amp;severity=critical" in page


def test_the_bell_counts_in_words(three: list[Alert], alice: User, carol: User, signed_in: SignIn) -> None:
    assert "2 alerts" in signed_in(alice).get("/alerts/bell").content.decode()
    assert "1 alert<" in signed_in(carol).get("/").content.decode()
    Alert.objects.update(state="acknowledged")
    assert "No new alerts" in signed_in(alice).get("/keys").content.decode()


def test_an_analyst_acknowledges_and_takes_back_but_does_not_silence(
    three: list[Alert], ann: User, carol: User, signed_in: SignIn
) -> None:
    browser, path = signed_in(ann), f"/alerts/{three[1].pk}"
    answer = browser.post(f"{path}/acknowledge", {"next": "/alerts?state=firing"})
    assert (answer.status_code, answer["Location"]) == (303, "/alerts?state=firing")
    assert "Acknowledged by ann@example.org" in browser.get(path).content.decode()
    assert browser.post(f"{path}/acknowledge", {"next": "https://evil.example/"})["Location"] == path
    assert browser.post(f"{path}/silence", {"hours": "8"}).status_code == 403
    browser.post(f"{path}/take-back")
    assert Alert.objects.get(id=three[1].pk).state == "firing"
    assert signed_in(carol).get(path).status_code == 404
    assert signed_in(carol).post(f"{path}/acknowledge").status_code == 404


def test_a_silence_needs_a_length(three: list[Alert], bob: User, signed_in: SignIn) -> None:
    browser, path = signed_in(bob), f"/alerts/{three[0].pk}/silence"
    assert browser.post(path, {"hours": "9999"}).status_code == 422
    assert browser.post(path, {"hours": "168"}).status_code == 303
    alert = Alert.objects.get(id=three[0].pk)
    assert alert.silenced_until is not None
    assert timedelta(days=6.9) < alert.silenced_until - timezone.now() < timedelta(days=7)


def test_a_mails_link_shows_the_title_and_acknowledges_by_its_button(
    three: list[Alert], bob: User, charlie: Client
) -> None:
    path = urlsplit(acknowledge_url(three[0].pk, "bob@example.org")).path
    seen = charlie.get(path)
    assert "Support is at 80 %" in seen.content.decode()
    assert "$401.20" not in seen.content.decode()
    assert Alert.objects.get(id=three[0].pk).state == "firing"
    assert "Acknowledged as bob@example.org" in charlie.post(path).content.decode()
    alert = Alert.objects.get(id=three[0].pk)
    assert (alert.state, alert.changed_by) == ("acknowledged", "bob@example.org")
    assert "has acknowledged it already" in charlie.post(path).content.decode()
    assert AuditEntry.objects.filter(action="alert.acknowledged").count() == 1


def test_a_link_that_is_old_altered_or_of_another_purpose_does_nothing(
    three: list[Alert], bob: User, charlie: Client
) -> None:
    path = urlsplit(acknowledge_url(three[0].pk, "bob@example.org")).path
    MailAddress.objects.create(address="dan@example.org", asked_by="ada")
    agreeing = urlsplit(agree_url("dan@example.org")).path
    wrong = [
        path[:-1],
        path.replace("by-mail/", "by-mail/x"),
        agreeing.replace("/agree/", "/by-mail/"),
        path.replace("/by-mail/", "/agree/"),
        urlsplit(agree_url("nobody@example.org")).path,
        urlsplit(acknowledge_url(10**9, "bob@example.org")).path,
    ]
    assert [charlie.post(one).status_code for one in wrong] == [410] * len(wrong)
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert charlie.post(path).status_code == 410
    assert Alert.objects.get(id=three[0].pk).state == "firing"
    assert MailAddress.objects.get().verified_at is None
    assert charlie.post(agreeing).status_code == 200
    assert MailAddress.objects.get().verified_at is not None


def test_a_mails_link_ends_with_its_reader(
    three: list[Alert], bob: User, sales: Project, alice: User, charlie: Client
) -> None:
    path = urlsplit(acknowledge_url(three[0].pk, "bob@example.org")).path
    for change, expected in (({"limited": True}, 410), ({"limited": False, "is_active": False}, 410)):
        User.objects.filter(pk=bob.pk).update(**change)
        assert [charlie.get(path).status_code, charlie.post(path).status_code] == [expected] * 2
    agreed = MailAddress.objects.create(address="bob@example.org", asked_by="ada")
    assert charlie.get(path).status_code == 410
    MailAddress.objects.update(verified_at=timezone.now())
    assert charlie.get(path).status_code == 200
    addresses.remove(caller=alice.caller(), address_id=agreed.pk)
    assert charlie.post(path).status_code == 410
    assert Alert.objects.get(id=three[0].pk).state == "firing"


def test_the_api_lists_and_acts(three: list[Alert], admin_key: HeldKey) -> None:
    client = admin_key.client
    rows = client.get("/api/alerts").json()["results"]
    assert [row["title"] for row in rows] == ["openai fails", "Support is at 80 %"]
    assert rows[0]["facts"][0] == {"name": "Spent", "value": "$401.20"}
    assert len(client.get("/api/alerts?state=all&kind=budget_threshold").json()["results"]) == 2
    assert client.get("/api/alerts?state=x").status_code == 422
    path = f"/api/alerts/{three[1].pk}"
    assert client.post(f"{path}/acknowledge").json()["state"] == "acknowledged"
    assert client.post(f"{path}/acknowledge").status_code == 409
    until = (timezone.now() + timedelta(days=1)).isoformat()
    silenced = client.post(f"{path}/silence", {"until": until}, content_type="application/json").json()
    assert (silenced["state"], silenced["changed_by"]) == ("silenced", client.get(path).json()["changed_by"])
    assert client.post(f"{path}/silence", {"until": "x"}, content_type="application/json").status_code == 422
    assert client.post(f"{path}/take-back").json()["state"] == "firing"
    assert client.get("/api/alerts/987654321").status_code == 404
