"""Explore as a page: pivots that add up, its address, files, records, limits. The clock stands still."""

import csv
import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from apps.access.models import Project, User
from controlplane.explore.measures import MEASURES, Unit
from tests.usage import call, report, report_a_month

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def browser(ann: User, signed_in: SignIn) -> Client:
    return signed_in(ann)


def read(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    page = re.sub(r"</?(a|code|span|time|i)\b[^>]*>", "", response.content.decode())
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def csv_of(client: Client, address: str) -> list[dict[str, str]]:
    answer: Any = client.get(address)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(answer.getvalue().decode().splitlines()))


def test_two_dimensions_with_totals(browser: Client) -> None:
    report([call(NOW, cost_usd="1.25", user="ada"), call(NOW, cost_usd="0.5", model="o3"), call(NOW, user="bob")], NOW)
    page = read(browser, "/explore?group=user&then=model")
    assert "Spend by user and model" in page
    assert "User Spend gpt-4.1 o3" in page
    assert "ada $1.25 $1.25" in page
    assert "(none) $0.50" in page
    assert "All $1.76 $1.26 $0.50" in page
    assert "Read from sums" in page
    assert "Read from the single records" in read(browser, "/explore?group=user&then=agent")


def test_utilisation_is_a_share_of_all_usage_in_the_same_time(browser: Client) -> None:
    day = timedelta(days=1)
    used = [("a", NOW - day)] * 3 + [("b", NOW - day)] + [("b", NOW)] * 4
    report([call(at, model=model, cost_usd="1", tier=model) for model, at in used], NOW)
    address = "/explore?period=7d&measure=calls_share"
    page = browser.get(f"{address}&then=tier").context
    assert [(row.label, row.total.words) for row in page["table"].rows] == [("b", "62.5%"), ("a", "37.5%")]
    assert [field.words for field in page["table"].rows[1].fields] == ["\u2013", "37.5%"]
    assert (page["table"].foot, page["table"].whole) == (["62.5%", "37.5%"], "100%")
    assert [(one.name, one.values[-2:], one.total) for one in page["chart"].series] == [
        ("b", [Decimal("0.25"), 1], "62.5%"), ("a", [Decimal("0.75"), 0], "37.5%"),
    ]  # fmt: skip
    running = browser.get(f"{address}&show=running").context["chart"].series[0]
    assert running.values[-2:] == [Decimal("0.25"), Decimal("0.625")]
    lines = csv_of(browser, f"{address.replace('explore', 'explore.csv')}&over=time")
    assert [(line["start"][:10], line["model"], line["calls_share_percent"]) for line in lines] == [
        ("2026-11-21", "a", "75"), ("2026-11-21", "b", "25"), ("2026-11-22", "b", "100"),
    ]  # fmt: skip


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("address", ["group=model&then=agent", "group=user&then=task_type&show=ranking"])
def test_every_measure_has_a_page(browser: Client, measure: str, address: str) -> None:
    report(
        [call(NOW, user="ada", cache_read_input_tokens=300), call(NOW, status="error", time_to_first_token_ms=90)], NOW
    )
    page = read(browser, f"/explore?{address}&measure={measure}&period=7d")
    assert f"{MEASURES[measure].label} by " in page
    assert "Too much" not in page


def test_the_rest_and_the_file_add_up(browser: Client) -> None:
    spent = report_a_month(NOW, days=20, per_day=30)
    report([call(NOW, cost_usd="0.01", agent=f"agent-{number}", model=f"m-{number}") for number in range(30)], NOW)
    page = browser.get("/explore?group=agent&then=model")
    table = page.context["table"]
    assert [len(table.rows), table.rows[-1].label, table.columns[-1]] == [21, "Other (14)", "Other (32)"]
    exact = [Decimal(row.total.exact.lstrip("$").replace(",", "")) for row in table.rows]
    assert sum(exact) == spent + Decimal("0.3")
    for file in ("/explore.csv?group=agent&then=model", "/explore.csv?group=agent&then=model&over=time"):
        assert sum(Decimal(row["cost_usd"]) for row in csv_of(browser, file)) == spent + Decimal("0.3")
    answer: Any = browser.get("/explore.json?group=agent&then=model")
    told = json.loads(answer.getvalue())
    assert sum(Decimal(row["cost_usd"]) for row in told["results"]) == spent + Decimal("0.3")
    assert told["group_by"] == ["agent", "model"]


