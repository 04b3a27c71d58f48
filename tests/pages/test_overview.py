"""The Overview as a page: its numbers, its address, its fragments, who sees what. The clock stands still."""

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
from pytest_django import DjangoAssertNumQueries

from apps.access.domain.identity import Role
from apps.access.models import ApiKey, Project, User
from controlplane.viewstate import DIMENSIONS
from tests.cast import make_person
from tests.usage import call, report, report_a_month

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def browser(ann: User, signed_in: SignIn) -> Client:
    return signed_in(ann)


def text(page: str) -> str:
    """What a person reads."""
    page = re.sub(r"</?(a|code|span|time)\b[^>]*>", "", page)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def chart_of(page: str) -> Any:
    found = re.search(r'data-chart="([^"]*)"', page)
    assert found
    return json.loads(html.unescape(found[1]))


def csv_of(client: Client, address: str) -> list[dict[str, str]]:
    response = client.get(address)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(response.getvalue().decode().splitlines()))


def test_it_shows_what_was_spent(browser: Client) -> None:
    report([call(NOW, cost_usd="1.25"), call(NOW, cost_usd="0.5", model="o3", status="error")], NOW)
    page = text(browser.get("/").content.decode())
    assert "Spend $1.75" in page
    assert "Calls 2" in page
    assert "in 2,400" in page
    assert "out 600" in page
    assert "Success rate 50.0% 1 error in 2 calls" in page
    assert "newest call" in page
    assert "Last 30 days (Oct 24 - Nov 22, 2026), days in UTC" in page


def test_figures_chart_tables_and_csv_agree_to_the_last_digit(browser: Client) -> None:
    spent = report_a_month(NOW, days=30, per_day=30)
    report([call(NOW, cost_usd="0.000000000000001")], NOW)
    whole = spent + Decimal("0.000000000000001")
    page = browser.get("/?from=2026-10-23&to=2026-11-22").content.decode()
    assert f'data-exact="${whole.normalize():f}"' in page
    for address in (
        "/overview.csv?from=2026-10-23&to=2026-11-22",
        "/overview.csv?from=2026-10-23&to=2026-11-22&table=agent",
    ):
        assert sum(Decimal(row["cost_usd"]) for row in csv_of(browser, address)) == whole
    drawn = sum(sum(series["values"]) for series in chart_of(page)["series"])
    assert drawn == pytest.approx(float(whole), rel=1e-3)


def test_htmx_gets_the_part_and_a_person_the_page(browser: Client) -> None:
    report([call(NOW)], NOW)
    whole, part = browser.get("/"), browser.get("/", headers=HTMX)
    assert whole.content.startswith(b"<!doctype html>")
    assert part.content.startswith(b'<div id="view"')
    assert browser.get("/", headers={**HTMX, "HX-History-Restore-Request": "true"}).content.startswith(b"<!doctype")
    assert "HX-Request" in part["Vary"]
    assert part["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "query, spend, words",
    [
        ("period=7d", "$30.00", "50.0% more than Nov 9 - 15, 2026, to 13:45 ($20.00)"),
        ("period=7d&compare=none", "$30.00", ""),
        ("period=yesterday", "$0", ""),
        ("period=today", "$30.00", "200% more than Nov 15, 2026, to 13:45 ($10.00)"),
    ],
)
def test_a_part_is_compared_with_the_same_part(browser: Client, query: str, spend: str, words: str) -> None:
    week = timedelta(days=7)
    report([call(NOW - timedelta(hours=1), cost_usd="30")], NOW)
    report(
        [call(NOW - week - timedelta(hours=1), cost_usd="10"), call(NOW - week * 2 + timedelta(days=1), cost_usd="10")],
        NOW,
    )
    report([call(NOW - week + timedelta(hours=1), cost_usd="99")], NOW)  # later on the same weekday: not yet comparable
    page = text(browser.get(f"/?{query}").content.decode())
    assert spend == "$0" or f"Spend {spend}" in page
    assert (words.replace("50.0%", "50%") in page) if words else "more than" not in page


def test_the_running_piece_is_named(browser: Client) -> None:
    report([call(NOW)], NOW)
    page = browser.get("/?period=7d").content.decode()
    chart = chart_of(page)
    assert chart["partial"] == 6
    assert '<th scope="row">Sun Nov 22, so far</th>' in page
    assert chart["previous"] is None


def test_the_earlier_period_is_drawn_beside(browser: Client) -> None:
    report([call(NOW), call(NOW - timedelta(days=7, hours=1))], NOW)
    page = browser.get("/?period=7d").content.decode()
    assert chart_of(page)["previous"]["titles"][6] == "Sun Nov 15"
    assert '<th scope="col" class="num">Earlier</th>' in page


