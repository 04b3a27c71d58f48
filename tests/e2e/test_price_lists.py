"""The pages of the public lists: in every look, and a check, a decision and an application in the browser."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.access.models import User
from apps.costs.services.price_lists import work_on_check
from tests.costs.factories import make_usage, record
from tests.costs.lists.conftest import FIRST, SECOND, Lists
from tests.costs.lists.conftest import lists as lists
from tests.e2e.conftest import OpenTab

pytestmark = pytest.mark.e2e

LOOKS = pytest.mark.parametrize("scheme, width", [("light", 1280), ("light", 320), ("dark", 1280), ("dark", 320)])
LONG = "accounts/fireworks/models/some-very-long-model-name-of-a-preview-2026-11-20-instruct"


@pytest.fixture
def found(lists: Lists) -> Lists:
    """A check that found something of every kind, and lists that disagree."""
    now = timezone.now()
    lists.put("1.0", FIRST, SECOND | {("openai", "mini"): "1.3"})
    lists.load(now - timedelta(days=3))
    hour = now - timedelta(hours=1)
    record(make_usage(hour, model="mini", cost_usd=None, input_tokens=1_000_000, output_tokens=900), now=now)
    first = {("openai", "gpt"): "25", ("openai", "mini"): "1.5", ("fireworks", LONG): "0.2"}
    lists.put("1.1", first, {("openai", "gpt"): "2.5", ("openai", "mini"): "1.3", ("groq", "new"): "3"})
    lists.check(now)
    return lists


@LOOKS
def test_every_look(open_tab: OpenTab, owner: User, found: Lists, scheme: str, width: int) -> None:
    tab = open_tab("/prices/lists", owner, color_scheme=scheme, viewport={"width": width, "height": 900})
    for path in ("/prices/lists", "/prices/disagreements", "/prices/disagreements?show=all"):
        tab.goto(path)
        tab.assert_fits()
        tab.assert_accessible()


def test_from_a_check_to_prices_in_force(open_tab: OpenTab, owner: User, lists: Lists) -> None:
    lists.load(timezone.now() - timedelta(days=3))
    lists.put("1.1", {("openai", "gpt"): "25", ("openai", "mini"): "1.5"}, SECOND)
    tab = open_tab("/prices/lists", owner)
    page = tab.page
    page.get_by_role("button", name="Check for new prices").click()
    page.get_by_text("Looking for new prices.").wait_for()
    work_on_check(now=timezone.now())
    page.get_by_role("link", name="Show what it found").click()
    page.get_by_role("button", name="Accept openai/gpt").click()
    page.get_by_role("button", name="Apply 2").click()
    page.get_by_text("Applied 2 prices of genai-prices").wait_for()
    page.get_by_role("button", name="Undo 2 changes of genai-prices").click()
    page.get_by_text("Set back 2 prices from now on.").wait_for()
