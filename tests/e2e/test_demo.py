"""Demo data in a browser: a click, the progress, the numbers, and a click that takes it all away."""

import pytest
from django.utils import timezone

from apps.access.models import User
from apps.costs.services.demo import asking, work_on_demo
from tests.e2e.conftest import OpenTab

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("options", [{}, {"viewport": {"width": 320, "height": 800}, "color_scheme": "dark"}])
def test_it_is_loaded_and_removed_with_a_click(
    owner: User, open_tab: OpenTab, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "DAYS", 2)
    tab = open_tab("/", owner, **options)
    tab.assert_accessible()
    tab.page.get_by_role("button", name="Load demo data").click()
    tab.page.get_by_text("Loading demo data: 0 %.").wait_for()
    tab.assert_accessible()

    work_on_demo(now=timezone.now())
    tab.page.get_by_role("link", name="Look at the demo data").click()
    tab.page.locator(".strip").wait_for()
    assert tab.page.url == f"{tab.url}/?demo=1"
    tab.assert_accessible()

    tab.page.get_by_role("button", name="Remove demo data").click()
    tab.page.get_by_text("Removing demo data").wait_for()
    work_on_demo(now=timezone.now())
    tab.page.get_by_role("button", name="Load demo data").wait_for()
