"""The monthly statement: its tables add up, and it says what it leaves out. The clock stands still."""

import csv
import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from apps.access.models import Project, User
from tests.prices.acts import subscription
from tests.usage import call, report, report_a_month

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def lines(client: Client, address: str) -> list[dict[str, str]]:
    answer: Any = client.get(address)
    return list(csv.DictReader(StringIO(answer.getvalue().decode())))


def test_every_section_adds_up_to_the_total_and_to_explore(ann: User, signed_in: SignIn) -> None:
    browser = signed_in(ann)
    report_a_month(NOW, days=40, per_day=6)
    report([call(NOW, agent=f"agent-{number}", cost_usd="0.0001") for number in range(60)], NOW)
    told = lines(browser, "/statement/2026-11.csv")
    explored = lines(browser, "/explore.csv?from=2026-11-01&to=2026-11-30")
    whole = sum(Decimal(row["cost_usd"]) for row in explored)
    sections: dict[str, Decimal] = {}
    for row in told:
        sections[row["section"]] = sections.get(row["section"], Decimal(0)) + Decimal(row["cost_usd"])
    assert sections == dict.fromkeys(("total", "project", "agent", "model", "task_type"), whole)
    found = browser.get("/statement/2026-11").context["statement"]
    agents = next(part for part in found.parts if part.dimension == "agent")
    assert agents.lines[-1].name == f"Other ({len(agents.rows) - 40})"
    assert sum(line.totals.cost_usd for line in agents.lines) == whole
    assert found.before_usd == browser.get("/statement/2026-10").context["statement"].totals.cost_usd > 0


def test_it_says_what_it_is_and_what_it_leaves_out(ann: User, signed_in: SignIn) -> None:
    subscription()
    unpriced = call(NOW, provider="acme", model="acme-1")
    del unpriced["cost_usd"]
    report([call(NOW, cost_usd="1.5"), unpriced, unpriced], NOW)
    Project.objects.create(name="Demo", is_demo=True)
    report([call(NOW, project="Demo", cost_usd="99")], NOW)
    page = read(signed_in(ann), "/statement/2026-11")
    assert "Statement November 2026 so far, Nov 1 - 30, 2026, days in UTC" in page
    assert "From 2026-11-01 00:00:00 UTC up to, but not including, 2026-12-01 00:00:00 UTC" in page
    assert "Written 2026-11-22 13:52:07 UTC for ann@example.org" in page
    assert (
        "Calls and tools $1.50 $1.50 Subscription Team openai $21.58 $21.577858796296296" in page
    )  # 21.58 of its 30 days
    assert "2 calls without a known price cost more than nothing and are in no amount: acme-1 (2)." in page
    assert "1 call of demo data is left out." in page
    assert "No invoices of providers were entered" in page


def test_a_month_is_one_of_the_reporting_zone(ann: User, signed_in: SignIn, settings: Settings) -> None:
    settings.REPORTING_ZONE = "Europe/Berlin"
    report([call(datetime(2026, 10, 31, 23, 30, tzinfo=UTC), cost_usd="3")], NOW)
    browser = signed_in(ann)
    for key, spent in (("2026-10", "0.00"), ("2026-11", "3.00")):
        assert lines(browser, f"/statement/{key}.csv")[0]["cost_usd"] == spent
    assert lines(browser, "/statement/2026-11.csv")[0]["start"] == "2026-11-01T00:00:00+01:00"
    assert browser.get("/statement").context["month"].key == "2026-11", "nothing was used in October"
    report([call(datetime(2026, 10, 31, 22, 30, tzinfo=UTC), cost_usd="1")], NOW)
    assert browser.get("/statement").context["month"].key == "2026-10"
    for key in ("2026-13", "0000-01", "1999-12", "2026-1", "2026-11-01", "x"):
        assert browser.get(f"/statement/{key}").status_code == 404


def test_limited_people_get_that_of_their_projects(carol: User, support: Project, signed_in: SignIn) -> None:
    subscription()
    report([call(NOW, project="support", cost_usd="2"), call(NOW, project="secret", cost_usd="40")], NOW)
    browser = signed_in(carol)
    for address in ("/statement/2026-11", "/statement/2026-11?project=secret&project=support"):
        page = read(browser, address)
        assert "Total $2.00" in page
        assert "Projects you may not see are not in it." in page
        assert "Subscriptions are not in it: they belong to the whole installation, and you see some" in page
    assert "$0" in read(browser, "/statement/2026-11?project=secret")


def test_what_it_cannot_filter_by_is_told_and_its_file_is_refused(ann: User, signed_in: SignIn) -> None:
    report([call(NOW, project="support", cost_usd="2")], NOW)
    browser = signed_in(ann)
    for wrong in ("agent=coder", "tag:team=x", "modell=m"):
        name = wrong.partition("=")[0]
        page = read(browser, f"/statement/2026-11?{wrong}&period=7d&compare=none")
        assert f"by {name}; it is left out" in page or f"\u201c{name}\u201d; it is left out" in page, wrong
        assert browser.get(f"/statement/2026-11.csv?{wrong}").status_code == 422, wrong
    assert "left out" not in read(browser, "/statement/2026-11?project=support&period=7d&demo=1")
    assert browser.get("/statement/2026-11.csv?project=support&demo=1&from=2026-01-01").status_code == 200
