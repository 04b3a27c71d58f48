"""A conversation in a browser: from the Overview to its steps, saying how it went, with a script and without."""

import pytest
from playwright.sync_api import expect

from apps.access.models import User
from tests.e2e.conftest import OpenTab

pytestmark = pytest.mark.e2e


def test_a_conversation_is_judged_and_that_is_taken_back(open_tab: OpenTab, owner: User, fleet: None) -> None:
    tab = open_tab("/", owner)
    page = tab.page
    page.get_by_role("region", name="Dearest conversations").get_by_role("link", name="chat-").first.click()
    page.get_by_role("heading", name="Timeline").wait_for()
    page.get_by_label("Good").check()
    page.get_by_label("Quality").fill("80")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    page.get_by_text("that counts from now on").wait_for()
    expect(page.locator("#outcome .badge.ok").first).to_have_text("succeeded")
    tab.wait_until("document.activeElement.id === 'judge'")
    page.get_by_role("button", name="Undo your judgement").click()
    page.get_by_text("Nobody has said how it went").wait_for()
    tab.expect("422")
    page.get_by_role("button", name="Save").click()
    page.locator(".errors").wait_for()
    tab.assert_accessible()


def test_without_a_script_it_works_as_well(open_tab: OpenTab, owner: User, fleet: None) -> None:
    tab = open_tab("/c", owner, java_script_enabled=False)
    page = tab.page
    page.get_by_role("region", name="Conversations").get_by_role("link", name="chat-").first.click()
    page.get_by_label("Bad").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("that counts from now on").wait_for()
    page.get_by_role("button", name="Undo your judgement").click()
    page.get_by_text("is taken back").wait_for()