def test_past_periods_have_no_running_piece(browser: Client) -> None:
    report([call(NOW - timedelta(days=1))], NOW)
    assert chart_of(browser.get("/?period=yesterday").content.decode())["partial"] is None


def test_rows_toggle_filters(browser: Client) -> None:
    report([call(NOW, cost_usd="2"), call(NOW, cost_usd="1", model="o3")], NOW)
    assert 'href="/?model=o3"' in browser.get("/").content.decode()
    filtered = browser.get("/?model=o3").content.decode()
    assert "Spend $1.00" in text(filtered)
    assert "Only Model: o3" in text(filtered)
    assert 'aria-current="true"><th scope="row">' in filtered
    assert 'href="/"' in filtered  # the row's own link takes the filter out


def test_several_values_of_a_filter_add_up(browser: Client) -> None:
    report([call(NOW, cost_usd="2"), call(NOW, cost_usd="1", model="o3"), call(NOW, model="o4")], NOW)
    assert "Spend $3.00" in text(browser.get("/?model=gpt-4.1&model=o3").content.decode())
    assert "Spend $1.00" in text(browser.get("/?model=o3&agent=coder&status=ok&status=error").content.decode())


def test_addresses_are_canonical(browser: Client) -> None:
    report([call(NOW)], NOW)
    page = browser.get(
        "/?agent=coder&model=o3&group=agent&compare=year&model=gpt-4.1&period=30d&demo=1"
    ).content.decode()
    assert 'href="/?compare=year&amp;group=agent&amp;agent=coder&amp;model=gpt-4.1&amp;demo=1"' in page


def test_names_with_special_characters_are_only_text(browser: Client) -> None:
    name = "a&b=\"<img src=x onerror=alert(1)>'é"
    report([call(NOW, cost_usd="2", model=name)], NOW)
    page = browser.get("/").content.decode()
    assert "<img" not in page
    links = re.findall(r'href="(/\?model=[^"]*)"', page)
    assert "Spend $2.00" in text(browser.get(html.unescape(links[0])).content.decode())


def test_calls_without_a_name_can_be_filtered(browser: Client) -> None:
    report([call(NOW, cost_usd="2"), call(NOW, cost_usd="1", task_type="")], NOW)
    assert "(none)" in text(browser.get("/").content.decode())
    assert "Spend $1.00" in text(browser.get("/?task_type=").content.decode())


def test_unpriced_calls_are_shown_and_named(browser: Client) -> None:
    unpriced = call(NOW, model="my-own", provider="acme")
    del unpriced["cost_usd"]
    report([call(NOW), unpriced, unpriced], NOW)
    page = browser.get("/").content.decode()
    assert 'href="#unpriced">2 unpriced</a>' in page
    assert "my-own 2 3,000" in text(page[page.index('id="unpriced"') :])
    assert "unknown" in text(page)


def test_nothing_unpriced_has_no_badge(browser: Client) -> None:
    report([call(NOW)], NOW)
    assert "unpriced" not in text(browser.get("/").content.decode())


@pytest.mark.parametrize(
    "query, words",
    [
        ("model=never-used", "Nothing matches these filters Last 30 days: no usage has Model: never-used."),
        ("period=yesterday", "No usage in this period Nothing was reported for Nov 21, 2026, days in UTC."),
        ("project=other&agent=x", "no usage has Project: other and Agent: x."),
    ],
)
def test_an_empty_view_says_why(browser: Client, query: str, words: str) -> None:
    report([call(NOW)], NOW)
    assert words in text(browser.get(f"/?{query}").content.decode())


@pytest.mark.parametrize(
    "query",
    [
        "period=x",
        "from=x&to=y",
        "tz=x",
        "compare=x",
        "interval=x",
        "group=x",
        "tool=x",
        "tag:a=b",
        "from=9999-12-31&to=9999-12-31",
    ],
)
def test_unknown_values_give_a_notice_never_an_error(browser: Client, query: str) -> None:
    report([call(NOW)], NOW)
    response = browser.get(f"/?{query}")
    assert response.status_code == 200
    assert "notice warning" in response.content.decode()


@pytest.mark.parametrize("group", DIMENSIONS)
def test_the_chart_groups_by_every_dimension(browser: Client, group: str) -> None:
    report([call(NOW, cost_usd="2", tier="simple", role="chat"), call(NOW, cost_usd="1", status="error")], NOW)
    address = f"/?group={group}"
    chart = chart_of(browser.get(address).content.decode())
    assert sum(sum(series["values"]) for series in chart["series"]) == 3
    assert sum(Decimal(row["cost_usd"]) for row in csv_of(browser, f"/overview.csv?group={group}")) == 3


