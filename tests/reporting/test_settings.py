"""Reporting settings: zone, week and currency. No total between two instants moves. The clock stands still."""

import csv
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from apps.access.domain.errors import NotAllowed, Refused
from apps.access.domain.identity import Role
from apps.access.models import AuditEntry, Project, User
from apps.costs.models import CurrencyRate, DayFold
from apps.costs.selectors.currencies import converted
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.reporting import reporting
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.reporting import add_rate, change_reporting, delete_rate, restore_rate
from tests.cast import HeldKey, make_person
from tests.usage import call, report

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
DAY = timedelta(days=1)
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def lines(client: Client, address: str) -> list[dict[str, str]]:
    answer: Any = client.get(address)
    return list(csv.DictReader(StringIO(answer.getvalue().decode())))


def test_the_environment_holds_until_somebody_saves(bob: User, signed_in: SignIn, settings: Settings) -> None:
    settings.REPORTING_ZONE, settings.WEEK_START = "Asia/Tokyo", "sunday"
    browser = signed_in(bob)
    page = browser.get("/settings/reporting")
    assert page.context["form"].initial == {
        "zone": "Asia/Tokyo", "week_start": 6, "currency": "USD", "version": 0,
    }  # fmt: skip
    sent = {"zone": "Europe/Berlin", "week_start": "0", "currency": "USD", "version": "0"}
    assert browser.post("/settings/reporting", sent).status_code == 303
    assert (reporting().zone.key, reporting().week_start, reporting().version) == ("Europe/Berlin", 0, 1)
    settings.REPORTING_ZONE = "UTC"
    assert "days in Europe/Berlin (UTC+1)" in browser.get("/explore").content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before["zone"], entry.after["zone"]) == (  # type: ignore[index]
        "reporting.changed", "Asia/Tokyo", "Europe/Berlin",
    )  # fmt: skip
    refused = browser.post("/settings/reporting", sent | {"zone": "UTC"})
    assert refused.status_code == 422
    assert b"Somebody changed these settings" in refused.content


def test_a_change_of_zone_replaces_folds_and_moves_no_total(bob: User, ann: User, signed_in: SignIn) -> None:
    dice, browser = random.Random(5), signed_in(ann)
    moments = [NOW - timedelta(minutes=dice.randrange(1, 6 * 1440)) for _ in range(60)]
    spent = report([call(moment, cost_usd=f"0.{dice.randrange(1, 10**9):09d}") for moment in moments], NOW)
    fold_closed_days(now=NOW)
    by_day: dict[str, list[str]] = {}
    for zone in ("UTC", "America/St_Johns", "Asia/Kathmandu"):
        change_reporting(caller=bob.caller(), zone=zone)
        for is_folded in (False, True):
            if is_folded:
                assert fold_closed_days(now=NOW).left == 0
                assert set(DayFold.objects.exclude(zone="hours").values_list("zone", flat=True)) <= {zone, ""}
            rows = lines(browser, "/explore.csv?over=time&from=2026-11-14&to=2026-11-23")
            assert sum(Decimal(row["cost_usd"]) for row in rows) == spent
            by_day.setdefault(zone, [row["cost_usd"] for row in rows])
            assert by_day[zone] == [row["cost_usd"] for row in rows], "from folds as from quarter-hours"
    assert by_day["UTC"] != by_day["Asia/Kathmandu"]


def test_weeks_begin_on_the_day_that_was_chosen(bob: User, reader: HeldKey, signed_in: SignIn) -> None:
    change_reporting(caller=bob.caller(), week_start=6)
    browser = signed_in(bob)
    report([call(NOW - DAY * number) for number in range(20)], NOW)
    asked = "from=2026-11-02&to=2026-11-20&interval=week"
    starts = {row["start"][:10] for row in lines(browser, f"/explore.csv?over=time&{asked}")}
    told = reader.client.get(
        "/api/metrics/cost?from=2026-11-02T00:00:00Z&to=2026-11-21T00:00:00Z&interval=week"
    ).json()["results"]
    assert starts == {row["bucket"][:10] for row in told}
    assert max(starts) == "2026-11-15", "a Sunday"