def test_rates_of_rests_are_rates_of_sums(browser: Client) -> None:
    calls = [call(NOW, model=f"m-{number:02}", status="error" if number < 4 else "ok") for number in range(40)]
    report(calls, NOW)
    table = browser.get("/explore?group=model&measure=success_rate").context["table"]
    assert table.whole == "90.0%"
    assert table.rows[-1].label == "Other (20)"
    assert table.rows[-1].total.words == "80.0%"


def test_running_totals_end_at_the_whole_and_stop_at_now(browser: Client) -> None:
    report([call(NOW - timedelta(days=day), cost_usd="1") for day in (0, 1, 3)], NOW)
    chart = browser.get("/explore?show=running&from=2026-11-18&to=2026-11-24").context["chart"]
    assert chart.series[0].values == [0, 1, 1, 2, 3, None, None]
    assert chart.whole == "$3.00"


def test_its_address_is_canonical_and_survives_reading(browser: Client) -> None:
    report([call(NOW, user="ada", tags={"team": "x"})], NOW)
    asked = "/explore?measure=calls&group=tag:team&then=user&filter_by=user&filter_value=ada&x=1"
    state = browser.get(asked).context["explored"]
    assert state.url() == "/explore?group=tag%3Ateam&user=ada&then=user&measure=calls"
    assert browser.get(state.url()).context["explored"] == state
    fragment = browser.get(asked, headers={"HX-Request": "true"})
    assert fragment["HX-Push-Url"] == state.url()
    assert b"<html" not in fragment.content


def test_what_is_not_understood_becomes_a_notice(browser: Client) -> None:
    page = read(browser, "/explore?group=colour&then=size&measure=joy&show=pie&rows=x")
    for words in (
        "Cannot group by \u201ccolour\u201d",
        "\u201csize\u201d",
        "\u201cjoy\u201d is not known",
        "\u201cpie\u201d",
    ):
        assert words in page


def test_a_filter_that_is_misspelt_is_told(browser: Client) -> None:
    report([call(NOW - timedelta(hours=1), user="ada")], NOW)
    own = "sort=newest&outcome=failed&measure=calls&then=agent&show=ranking&rows=100&compare=none&demo=1&agent=a"
    for path in ("/", "/explore", "/explore/records", "/c", "/routing/savings"):
        told = "This page does not know"
        assert f"{told} \u201cmodell\u201d" in read(browser, f"{path}?modell=x&{own}"), path
        assert told not in read(browser, f"{path}?{own}"), path


def test_too_long_a_question_says_what_to_do(browser: Client) -> None:
    report([call(NOW, user="ada"), call(NOW - timedelta(days=60))], NOW)
    page = read(browser, "/explore?group=user&then=agent&from=2026-09-01&to=2026-11-22")
    assert "for at most 31 days at a time. Choose a shorter period" in page
    assert "Last 7 daysWithout agent" in page
    refused = browser.get("/explore.csv?group=user&then=agent&from=2026-09-01&to=2026-11-22")
    assert refused.status_code == 422
    for asked, why, way in (
        ("measure=waste_usd", "What failed calls cost is kept as a sum.", "/explore?{}&measure=failed_usd"),
        ("group=error_type", "How many calls failed is kept as a sum.", "/explore?{}&group=status"),
    ):
        span = "from=2026-09-01&to=2026-11-22"
        assert why in read(browser, f"/explore?{asked}&{span}")
        ways = [link.url for link in browser.get(f"/explore?{asked}&{span}").context["ways_out"]]
        assert way.format(span) in ways
        assert browser.get(way.format(span)).context["table"].rows
    assert "Too many days to list" in read(browser, "/explore/records?from=2026-09-01&to=2026-11-22")