def test_many_agents_are_ranked_first_and_the_rest_is_one(browser: Client) -> None:
    dollars = range(1, 10)
    report([call(NOW - timedelta(days=n), agent=f"a{n}", cost_usd=str(n)) for n in dollars], NOW)
    page = browser.get("/?period=30d&group=agent")
    chart, totals = page.context["chart"], page.context["totals"]
    assert [one.name for one in chart.series] == [*(f"a{n}" for n in range(9, 3, -1)), "Other (3)"]
    assert [one.total for one in chart.series] == [9, 8, 7, 6, 5, 4, 6]
    assert totals.cost_usd == sum(dollars)
    (table,) = (one for one in page.context["tables"] if one.dimension == "agent")
    assert [row.totals.cost_usd for row in table.rows] == list(reversed(dollars))
    assert page.context["moved"].was_spend == 0


def test_executions_alone_are_no_row_of_models(browser: Client) -> None:
    report([call(NOW, model=f"m{number}") for number in range(10)], NOW)
    tool = {name: value for name, value in call(NOW).items() if name not in ("model", "provider", "cost_usd")}
    report([tool | {"operation": "execute_tool", "tool": "search", "input_tokens": 0, "output_tokens": 0}], NOW)
    page = browser.get("/").content.decode()
    assert "1 tool execution" in page
    assert "Other (1)" not in page


def test_every_table_has_its_csv(browser: Client) -> None:
    report([call(NOW, cost_usd="2"), call(NOW, cost_usd="1", model="o3")], NOW)
    links = re.findall(r'href="(/overview.csv[^"]*)"', browser.get("/?agent=coder").content.decode())
    assert [html.unescape(link) for link in links] == [
        "/overview.csv?agent=coder",
        *(f"/overview.csv?agent=coder&table={name}" for name in ("model", "task_type", "agent")),
    ]
    assert [row["cost_usd"] for row in csv_of(browser, html.unescape(links[1]))] == ["2.00", "1.00"]


def test_days_are_cut_in_the_zone_that_is_named(browser: Client) -> None:
    report([call(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), cost_usd="5")], NOW)
    page = text(browser.get("/?period=today&tz=Europe/Berlin").content.decode())
    assert "days in Europe/Berlin (UTC+1)" in page
    assert "Spend $5.00" in page
    first, *_ = csv_of(browser, "/overview.csv?period=today&tz=Europe/Berlin")
    assert (first["start"], first["end"]) == ("2026-11-22T00:00:00+01:00", "2026-11-22T01:00:00+01:00")


def test_a_person_limited_to_a_project_sees_only_that(carol: User, signed_in: SignIn) -> None:
    report([call(NOW, cost_usd="2", project="support"), call(NOW, cost_usd="40", project="sales", model="secret")], NOW)
    client = signed_in(carol)
    for address in ("/", "/?project=sales&project=support"):
        page = client.get(address).content.decode()
        assert "Spend $2.00" in text(page)
        assert "secret" not in page
    assert [row["cost_usd"] for row in csv_of(client, "/overview.csv")] == ["2.00"]


def test_demo_data_counts_only_when_chosen(browser: Client) -> None:
    Project.objects.create(name="show", is_demo=True)
    report([call(NOW, cost_usd="2"), call(NOW, cost_usd="40", project="show")], NOW)
    assert "Spend $2.00" in text(browser.get("/").content.decode())
    assert "Spend $42.00" in text(browser.get("/?demo=1").content.decode())


def test_only_people_who_are_signed_in_see_it(charlie: Client) -> None:
    for address in ("/", "/overview.csv", "/overview/more", "/styleguide"):
        assert charlie.get(address).status_code == 302


def test_the_freshness_line_counts_what_arrived_since(browser: Client) -> None:
    report([call(NOW), call(NOW)], NOW)
    assert "Show 1 new" in text(browser.get("/overview/more?seen=1").content.decode())
    for seen in ("2", "9", "-1x"):
        assert ("Show" in browser.get(f"/overview/more?seen={seen}").content.decode()) == (seen == "-1x")


