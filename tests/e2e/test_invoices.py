"""An invoice entered, seen, imported over and deleted, on wide and narrow pages, with and without scripts."""

import pytest

from apps.access.models import User
from tests.e2e.conftest import OpenTab

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
@pytest.mark.parametrize("scripts", [True, False])
def test_an_invoice(open_tab: OpenTab, owner: User, fleet: None, scheme: str, width: int, scripts: bool) -> None:
    tab = open_tab(
        "/prices/invoices/new",
        owner,
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        java_script_enabled=scripts,
    )
    page = tab.page
    page.get_by_label("Provider").fill("openai")
    page.get_by_label("First day").fill("2026-09-01")
    page.get_by_label("Last day, included").fill("2026-09-30")
    page.get_by_label("Billed, in USD").fill("12.50")
    page.get_by_role("button", name="Enter").click()
    page.get_by_role("heading", name="Two totals of the same days").wait_for()
    if scripts:
        tab.assert_fits()
        tab.assert_accessible()
    tab.goto("/prices/invoices/import")
    page.get_by_label("Or its text").fill(
        "provider,first_day,last_day,amount_usd\nopenai,2026-09-01,2026-09-30,13\nx,y,z,1"
    )
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("0 new, 1 changed, 0 as they stand, 1 wrong").wait_for()
    if scripts:
        tab.assert_fits()
        tab.assert_accessible()
    tab.goto("/prices/invoices")
    if scripts:
        tab.assert_fits()
        tab.assert_accessible()
    page.get_by_role("link", name="openai").first.click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo deleting").click()
    page.get_by_text("counts again.").wait_for()
    if scripts:
        tab.assert_accessible()
