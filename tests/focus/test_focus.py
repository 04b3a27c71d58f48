"""The FOCUS export: the same sums as the pages, exact, in both formats, within what one may see."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pytest
import time_machine
from django.test import Client
from pyarrow import parquet

from apps.access.domain.identity import Scope
from apps.access.models import Project, User
from controlplane.focus.columns import COLUMNS, COUNTS, Kind
from tests.cast import HeldKey
from tests.house import ROOT
from tests.prices.acts import subscription
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


def lines(client: Client, address: str) -> list[dict[str, str]]:
    answer: Any = client.get(address)
    assert answer.status_code == 200, answer.content
    return list(csv.DictReader(StringIO(answer.getvalue().decode())))


def rows(client: Client, address: str) -> list[dict[str, Any]]:
    answer: Any = client.get(address)
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    found: list[dict[str, Any]] = parquet.read_table(BytesIO(answer.getvalue())).to_pylist()
    return found


def test_a_day_of_an_agent_with_a_model_is_a_row(browser: Client) -> None:
    at = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
    report([call(at, cost_usd="0.000000123456789"), call(at, cost_usd="0.1", status="ok")], NOW)
    (row,) = lines(browser, "/focus.csv?from=2026-11-01&to=2026-11-20&tz=Europe/Berlin")
    assert list(row) == list(COLUMNS)
    assert (
        row
        | {
            "BilledCost": "0.100000123456789",
            "EffectiveCost": "0.100000123456789",
            "BillingPeriodStart": "2026-10-31T23:00:00Z",
            "BillingPeriodEnd": "2026-11-30T23:00:00Z",
            "ChargePeriodStart": "2026-11-02T23:00:00Z",
            "ChargePeriodEnd": "2026-11-03T23:00:00Z",
            "ChargeCategory": "Usage",
            "ChargeClass": "",
            "ChargeDescription": "gpt-4.1: 2 calls by coder",
            "ConsumedQuantity": "3000",
            "ConsumedUnit": "Tokens",
            "ProviderName": "openai",
            "SkuId": "openai/gpt-4.1",
            "ResourceName": "coder",
            "SubAccountName": "default",
            "x_TaskType": "code",
            "x_Calls": "2",
        }
        == row
    )


def test_unknown_cost_is_null_and_a_fee_is_a_purchase(browser: Client) -> None:
    subscription()
    unpriced = call(NOW, provider="acme", model="m")
    del unpriced["cost_usd"]
    tool = {"occurred_at": NOW.isoformat(), "operation": "execute_tool", "tool": "search", "cost_usd": "0.25"}
    report([unpriced, tool, call(NOW)], NOW)
    found = lines(browser, "/focus.csv?period=today")
    by_service = {(row["ServiceName"], row["ProviderName"]): row for row in found}
    unknown = by_service["Model API", "acme"]
    assert [unknown[name] for name in ("BilledCost", "ListCost", "x_UnpricedCalls")] == ["", "", "1"]
    own = by_service["Tool executions", "internal"]
    assert [own[name] for name in ("BilledCost", "PricingQuantity", "PricingUnit")] == ["0.25", "1", "Requests"]
    fee = by_service["Subscription", "openai"]
    assert [fee[name] for name in ("ChargeCategory", "ChargeFrequency", "x_Calls")] == ["Purchase", "Recurring", ""]
    assert rows(browser, "/focus.parquet?period=today&provider=acme")[0]["BilledCost"] is None


@pytest.mark.parametrize("query", ["", "period=7d&model=gpt-4.1&model=o3", "tz=Asia/Kathmandu&agent=coder", "user="])
def test_both_formats_say_what_the_page_says(browser: Client, query: str) -> None:
    report_a_month(NOW, days=5, per_day=12)
    told = [Decimal(row["cost_usd"]) for row in lines(browser, f"/explore.csv?{query}")]
    as_csv, as_parquet = lines(browser, f"/focus.csv?{query}"), rows(browser, f"/focus.parquet?{query}")
    assert sum(told) == sum(Decimal(row["BilledCost"]) for row in as_csv) == sum(r["BilledCost"] for r in as_parquet)
    assert len(as_csv) == len(as_parquet) > 0
    for line, row in zip(as_csv, as_parquet, strict=True):
        for name, kind in COLUMNS.items():
            if kind is Kind.MONEY:
                assert Decimal(line[name]) == row[name], name
            elif kind is Kind.MOMENT:
                assert datetime.fromisoformat(line[name]) == row[name], name
            else:
                assert line[name] == ("" if row[name] is None else str(row[name])), name


def test_people_and_keys_get_what_they_may_see(
    carol: User, support: Project, signed_in: SignIn, make_held_key: Callable[..., HeldKey]
) -> None:
    subscription()
    at = NOW - timedelta(minutes=1)
    report([call(at, project="support", cost_usd="2"), call(at, project="secret", cost_usd="40")], NOW)
    bound = make_held_key(Scope.METRICS_READ, project_id=support.pk)
    for client, address in (
        (signed_in(carol), "/focus.csv"),
        (bound.client, "/api/exports/focus?format=csv"),
        (bound.client, "/api/exports/focus?project=secret&project=support"),
    ):
        assert [(row["SubAccountName"], row["BilledCost"]) for row in lines(client, address)] == [("support", "2.00")]


def test_the_api_refuses_what_makes_no_sense(reader: HeldKey) -> None:
    for query, path in (("format=xml", "format"), ("from=1990-01-01T00:00:00Z", "from"), ("tz=x", "tz")):
        refused = reader.client.get(f"/api/exports/focus?{query}")
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, path)
    assert len(rows(reader.client, "/api/exports/focus?format=parquet")) == 0


def test_a_question_that_takes_too_long_is_refused_before_anything_is_sent(browser: Client, settings: Any) -> None:
    report([call(NOW - timedelta(days=1), user="ada")], NOW)
    settings.RECORD_QUESTION_DAYS = 0
    assert browser.get("/focus.csv?user=ada").status_code == 422
    assert browser.get("/focus.xml").status_code == 404


def test_the_document_names_every_column() -> None:
    document = (ROOT / "docs" / "exports.md").read_text()
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", document.split("## FOCUS")[1], re.MULTILINE)
    assert [name for cell in listed for name in re.findall(r"`(\w+)`", cell)] == list(COLUMNS)
    assert set(COUNTS) <= set(COLUMNS)
