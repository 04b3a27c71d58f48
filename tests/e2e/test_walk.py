"""The one walk of `make test`: a new person signs in, makes a key, sends a call and sees it arrive."""

import json
import re
from urllib.request import Request, urlopen

from apps.access.models import User
from tests.cast import PASSWORD
from tests.e2e.conftest import OpenTab
from tests.e2e.tab import Tab


def send_as_told(tab: Tab) -> None:
    """Sends what the page says to paste, without a shell."""
    command = tab.page.inner_text("#first-call")
    address, key = re.search(r"curl (\S+)", command), re.search(r"Bearer (bsr_\S+?)\"", command)
    body = re.search(r"-d '(.*)'", command, re.S)
    assert address
    assert key
    assert body
    headers = {"Authorization": f"Bearer {key[1]}", "Content-Type": "application/json"}
    with urlopen(Request(address[1], body[1].encode(), headers), timeout=10) as answer:
        assert json.load(answer)["accepted"] == 1


def test_from_signing_in_to_the_first_number(owner: User, open_tab: OpenTab) -> None:
    tab = open_tab("/")
    tab.page.get_by_label("Email").fill(owner.email)
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.get_by_text("Three steps to the first number").wait_for()
    tab.page.get_by_role("button", name="Create key").click()
    tab.page.get_by_text("It is shown only now").wait_for()
    tab.assert_clean()
    send_as_told(tab)
    tab.page.locator(".strip").wait_for()
    assert tab.page.locator(".figure", has_text="Calls").locator(".value").inner_text() == "1"
    models = tab.page.get_by_role("region", name="Models")
    assert models.get_by_role("link", name="gpt-4.1-mini").count() == 1
    assert tab.page.url == f"{tab.url}/"
    tab.assert_accessible()
