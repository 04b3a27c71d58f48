"""The alert inbox in a browser: an alert is taken up, silenced, taken back; and what the links of mails open."""

from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from apps.access.models import User
from apps.budgets.models import Alert, MailAddress
from apps.budgets.services.alerting.links import acknowledge_url, agree_url
from tests.budgets.alerting import raised
from tests.e2e.conftest import OpenTab
from tests.e2e.test_matrix import LOOKS, assert_good, look

LONG = "budget-with-a-very-long-name-that-nobody-would-choose-but-somebody-did"
pytestmark = pytest.mark.e2e


@pytest.fixture
def alerts(owner: User) -> list[Alert]:
    """Three in different states, one with a long name."""
    now = timezone.now()
    return [
        raised(now, 1, title="Budget Support agents is at 80 %: $401.20 of $500.00 this month"),
        raised(now, 2, severity="critical", kind="provider_down", title="openai fails: 61 % of 240 calls"),
        raised(
            now,
            3,
            severity="info",
            title=f"A {LONG} is at 50 %",
        ),
    ]


@LOOKS
def test_an_alert_is_taken_up_silenced_and_taken_back(
    open_tab: OpenTab, owner: User, alerts: list[Alert], scheme: str, width: int
) -> None:
    tab = look(open_tab, "/alerts", owner, scheme, width)
    page = tab.page
    assert_good(tab)
    page.get_by_role("button", name="Acknowledge openai fails").click()
    page.get_by_text("Acknowledged. Nobody is reminded").wait_for()
    page.wait_for_load_state()
    assert_good(tab)
    page.get_by_role("button", name="Take back").click()
    page.get_by_text("It is firing again.").wait_for()
    page.get_by_role("link", name="Budget Support agents", exact=False).first.click()
    page.get_by_label("Silence for").select_option("168")
    page.get_by_role("button", name="Silence", exact=True).click()
    page.get_by_text("Silenced until").first.wait_for()
    page.wait_for_load_state()
    assert_good(tab)


@LOOKS
def test_the_links_of_mails(open_tab: OpenTab, owner: User, alerts: list[Alert], scheme: str, width: int) -> None:
    MailAddress.objects.create(address="pager@example.org", asked_by="alice@example.org")
    tab = look(open_tab, urlsplit(acknowledge_url(alerts[0].pk, owner.email)).path, None, scheme, width)
    assert_good(tab)
    tab.page.get_by_role("button", name="Acknowledge").click()
    tab.page.get_by_text(f"Acknowledged as {owner.email}").wait_for()
    tab.page.wait_for_load_state()
    assert_good(tab)
    tab.goto(urlsplit(agree_url("pager@example.org")).path)
    assert_good(tab)
    tab.expect("410")
    tab.goto("/alerts/by-mail/nonsense")
    assert_good(tab)
