"""The pages of the project itself (those of access are in test_access.py), in light and dark, wide and narrow:
axe, policy, console, outside requests, sideways scroll.
"""

import pytest

from apps.access.models import User
from apps.costs.models import LanguageModel
from apps.routing.models import ReplayRun
from tests.costs.posting import load_prices
from tests.e2e.conftest import OpenTab
from tests.e2e.tab import Tab

pytestmark = pytest.mark.e2e

LOOKS = pytest.mark.parametrize("scheme, width", [("light", 1280), ("light", 320), ("dark", 1280), ("dark", 320)])
UNPRICED = "acme-reasoner-experimental-2026-11-preview-long-context-200k"
PAGES = (
    "/",
    "/?period=7d&model=gpt-4.1&group=agent",
    "/?period=today&compare=none&tz=Europe/Berlin&interval=x",
    "/?model=nobody-uses-this",
    "/?period=mtd&project=default",
    "/explore",
    "/explore?group=agent&then=task_type&measure=success_rate&period=7d",
    "/explore?group=user&then=agent&show=ranking&measure=latency_p95",
    "/explore?group=error_type&then=model&measure=waste_usd&period=7d",
    "/explore?measure=cost_per_success&show=ranking&group=agent",
    "/explore?measure=calls_share&group=tool&then=model",
    "/explore?measure=waste_usd&from=2026-01-01&to=2026-11-01",
    "/explore?group=user&then=agent&from=2026-01-01&to=2026-11-01&measure=x",
    "/explore?show=running&model=nobody-uses-this",
    "/explore/records?model=gpt-4.1",
    "/explore/records?from=2026-01-01&to=2026-11-01",
    "/views",
    "/search?q=gpt",
    "/search?q=nobody-is-called-so",
    "/statement",
    "/statement/2026-11?project=default&tz=x",
    "/views/new?of=/explore%3Fgroup%3Dagent",
    "/c",
    "/c?sort=newest&outcome=unknown&model=gpt-4.1",
    "/c?model=nobody-uses-this",
    "/c/default/chat-1",
    "/settings/reporting",
    "/styleguide",
    "/health",
    "/how",
    "/budgets",
    "/budgets/new",
    "/routing",
    "/routing/decisions",
    "/routing/decisions/d1?project=support",
    "/routing/compression",
    "/routing/examples",
    "/routing/providers",
    "/routing/what-if",
    "/routing/savings",
    "/routing/savings?period=7d&project=nowhere",
    "/routing/baselines",
    "/routing/versions",
    "/routing/versions/1",
    "/routing/playground",
    "/prices",
    "/prices?q=gpt&sort=-input&page=2",
    "/prices?q=nobody-makes-this",
    "/prices/match",
    "/prices/match?name=openai/gpt-4.1-2025-04-14&on=2026-11-01",
    "/prices/match?name=gpt-4.1&on=someday",
    "/prices/match?name=gpt-4.1-mini-high&provider=openai",
    "/prices/match/list",
    "/prices/invoices",
    "/prices/invoices/new",
    "/prices/invoices/import",
    "/prices/adjustments",
    "/prices/subscriptions",
    "/prices/import",
    "/prices/new?provider=acme&name=acme-1",
    "/prices/unpriced",
    f"/prices/unpriced/same?provider=acme&name={UNPRICED}",
    "/prices/rerates",
    "/prices/rerates/new?name=gpt-4.1&provider=openai&from=2026-11-01",
    "/alerts",
    "/alerts?state=all&severity=critical",
    "/alerts?state=silenced",
    "/alerting",
    "/alerting/channels/new",
    "/deliveries",
    "/deliveries?state=given_up",
    "/nothing-here",
)


def look(open_tab: OpenTab, path: str, person: User | None, scheme: str, width: int) -> Tab:
    return open_tab(path, person, color_scheme=scheme, viewport={"width": width, "height": 900})