def test_it_asks_the_database_a_fixed_number_of_questions(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    report_a_month(NOW, days=3, per_day=20)
    browser.get("/")
    with django_assert_max_num_queries(50):
        browser.get("/")


def test_csv_cells_are_never_formulas(browser: Client) -> None:
    report([call(NOW, model="=1+1")], NOW)
    assert csv_of(browser, "/overview.csv")[0]["model"] == "'=1+1"


def test_every_figure_says_how_it_is_computed(browser: Client) -> None:
    report([call(NOW)], NOW)
    links = re.findall(r'<dt><a href="/how#([\w-]+)"', browser.get("/").content.decode())
    entries = re.findall(r'<dt id="([\w-]+)"', browser.get("/how").content.decode())
    assert links == ["spend", "per-success", "success", "latency", "saving", "calls"]
    assert set(links) <= set(entries)


# -- Before the first usage ------------------------------------------------------------------------------------------


def test_the_first_visit_is_the_onboarding(bob: User, signed_in: SignIn) -> None:
    page = signed_in(bob).get("/").content.decode()
    assert "Three steps to the first number" in page
    assert "curl http://testserver/api/usage" in page
    assert "Bearer YOUR_KEY" in page


def test_a_new_key_is_filled_in_and_works(bob: User, signed_in: SignIn) -> None:
    client = signed_in(bob)
    page = html.unescape(client.post("/first-key", {"made": "m1"}).content.decode())
    found = re.search(r"Authorization: Bearer (bsr_\S+)\"", page)
    assert found
    body = re.search(r"-d '(\{.*?\})'", page, re.S)
    assert body
    sent = Client().post(
        "/api/usage", body[1], content_type="application/json", headers={"Authorization": f"Bearer {found[1]}"}
    )
    assert (sent.status_code, sent.json()["accepted"]) == (200, 1)
    assert client.get("/", headers=HTMX).content.startswith(b'<div id="view"')


def test_a_reload_makes_no_second_key(bob: User, signed_in: SignIn) -> None:
    client = signed_in(bob)
    for _ in range(2):
        response = client.post("/first-key", {"made": "m1"})
    assert (response.status_code, response["Location"], ApiKey.objects.count()) == (303, "/", 1)


def test_an_admin_of_some_projects_is_sent_to_choose_one(support: Project, signed_in: SignIn) -> None:
    client = signed_in(make_person("dora@example.org", Role.ADMIN, support))
    response = client.post("/first-key", {"made": "m1"})
    assert (response["Location"], ApiKey.objects.count()) == ("/keys/new", 0)


def test_htmx_is_told_that_nothing_has_arrived(browser: Client) -> None:
    assert browser.get("/", headers=HTMX).status_code == 204


def test_an_analyst_cannot_make_keys(browser: Client) -> None:
    assert "ask one for a key" in browser.get("/").content.decode()
    assert browser.post("/first-key").status_code == 403
    assert not ApiKey.objects.exists()


# -- The frame -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme, cookie", [("dark", "dark"), ("light", "light"), ("", ""), ("pink", "")])
def test_the_theme_is_kept_in_a_cookie(browser: Client, theme: str, cookie: str) -> None:
    response = browser.post("/theme", {"theme": theme, "next": "/?period=7d"})
    assert (response.status_code, response["Location"]) == (302, "/?period=7d")
    assert response.cookies["theme"].value == cookie
    assert (f'data-theme="{cookie}"' in browser.get("/").content.decode()) == bool(cookie)


def test_the_way_back_stays_in_the_installation(browser: Client) -> None:
    assert browser.post("/theme", {"next": "https://example.org/"})["Location"] == "/"


MAIN = ["Overview", "Explore", "Conversations", "Routing", "Budgets", "Prices"]


@pytest.mark.parametrize(
    "role, entries",
    [
        (Role.ANALYST, ["Statements", "Health", "API docs"]),
        (
            Role.ADMIN,
            ["Statements", "Keys", "Projects", "Alerting", "Reporting", "Audit log", "Health", "API docs"],
        ),
        (
            Role.OWNER,
            ["Statements", "Keys", "People", "Projects", "Alerting", "Reporting", "Audit log", "Health", "API docs"],
        ),
    ],
)
def test_the_bar_on_top_has_the_pages_of_the_role(db: None, signed_in: SignIn, role: Role, entries: list[str]) -> None:
    client = signed_in(make_person("dora@example.org", role))
    bar = re.search(r'<nav class="nav".*?<div class="nav-end">', client.get("/").content.decode(), re.S)
    assert bar
    links = re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', bar[0])
    assert [label for _, label in links] == [*MAIN, *entries]
    assert [client.get(url, follow=True).status_code for url, _ in links] == [200] * len(links)


def test_the_footer_tells_the_state_of_the_installation(browser: Client) -> None:
    assert 'href="/health"' in browser.get("/").content.decode().split("<footer")[1]


def test_nobody_signed_in_sees_a_bare_frame(charlie: Client) -> None:
    page = charlie.get("/login").content.decode()
    assert "Settings" not in page
    assert "data-theme-form" in page