def test_a_cell_leads_to_its_records_and_a_record_to_its_cost(browser: Client) -> None:
    report([call(NOW, id=f"c-{number}", user="ada", cost_usd="0.25") for number in range(60)], NOW)
    report([call(NOW, id="other/1", model="o3"), call(NOW, id="of bob".replace(" ", "-"), user="bob")], NOW)
    row = browser.get("/explore?group=user&then=model").context["table"].rows[0]
    assert row.label == "ada"
    first = browser.get(row.fields[0].url).context
    assert [len(first["records"]), first["newer"]] == [50, ""]
    second = browser.get(first["older"]).context
    assert [len(second["records"]), second["older"]] == [10, ""]
    assert browser.get(second["newer"]).context["records"] == first["records"]
    assert {one["user"] for one in first["records"] + second["records"]} == {"ada"}
    assert len({one["id"] for one in first["records"] + second["records"]}) == 60
    page = read(browser, first["records"][0]["url"])
    assert "$0.25" in page
    assert "The provider reported this cost" in page
    assert len(csv_of(browser, "/explore/records.csv?user=ada")) == 60
    assert browser.get("/explore/record?project=default&id=other/1").status_code == 200
    assert browser.get("/explore/record?project=default&id=nothing").status_code == 404
    assert read(browser, "/explore/records?after=nonsense&before=2026 x")


def test_files_hold_no_formula(browser: Client) -> None:
    report([call(NOW, user="=1+1", agent="@x")], NOW)
    assert csv_of(browser, "/explore.csv?group=user&then=agent")[0] | {} == {
        "start": "2026-10-24T00:00:00+00:00",
        "end": "2026-11-23T00:00:00+00:00",
        "zone": "UTC",
        "user": "'=1+1",
        "agent": "'@x",
        "cost_usd": "0.01",
    }
    assert csv_of(browser, "/explore/records.csv")[0]["user"] == "'=1+1"


def test_limited_people_see_their_projects_alone(carol: User, support: Project, signed_in: SignIn) -> None:
    report([call(NOW, project="support", id="mine", cost_usd="2", tags={"team": "x"})], NOW)
    report([call(NOW, project="secret", id="theirs", cost_usd="40", tags={"hidden": "y"})], NOW)
    client = signed_in(carol)
    page = read(client, "/explore?group=project&then=user")
    assert "$2.00" in page
    assert "secret" not in page
    assert "Tag team" in page
    assert "hidden" not in page
    assert client.get("/explore/record?project=support&id=mine").status_code == 200
    assert client.get("/explore/record?project=secret&id=theirs").status_code == 404
    assert [row["id"] for row in csv_of(client, "/explore/records.csv")] == ["mine"]


def test_additive_measures_are_sums_alone() -> None:
    assert {measure.key for measure in MEASURES.values() if measure.is_additive and len(measure.needs) > 1} == {
        "tokens"
    }
    rates = [measure for measure in MEASURES.values() if measure.unit in (Unit.SHARE, Unit.MS)]
    assert [measure.key for measure in rates if measure.is_additive] == ["calls_share", "cost_share"]


def test_a_file_is_refused_where_a_page_would_leave_something_out(browser: Client) -> None:
    """A page says beside its numbers what it left out; a file of other numbers than asked for would not."""
    report([call(NOW - timedelta(hours=1), user="ada")], NOW)
    files = (
        "overview.csv",
        "explore.csv",
        "explore.json",
        "explore/records.csv",
        "c.csv",
        "focus.csv",
        "routing/savings.csv",
    )
    for file in files:
        assert browser.get(f"/{file}?period=7d&group=agent").status_code == 200, file
        for wrong, told in (("tz=Europe/Berln", "Berln\u201d is not known"), ("modell=m", "not know \u201cmodell")):
            answer = browser.get(f"/{file}?{wrong}")
            assert (answer.status_code, answer["Content-Type"]) == (422, "text/plain; charset=utf-8"), file
            assert told in answer.content.decode(), file
    filtered = browser.get("/overview.csv?user=ada")
    assert (filtered.status_code, filtered.content) == (422, b"This page cannot filter by user; it is left out.\n")
    assert browser.get("/explore.csv?user=ada").status_code == 200
