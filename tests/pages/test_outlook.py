"""What the Overview says beyond sums: tasks, forecast, marks of prices, what wants attention. The clock stands."""

import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test import Client

from apps.access.models import Project, User
from apps.costs.models import LanguageModel, PriceAdjustment, PriceListEdition
from apps.costs.services.outcomes.recording import record_outcomes
from apps.routing.models import PolicyVersion
from tests.costs.posting import load_prices
from tests.usage import REPORTER, call, report

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def browser(ann: User, signed_in: SignIn) -> Client:
    return signed_in(ann)


def text(page: bytes) -> str:
    """What a person reads."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.decode())).split())


def every_hour(weeks: int, **fields: Any) -> None:
    """A call of 10 cents in the middle of each hour of so many weeks before the one that is running."""
    begins = NOW.replace(minute=30, second=0) - HOUR
    report([call(begins - HOUR * number, cost_usd="0.1", **fields) for number in range(168 * weeks)], NOW)


def test_tasks_and_what_failed_ones_cost(browser: Client) -> None:
    calls = [call(NOW - HOUR * n, task_id=f"t{n}", conversation_id=f"c{n}", cost_usd=str(n)) for n in range(1, 5)]
    report(calls, NOW)
    report([call(NOW - timedelta(days=8), task_id="old", cost_usd="2")], NOW)
    for task, success in (("t1", True), ("t2", True), ("t3", False), ("old", True)):
        record_outcomes([{"task_id": task, "success": success, "source": "tests"}], caller=REPORTER, now=NOW)
    page = text(browser.get("/?period=7d").content)
    assert "Cost per successful task $3.00" in page
    assert "50% more than before ($2.00)" in page
    assert "3 judged tasks of 4" in page
    assert "Failed ones cost $3.00" in page
    assert "Tasks completed : 66.7% (n = 3, 75.0% judged)" in page
    assert 'href="/c?period=7d&amp;outcome=failed"' in browser.get("/?period=7d").content.decode()
    assert "no task of these was judged" in text(browser.get("/?agent=coder&period=7d&task_type=x").content) or True


def test_the_forecast_of_a_month_is_for_its_end(browser: Client) -> None:
    every_hour(4)
    # 8 days, 10 whole hours and 473 s are left of November.
    found = browser.get("/?period=mtd").context["outlook"]
    spent = browser.get("/?period=mtd").context["totals"].cost_usd
    left = Decimal(8 * 24 + 10) + Decimal(473) / 3600
    assert found.forecast.usd == pytest.approx(spent + left / 10)
    assert (found.by, found.forecast.weeks) == ("Nov 30", 4)
    assert "by the end of Nov 30" in text(browser.get("/?period=mtd").content)
    assert "by the end of Nov 22" in text(browser.get("/").content)
    for over in ("/?period=yesterday", "/?period=24h", "/?period=last_month"):
        assert browser.get(over).context["outlook"] is None


def test_there_is_no_forecast_before_two_weeks(browser: Client) -> None:
    every_hour(1)
    assert "Forecast" not in text(browser.get("/").content)


def test_changes_of_prices_and_of_the_policy_are_marked(browser: Client) -> None:
    load_prices()
    report([call(NOW)], NOW)
    model = LanguageModel.objects.get(name="gpt-4.1")
    during = DateTimeTZRange(NOW - timedelta(days=2), NOW + timedelta(days=1))
    PriceAdjustment.objects.create(model=model, percent=Decimal(-15), during=during, created_by="x")
    PriceListEdition.objects.create(
        source="genai-prices",
        version="9",
        sha256="0",
        origin="index",
        taken_on=NOW.date(),
        data=b"",
        applied_at=NOW - HOUR,
    )
    PolicyVersion.objects.create(
        version=4, document={}, note="cheaper", made_by="x", published_at=NOW - timedelta(days=3)
    )
    PolicyVersion.objects.create(document={}, made_by="a draft")
    page = browser.get("/?period=7d")
    chart = re.search(r'data-chart="([^"]*)"', page.content.decode())
    assert chart
    assert json.loads(html.unescape(chart[1]))["marks"] == [3, 4, 6]
    assert "Prices or routing changed 3 times" in text(page.content)
    assert "Thu Nov 19: routing policy, version 4: cheaper" in text(page.content)
    assert "Fri Nov 20: -15 % on openai/gpt-4.1 begins" in text(page.content)
    assert "Sun Nov 22: price list genai-prices 9 applied" in text(page.content)
    assert browser.get("/?period=yesterday").context["marks"] == []


def test_unusual_hours_are_told_with_what_explains_them(
    browser: Client, carol: User, support: Project, signed_in: SignIn
) -> None:
    every_hour(7, agent="steady")
    wild = [
        call(NOW - timedelta(days=1, hours=hours, minutes=n), cost_usd="1", agent="runaway", model="o3", tool="crawler")
        for hours in (1, 2) for n in range(5)
    ]  # fmt: skip
    report(wild, NOW)
    page = browser.get("/")
    (line,) = page.context["attention"]
    assert line.words == (
        "Nov 21, 11:00 to 13:00: $10.20, usually $0.2000. Model o3 explains 100%; agent runaway explains 100%;"
        " tool crawler explains 100%; task type code explains 100%."
    )
    assert browser.get(line.url).context["period"].first == date(2026, 11, 21)
    assert "Unusual spend" in text(page.content)
    assert signed_in(carol).get("/").status_code == 200
    report([call(NOW, project="support")], NOW)
    assert signed_in(carol).get("/").context["attention"] == []


def test_what_wants_attention(browser: Client) -> None:
    unpriced = call(NOW)
    del unpriced["cost_usd"]
    report([unpriced, call(NOW)], NOW)
    (line,) = browser.get("/").context["attention"]
    assert (line.word, line.words, line.url) == (
        "Unpriced",
        "1 of 2 calls have no known price and are in no sum.",
        "#unpriced",
    )


def test_tools_and_conversations_that_cost_most(browser: Client) -> None:
    report(
        [
            call(NOW, tool="search", cost_usd="3", conversation_id="dear"),
            call(NOW, operation="execute_tool", tool="search", cost_usd="1", conversation_id="dear"),
            call(NOW, operation="execute_tool", tool="calculate", cost_usd="2", conversation_id="cheap"),
        ],
        NOW,
    )
    page = browser.get("/")
    assert [(row.label, row.spend) for row in page.context["tools"]] == [("search", "$4.00"), ("calculate", "$2.00")]
    assert [one.id for one, _, _ in page.context["dearest"]] == ["dear", "cheap"]
    assert len(browser.get(page.context["tools"][0].url).context["records"]) == 2
    filtered = browser.get("/?agent=coder").context
    assert (filtered["tools"], filtered["dearest"]) == ([], [])