def test_each_day_is_converted_at_its_own_rate(bob: User, signed_in: SignIn) -> None:
    caller = bob.caller()
    report([call(NOW - DAY * 9, cost_usd="10"), call(NOW - DAY, cost_usd="2")], NOW)
    query = UsageQuery(NOW - DAY * 20, NOW)
    assert converted(query, Decimal(12), now=NOW) is None
    first = add_rate(caller=caller, currency="EUR", first_day=date(2026, 11, 10), per_dollar=Decimal("0.9"))
    assert (
        add_rate(caller=caller, currency="EUR", first_day=date(2026, 11, 10), per_dollar=Decimal("0.90")).pk == first.pk
    )
    change_reporting(caller=caller, currency="EUR")
    some = converted(query, Decimal(12), now=NOW)
    assert some is not None
    assert (some.amount, some.words) == (None, "no EUR rate before Nov 10, 2026")
    add_rate(caller=caller, currency="EUR", first_day=date(2026, 10, 1), per_dollar=Decimal("0.5"))
    found = converted(query, Decimal(12), now=NOW)
    assert found is not None
    assert found.amount == 10 * Decimal("0.9") + 2 * Decimal("0.9")
    add_rate(caller=caller, currency="EUR", first_day=date(2026, 11, 20), per_dollar=Decimal(2))
    browser = signed_in(bob)
    for path in ("/?period=30d", "/explore?period=30d", "/statement/2026-11"):
        page = browser.get(path).content.decode()
        assert "\u2248 13.00 EUR" in page, path
        assert "1 USD = 0.9 EUR from Nov 10, 2026, typed by bob@example.org; 1 USD = 2 EUR from Nov 20" in page, path
    assert "EUR" not in browser.get("/explore?measure=calls").content.decode()


def test_a_currency_of_the_environment_waits_for_its_rate(bob: User, signed_in: SignIn, settings: Settings) -> None:
    settings.CURRENCY = "eur"
    report([call(NOW - DAY)], NOW)
    browser = signed_in(bob)
    assert "no EUR rate for this time" in browser.get("/explore").content.decode()
    sent = {"zone": "UTC", "week_start": "6", "currency": "EUR", "version": "0"}
    assert browser.post("/settings/reporting", sent).status_code == 303
    assert reporting().currency == "EUR"


def test_rates_are_deleted_and_put_back(bob: User, signed_in: SignIn) -> None:
    browser = signed_in(bob)
    sent = {"currency": "EUR", "first_day": "2026-11-01", "per_dollar": "0.92", "note": "bank"}
    assert browser.post("/settings/reporting/rates", sent).status_code == 303
    assert browser.post("/settings/reporting/rates", sent | {"per_dollar": "0.93"}).status_code == 422
    assert browser.post("/settings/reporting/rates", sent | {"currency": "eur"}).status_code == 422
    rate = CurrencyRate.objects.get()
    browser.post(f"/settings/reporting/rates/{rate.pk}/delete")
    assert b"Deleted lately" in browser.get("/settings/reporting").content
    add_rate(caller=bob.caller(), currency="EUR", first_day=date(2026, 11, 1), per_dollar=Decimal(1))
    with pytest.raises(Refused, match="another rate"):
        restore_rate(caller=bob.caller(), rate_id=rate.pk)
    delete_rate(caller=bob.caller(), rate_id=CurrencyRate.objects.latest("id").pk)
    browser.post(f"/settings/reporting/rates/{rate.pk}/restore")
    assert [str(one) for one in CurrencyRate.objects.filter(deleted_at=None)] == ["1 USD = 0.92 EUR from 2026-11-01"]


def test_what_makes_no_sense_is_refused(bob: User, support: Project) -> None:
    dora = make_person("dora@example.org", Role.ADMIN, support)
    with pytest.raises(NotAllowed):
        change_reporting(caller=dora.caller(), zone="UTC")
    for wrong in ({"zone": "Mars"}, {"week_start": 7}, {"currency": "EUR"}):
        with pytest.raises(Refused):
            change_reporting(caller=bob.caller(), **wrong)
    for currency, per_dollar in (("USD", "1"), ("euro", "1"), ("EUR", "0"), ("EUR", "1e9")):
        with pytest.raises(Refused):
            add_rate(caller=bob.caller(), currency=currency, first_day=date(2026, 1, 1), per_dollar=Decimal(per_dollar))


def test_the_api(admin_key: HeldKey, reader: HeldKey) -> None:
    client, path = admin_key.client, "/api/settings/reporting"
    assert reader.client.get(path).json() == {"zone": "UTC", "week_start": "monday", "currency": "USD"}
    assert client.patch(path, {"zone": "UTC"}, content_type="application/json").status_code == 428
    tag = {"If-Match": client.get(path)["ETag"]}
    changed = client.patch(path, {"week_start": "sunday"}, content_type="application/json", headers=tag)
    assert changed.json()["week_start"] == "sunday"
    assert client.patch(path, {}, content_type="application/json", headers=tag).status_code == 412
    wrong = client.patch(path, {"zone": "x"}, content_type="application/json", headers={"If-Match": "*"})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "zone")
    rate = {"currency": "EUR", "first_day": "2026-11-01", "per_dollar": "0.92"}
    made = client.post("/api/currency-rates", rate, content_type="application/json")
    assert (made.status_code, made.json()["per_dollar"]) == (201, "0.92")
    one = f"/api/currency-rates/{made.json()['id']}"
    assert client.delete(one).status_code == 204
    assert client.get("/api/currency-rates").json()["results"] == []
    assert client.post(f"{one}/restore").status_code == 200
    assert len(reader.client.get("/api/currency-rates").json()["results"]) == 1
