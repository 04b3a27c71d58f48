"""The pages without a script, on paper, and in forced colours."""

import pytest

from apps.access.models import ApiKey, User
from tests.e2e.conftest import OpenTab

pytestmark = pytest.mark.e2e


def test_everything_works_without_a_script(open_tab: OpenTab, owner: User, fleet: None) -> None:
    tab = open_tab("/", owner, java_script_enabled=False)
    page = tab.page
    page.get_by_role("link", name="7 days", exact=True).click()
    page.wait_for_url("**/?period=7d")
    page.get_by_role("region", name="Models").get_by_role("link", name="gpt-4.1-mini").click()
    page.wait_for_url("**/?period=7d&model=gpt-4.1-mini")
    # Nothing draws the chart, so its table stands open.
    assert page.get_by_role("region", name="Spend by model per day").locator("tbody tr:visible").count() == 7
    page.get_by_text("Other days").click()
    page.get_by_label("From").fill("2026-01-05")
    page.get_by_label("To, included").fill("2026-01-09")
    page.get_by_role("button", name="Show these days").click()
    page.wait_for_url("**/?from=2026-01-05&to=2026-01-09&model=gpt-4.1-mini")
    page.get_by_role("link", name="Clear filters").first.click()
    page.get_by_text("Theme", exact=True).click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert "from=2026-01-05" in page.url
    assert page.locator(".needs-js:visible, [data-copy]:visible, canvas:visible").count() == 0


def test_a_key_is_made_without_a_script(open_tab: OpenTab, owner: User) -> None:
    page = open_tab("/", owner, java_script_enabled=False).page
    page.get_by_role("button", name="Create key").click()
    assert "Bearer bsr_" in page.locator("#first-call").inner_text()
    assert ApiKey.objects.count() == 1
    page.get_by_role("link", name="look again").click()
    assert "Three steps" in page.locator(".lede").inner_text()


def test_a_form_tells_its_errors_without_a_script(open_tab: OpenTab, owner: User) -> None:
    tab = open_tab("/styleguide", owner, java_script_enabled=False)
    tab.expect("422")
    tab.page.get_by_role("button", name="Check").click()
    assert "Name: This field is required." in tab.page.locator(".errors").inner_text()


def test_paper_has_the_numbers_and_no_controls(open_tab: OpenTab, owner: User, fleet: None) -> None:
    tab = open_tab("/?model=gpt-4.1", owner, color_scheme="dark")
    page = tab.page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for gone in (".topbar", ".filterbar", ".footer", ".btn"):
        assert page.locator(f"{gone}:visible").count() == 0, gone
    assert page.locator(".lede").inner_text().startswith("Last 30 days")
    printed = page.locator(".print-only:visible").all_inner_texts()
    assert (printed[0][:8], printed[1]) == ("Read at ", "Only Model: gpt-4.1")
    assert page.get_by_role("region", name="Spend by model per day").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.as-table[open]").count() == 0
    assert page.pdf()[:5] == b"%PDF-"


def test_a_statement_is_made_for_paper(open_tab: OpenTab, owner: User, fleet: None) -> None:
    page = open_tab("/statement", owner, color_scheme="dark").page
    page.emulate_media(media="print")
    for gone in (".topbar", ".footer", ".btn"):
        assert page.locator(f"{gone}:visible").count() == 0, gone
    for there in ("Statement ", "Total", "By task type", "and what it leaves out", "Written "):
        assert page.locator("main").get_by_text(there).first.is_visible(), there
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert page.pdf()[:5] == b"%PDF-"


def test_forced_colours_keep_states_visible(open_tab: OpenTab, owner: User, fleet: None) -> None:
    tab = open_tab("/?period=7d", owner, forced_colors="active")
    page = tab.page
    assert page.evaluate("getComputedStyle(document.querySelector('.range [aria-current]')).outlineStyle") == "solid"
    swatches = page.locator(".legend .swatch[class*=' s']").all()
    colours = {swatch.evaluate("element => getComputedStyle(element).backgroundColor") for swatch in swatches}
    assert len(colours) == len(swatches)
    tab.assert_fits()
    tab.assert_accessible()
