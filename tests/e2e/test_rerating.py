"""Re-rating in a browser: a name that waits is priced later, with and without a script; every state is accessible."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.access.models import User
from apps.costs.models import LanguageModel, Provider, RerateRun, UsageRecord
from tests.costs.factories import make_usage, record
from tests.costs.rerating.steps import applied, previewed, reversed_again, set_price, work
from tests.e2e.conftest import OpenTab
from tests.e2e.tab import Tab

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
LOOKS = pytest.mark.parametrize("scheme, width", [("light", 1280), ("light", 320), ("dark", 1280), ("dark", 320)])


def use(model: str, **fields: Any) -> None:
    now = timezone.now()
    record(make_usage(now - timedelta(hours=3), cost_usd=None, model=model, **fields), now=now)


def assert_good(tab: Tab, path: str) -> None:
    tab.goto(path)
    tab.assert_fits()
    tab.assert_accessible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_name_that_waits_is_priced_and_put_back(open_tab: OpenTab, owner: User, scripts: bool) -> None:
    set_price("gpt-4.1", "2", "8")
    use("our-gpt", conversation_id="c")
    tab = open_tab("/", owner, java_script_enabled=scripts)
    page = tab.page
    page.get_by_role("link", name="See why, and give them one").click()
    page.get_by_role("link", name="Same model as").click()
    page.get_by_label("It is the same model as").fill("openai/gpt-4.1")
    page.get_by_role("button", name="It is this model").click()
    page.get_by_role("button", name="Re-rate what waits").click()
    page.get_by_role("heading", name="Being previewed").wait_for()
    work()
    if not scripts:
        page.get_by_role("link", name="Look again").click()
    page.get_by_role("button", name="Approve: change 1 record, +$0.0028").click()
    page.get_by_role("heading", name="Approved").wait_for()
    work()
    page.get_by_role("link", name="Show the result" if scripts else "Look again").click()
    page.get_by_text("Reverse this run …").click()
    assert UsageRecord.objects.get().cost_usd == Decimal("0.0028")
    page.get_by_role("button", name="Reverse run").click()
    page.get_by_role("heading", name="Being reversed").wait_for()
    work()
    page.get_by_role("link", name="Show the result" if scripts else "Look again").click()
    assert "1 put back" in page.inner_text("main")
    assert UsageRecord.objects.get().cost_usd is None
    tab.goto("/prices/unpriced")
    page.get_by_role("button", name="Undo that our-gpt").click()
    assert "our-gpt no longer means openai/gpt-4.1" in page.inner_text("main")


@LOOKS
def test_every_state_of_a_run(open_tab: OpenTab, owner: User, scheme: str, width: int) -> None:
    Provider.objects.create(id="openai", name="OpenAI")
    use(
        "gpt-4.1",
        conversation_id="a-conversation-with-a-name-that-is-long-and-does-not-break-anywhere",
        project="support",
    )
    use("gpt-4.1", conversation_id="d", project="sales")
    set_price("gpt-4.1", "2", "8")
    draft = RerateRun.objects.create(asked_by="alice@example.org")
    tab = open_tab("/health", owner, color_scheme=scheme, viewport={"width": width, "height": 900})
    assert_good(tab, "/prices/unpriced")
    assert_good(tab, f"/prices/rerates/{draft.pk}")
    RerateRun.objects.filter(pk=draft.pk).update(state="abandoned")
    run = previewed()
    assert_good(tab, f"/prices/rerates/{run.pk}")
    tab.page.get_by_text("CSV of every record").wait_for()
    done = applied()
    assert_good(tab, f"/prices/rerates/{done.pk}")
    tab.page.get_by_text("Reverse this run").click()
    tab.assert_fits()
    RerateRun.objects.filter(pk=run.pk).update(state="approved")
    work()
    assert_good(tab, f"/prices/rerates/{run.pk}")
    assert "It stopped, and nothing was changed." in tab.page.inner_text("main")
    reversed_again(done)
    LanguageModel.objects.update(own_aliases=["a-name"])
    for path in (f"/prices/rerates/{done.pk}", "/prices/rerates", "/prices/unpriced"):
        assert_good(tab, path)