def assert_good(tab: Tab) -> None:
    tab.assert_fits()
    tab.assert_accessible()


@LOOKS
def test_every_page(open_tab: OpenTab, owner: User, fleet: None, routed: int, scheme: str, width: int) -> None:
    tab = look(open_tab, "/", owner, scheme, width)
    tab.expect("404")
    tried = f"/routing/what-if/{ReplayRun.objects.get().pk}"
    ReplayRun.objects.update(name="Cheaper chat")
    for path in (*PAGES, f"/routing/drafts/{routed}", f"/routing/drafts/{routed}/publish", tried):
        tab.goto(path)
        assert_good(tab)


@LOOKS
def test_what_opens_on_a_page(open_tab: OpenTab, owner: User, fleet: None, scheme: str, width: int) -> None:
    tab = look(open_tab, "/health", owner, scheme, width)
    page = tab.page
    if width == 320:
        page.get_by_text("Menu", exact=True).click()
    page.get_by_text("Settings", exact=True).click()
    page.get_by_role("link", name="Audit log").wait_for()
    assert_good(tab)
    tab.goto("/")
    for summary in page.locator("details.as-table > summary").all():
        summary.click()
    page.get_by_text("Other days").click()
    page.evaluate("scrollTo(0, 0)")  # else the bar on top covers a part of what is tested
    page.evaluate("bursar.toast({text: 'Budget deleted.', undo: {url: '/', label: 'Undo'}})")
    assert_good(tab)
    tab.goto("/styleguide")
    page.get_by_role("button", name="Open dialog").click()
    page.locator("dialog[open]").wait_for()
    assert_good(tab)


@LOOKS
def test_forms_with_errors(open_tab: OpenTab, owner: User, scheme: str, width: int) -> None:
    tab = look(open_tab, "/login", None, scheme, width)
    for words in ("422", "401", "400"):
        tab.expect(words)
    tab.page.get_by_label("Email").fill("nobody@example.org")
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.locator(".errors").wait_for()
    assert_good(tab)
    tab = look(open_tab, "/styleguide", owner, scheme, width)
    tab.expect("422")
    tab.page.get_by_role("button", name="Check").click()
    tab.page.locator(".errors").wait_for()
    tab.wait_until("document.activeElement.className === 'errors'")
    assert_good(tab)


@LOOKS
def test_a_price_is_changed(open_tab: OpenTab, owner: User, fleet: None, scheme: str, width: int) -> None:
    load_prices()
    model = LanguageModel.objects.get(name="gemini-2.5-pro")
    tab = look(open_tab, f"/prices/{model.pk}", owner, scheme, width)
    page = tab.page
    for summary in page.locator(".form details > summary, details.as-table > summary").all():
        summary.click()
    assert_good(tab)
    tab.goto(f"/prices/{model.pk}")
    page.locator("[name=input_tokens]").fill("0.00125")
    page.get_by_text("$0.00000125 per 1k").wait_for()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Please look again").wait_for()
    page.wait_for_load_state()
    assert_good(tab)
    tab.expect("422")
    page.get_by_role("button", name="Save this price").click()
    page.get_by_text("Nothing was saved").wait_for()
    page.wait_for_load_state()
    assert_good(tab)
    page.get_by_label("These values are right").check()
    page.get_by_role("button", name="Save this price").click()
    page.get_by_role("heading", name="What people did").wait_for()
    page.wait_for_load_state()
    assert_good(tab)
    tab.goto(f"/prices/{model.pk}/end")
    assert_good(tab)


@LOOKS
def test_before_the_first_usage(open_tab: OpenTab, owner: User, scheme: str, width: int) -> None:
    tab = look(open_tab, "/", owner, scheme, width)
    assert_good(tab)
    tab.goto("/")
    tab.page.get_by_role("button", name="Create key").click()
    tab.page.get_by_text("It is shown only now").wait_for()
    assert_good(tab)
