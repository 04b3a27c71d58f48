"""What is typed survives: the end of a session, and signing in again here or in another tab."""

import pytest
from playwright.sync_api import Page

from apps.access.models import User
from apps.budgets.models import Budget
from apps.costs.models import InvoiceLine
from tests.cast import PASSWORD
from tests.e2e.conftest import OpenTab

pytestmark = pytest.mark.e2e


def sign_out(page: Page) -> None:
    page.context.clear_cookies(name="sessionid")


def sign_in(page: Page, person: User) -> None:
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)


def test_a_form_goes_on_after_signing_in_in_another_tab(open_tab: OpenTab, owner: User) -> None:
    tab = open_tab("/budgets/new", owner)
    page = tab.page
    sign_out(page)
    page.get_by_label("Name", exact=True).fill("Typed before")
    tab.expect("401")
    page.get_by_label("Limit").fill("7")
    page.get_by_label("Time zone").focus()  # leaving a field asks for the preview
    page.get_by_text("You are signed out").wait_for()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in").click()
    sign_in(opened.value, owner)
    page.get_by_role("button", name="Create budget").click()
    page.get_by_text("The budget Typed before is in force.").wait_for()
    assert Budget.objects.get().limit == 7


def test_a_form_that_led_to_signing_in_is_filled_in_again(open_tab: OpenTab, owner: User) -> None:
    page = open_tab("/prices/invoices/new", owner).page
    for label, value in (("Provider", "openai"), ("First day", "2026-10-01"), ("Last day, included", "2026-10-31")):
        page.get_by_label(label).fill(value)
    page.get_by_label("Billed, in USD").fill("12.5")
    sign_out(page)
    page.get_by_role("button", name="Enter", exact=True).click()
    page.wait_for_url("**/login?next=/prices/invoices/new")
    sign_in(page, owner)
    page.get_by_text("What you had typed is here again").wait_for()
    page.get_by_role("button", name="Enter", exact=True).dblclick()
    page.get_by_text("Entered: openai").wait_for()
    assert [str(line.amount_usd.normalize()) for line in InvoiceLine.objects.all()] == ["12.5"]
    page.goto(page.url.rsplit("/", 1)[0] + "/new")
    assert page.get_by_label("Provider").input_value() == ""
