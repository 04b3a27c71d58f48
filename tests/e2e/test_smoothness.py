"""What htmx and the scripts add: swaps, history, focus, charts, keys, errors, freshness."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Route, expect

from apps.access.models import User
from tests.e2e.conftest import OpenTab
from tests.e2e.tab import Tab
from tests.usage import call, report

pytestmark = pytest.mark.e2e

COLOURS = """() => {
  const canvas = document.querySelector('canvas[data-chart]'), pen = canvas.getContext('2d');
  const {data} = pen.getImageData(0, 0, canvas.width, canvas.height), seen = new Set();
  for (let at = 0; at < data.length; at += 4) seen.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
  return seen.size; }"""
CHARTS = "[bursarCharts.count(), Object.keys(Chart.instances).length, document.querySelectorAll('canvas').length]"
POLL = """{ const line = document.querySelector('#freshness');
  htmx.ajax('GET', line.getAttribute('hx-get'), {target: line, swap: 'outerHTML'}); }"""
ONE_CHART = "bursarCharts.count() === 1"
FOCUS = "document.activeElement.tagName + ' ' + document.activeElement.textContent.trim()"


def spend(tab: Tab) -> str:
    return tab.page.locator(".figure .value").first.inner_text()


@pytest.fixture
def tab(open_tab: OpenTab, owner: User, fleet: None) -> Tab:
    return open_tab("/", owner)


def test_a_filter_swaps_the_numbers_and_back_brings_them_again(tab: Tab) -> None:
    page, whole = tab.page, spend(tab)
    page.get_by_role("region", name="Models").get_by_role("link", name="gpt-4.1-mini").click()
    page.wait_for_url("**/?model=gpt-4.1-mini")
    page.get_by_role("group", name="Filters").wait_for()
    filtered = spend(tab)
    assert filtered != whole
    page.go_back()
    expect(page.get_by_role("group", name="Filters")).to_have_count(0)
    assert spend(tab) == whole
    assert page.locator("header").count() == 1
    assert page.evaluate(CHARTS) == [1, 1, 1]
    page.go_forward()
    page.get_by_role("group", name="Filters").wait_for()
    page.reload()
    assert spend(tab) == filtered


def test_focus_stays_where_it_was(tab: Tab) -> None:
    page = tab.page
    page.get_by_role("link", name="7 days", exact=True).focus()
    page.keyboard.press("Enter")
    tab.wait_until("document.querySelector('.lede').textContent.includes('Last 7 days')")
    tab.wait_until("document.activeElement.tagName === 'A'")
    assert page.evaluate(FOCUS) == "A 7 days"
    page.get_by_role("region", name="Agents").get_by_role("link", name="coder").press("Enter")
    page.get_by_role("group", name="Filters").wait_for()
    page.get_by_role("link", name="Agent: coder").press("Enter")
    tab.wait_until("!document.querySelector('[aria-label=Filters]')")
    tab.wait_until("document.activeElement.tagName !== 'BODY'")


def test_a_swap_is_announced(tab: Tab) -> None:
    tab.page.get_by_role("link", name="7 days", exact=True).click()
    tab.wait_until("document.querySelector('#announce').textContent.startsWith('Last 7 days')")


def test_the_chart_is_drawn_and_its_legend_hides_a_series(tab: Tab) -> None:
    page = tab.page
    assert page.evaluate(COLOURS) > 5
    first = page.locator(".legend button").first
    assert first.get_attribute("aria-pressed") == "true"
    first.click()
    assert first.get_attribute("aria-pressed") == "false"
    assert page.evaluate("Object.values(Chart.instances)[0].isDatasetVisible(0)") is False


def test_fifty_swaps_leave_one_chart_and_no_memory_behind(tab: Tab) -> None:
    page = tab.page
    session = page.context.new_cdp_session(page)

    def used() -> Any:
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"]

    def swap(times: int) -> None:
        for _ in range(times):
            for name, words in (("7 days", "Last 7 days"), ("30 days", "Last 30 days")):
                page.get_by_role("link", name=name, exact=True).click()
                tab.wait_until(f"document.querySelector('.lede').textContent.includes('{words}') && {ONE_CHART}")

    swap(2)
    before = used()
    swap(25)
    assert page.evaluate(CHARTS) == [1, 1, 1]
    assert used() - before < 5_000_000


def test_keys_work_and_can_be_switched_off(tab: Tab) -> None:
    page = tab.page
    for key, address in (
        ("w", "/?period=7d"),
        ("d", "/?period=today"),
        ("x", "/?period=today&compare=none"),
        ("t", "/?compare=none"),
    ):
        page.keyboard.press(key)
        page.wait_for_url(f"{tab.url}{address}")
        tab.wait_until(ONE_CHART)
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/?from=*")
    page.keyboard.press("c")
    assert page.evaluate("document.activeElement.id") == "from"
    page.keyboard.press("w")  # typed into the field, not a shortcut
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0
    page.keyboard.press("?")
    page.locator("#shortcuts[open]").wait_for()
    assert "W\n7 days" in page.locator("#shortcuts dl").inner_text()
    page.get_by_text("Single keys act as shortcuts").click()
    page.keyboard.press("Escape")
    address = page.url
    page.keyboard.press("w")
    tab.pause(200)
    assert page.url == address
    page.reload()
    page.keyboard.press("w")
    tab.pause(200)
    assert page.url == address


def test_escape_clears_the_filters(tab: Tab) -> None:
    tab.goto("/?model=gpt-4.1&agent=coder")
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_url(f"{tab.url}/")


def test_the_keyboard_alone_reaches_a_filter(tab: Tab) -> None:
    page = tab.page
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS) == "A Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('tbody th')"):
            break
    box: Any = page.evaluate("document.activeElement.getBoundingClientRect().toJSON()")
    assert box["top"] >= page.evaluate("document.querySelector('.topbar').offsetHeight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?model=*")


def test_an_error_says_so_and_keeps_the_page(tab: Tab) -> None:
    page, whole = tab.page, spend(tab)
    tab.expect("500")
    tab.expect("Response Status Error Code")
    page.route("**/?period=7d", lambda route: route.fulfill(status=500, headers={"X-Request-ID": "abc123"}, body="no"))
    page.get_by_role("link", name="7 days", exact=True).click()
    toast = page.locator(".toast.danger")
    toast.wait_for()
    assert "500" in toast.inner_text()
    assert "abc123" in toast.inner_text()
    assert spend(tab) == whole
    toast.get_by_role("button", name="Dismiss").click()
    assert page.locator(".toast").count() == 0


def test_a_slow_answer_shows_the_bar_and_marks_the_part_busy(tab: Tab) -> None:
    page = tab.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/?period=7d", hold)
    page.get_by_role("link", name="7 days", exact=True).click()
    page.locator("#progress.on").wait_for(state="attached")
    assert page.locator("#view").get_attribute("aria-busy") == "true"
    held[0].continue_()
    tab.wait_until("!document.querySelector('#progress').classList.contains('on')")
    assert page.locator("[aria-busy]").count() == 0


def test_new_calls_are_offered_not_moved_under_the_reader(tab: Tab) -> None:
    page, whole = tab.page, spend(tab)
    now = timezone.now()
    report([call(now, cost_usd="1000")] * 3, now)
    page.evaluate(POLL)
    link = page.get_by_role("link", name="Show 3 new")
    link.wait_for()
    assert spend(tab) == whole
    link.click()
    tab.wait_until("document.querySelector('.figure .value').textContent.startsWith('$3,0')")


def test_the_theme_changes_at_once_and_stays(tab: Tab) -> None:
    page = tab.page
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_text("Theme", exact=True).click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(paper)
    assert dark != light
    assert page.evaluate(CHARTS) == [1, 1, 1]
    page.reload()
    assert (page.evaluate(paper), page.locator("html").get_attribute("data-theme")) == (dark, "dark")
    assert page.evaluate(COLOURS) > 5
