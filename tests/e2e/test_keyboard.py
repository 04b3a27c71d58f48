"""The jobs of the reading pages by keyboard alone, with a script and without one."""

import pytest
from playwright.sync_api import Page

from apps.access.models import User
from apps.costs.models import CurrencyRate, ReportingSettings
from controlplane.models import SavedView
from tests.e2e.conftest import OpenTab

pytestmark = pytest.mark.e2e
MOST_TABS = 160


def reach(page: Page, selector: str) -> None:
    """Goes on with the Tab key until the focus is on what the selector names."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.locator(f":focus:is({selector})").count():
            return
    raise AssertionError(f"{page.url}: {selector} is out of reach of the keyboard")


def press(page: Page, selector: str, key: str = "Enter") -> None:
    reach(page, selector)
    page.keyboard.press(key)


@pytest.mark.parametrize("scripted", [True, False], ids=["script", "no script"])
def test_the_jobs_of_a_morning(open_tab: OpenTab, owner: User, fleet: None, scripted: bool) -> None:
    tab = open_tab("/", owner, java_script_enabled=scripted)
    tab.expect("htmx:")  # a page that is left while it polls says so
    page = tab.page

    press(page, "a:text-is('7 days')")
    page.wait_for_url("**/?period=7d")
    press(page, "a:text-is('coder')")
    page.wait_for_url("**/?period=7d&agent=coder")

    press(page, "a:text-is('Explore')")
    page.wait_for_url("**/explore")
    reach(page, "#group")
    page.keyboard.type("Agent")
    press(page, "button:text-is('Show')")
    page.wait_for_url("**/explore?*group=agent*")

    press(page, "summary:text-is('Views')")
    press(page, "a:has-text('Save this view')")
    page.wait_for_url("**/views/new?*")
    reach(page, "#id_name")
    page.keyboard.type("By agent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/explore?group=agent")
    assert SavedView.objects.get().name == "By agent"

    if scripted:
        page.keyboard.press("Control+k")
    else:
        reach(page, "#search")
    page.keyboard.type("triage")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=triage")
    press(page, "a:text-is('support/triage')")
    page.wait_for_url("**/?project=default&agent=support%2Ftriage")

    page.goto(page.url.split("/?")[0] + "/statement")
    month = page.locator("h1").inner_text()
    press(page, "a:text-is('Month before')")
    page.wait_for_url("**/statement/20*")
    assert page.locator("h1").inner_text() != month


@pytest.mark.parametrize("scripted", [True, False], ids=["script", "no script"])
def test_the_jobs_of_settings(open_tab: OpenTab, owner: User, scripted: bool) -> None:
    page = open_tab("/settings/reporting", owner, java_script_enabled=scripted).page
    reach(page, "#id_zone")
    page.keyboard.press("Control+A")
    page.keyboard.type("Europe/Berlin")
    page.keyboard.press("Escape")  # closes what the browser suggests
    press(page, "button:text-is('Save')")
    page.get_by_text("Days are cut in the new zone").wait_for()
    assert ReportingSettings.objects.get().zone == "Europe/Berlin"
    for field, text in (("#rate_currency", "EUR"), ("#rate_first_day", "11012026"), ("#rate_per_dollar", "0.92")):
        reach(page, field)
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.get_by_text("1 USD = 0.92 EUR from 2026-11-01").first.wait_for()
    press(page, "button:has-text('Delete')")
    page.get_by_text("Deleted lately").wait_for()
    press(page, "button:has-text('Undo')")
    page.get_by_text("holds again").wait_for()
    assert CurrencyRate.objects.get().deleted_at is None


@pytest.mark.parametrize("width", [1280, 320])
def test_a_slash_goes_to_the_search_box_and_finds_while_one_types(
    open_tab: OpenTab, owner: User, fleet: None, width: int
) -> None:
    page = open_tab("/", owner, viewport={"width": width, "height": 900}).page
    page.keyboard.press("/")
    page.locator("#search:focus").wait_for()
    page.keyboard.press("w")  # typed into the box, not a shortcut
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("Search").wait_for()
    page.keyboard.press("Escape")
    page.goto(page.url.split("/?")[0].rstrip("/") + "/search")
    reach(page, "#q")
    page.keyboard.type("gem")
    page.get_by_role("link", name="gemini-2.5-flash").wait_for()
    assert page.url.endswith("/search?q=gem")
    assert page.locator("#q:focus").count() == 1
