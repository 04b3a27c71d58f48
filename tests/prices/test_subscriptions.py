"""Subscriptions: their calls cost 0 by a price that says so, their fee is a line of its own, and all can be undone."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller
from apps.access.models import User
from apps.costs.models import DerivedPrice, Price, Subscription
from apps.costs.selectors.rate_book import current_rate_book, current_version
from apps.costs.services.price_book.changes import undo_change
from apps.costs.services.price_book.materialising import materialise
from apps.costs.services.price_book.own import create_model
from apps.costs.services.price_book.subscriptions import add_subscription, end_subscription
from tests.cast import HeldKey
from tests.costs.posting import GPT, load_prices
from tests.pages.test_overview import csv_of
from tests.prices.test_editor import hidden, text
from tests.usage import call, report

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def admin(bob: User) -> Caller:
    load_prices()
    return bob.caller()


def subscribe(admin: Caller, first: date, last: date | None = None, *models: str, fee: str = "30") -> Subscription:
    add_subscription(
        caller=admin, provider="openai", name="Team", models=models, fee_usd=Decimal(fee), every="month",
        first_day=first, last_day=last, zone=UTC_ZONE, now=NOW,
    )  # fmt: skip
    return Subscription.objects.latest("id")


def prices_on(*days: date, name: str = "gpt-4.1") -> list[tuple[str, int | None]]:
    found = []
    for day in days:
        match = current_rate_book().lookup("openai", name, datetime(day.year, day.month, day.day, tzinfo=UTC))
        assert match is not None
        cost, assumed = match.card.charge(1000, 100, 500, 200, 100, 50, None, 3)
        assert not assumed or match.price_id == Price.objects.get(source="tests", model__name=name).pk
        found.append((Price.objects.get(id=match.price_id).source, cost))
    return found


def test_it_works(admin: Caller) -> None:
    subscribe(admin, date(2026, 11, 1), date(2026, 11, 30))
    found = prices_on(date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 1))
    assert [source for source, _ in found] == ["tests", "subscription", "subscription", "tests"]
    assert [cost for _, cost in found][1:3] == [0, 0]


def test_only_some_models(admin: Caller) -> None:
    load_prices({("openai", "other"): GPT}, version="2")
    subscribe(admin, date(2026, 11, 1), None, "OTHER")
    assert prices_on(date(2026, 11, 2))[0][0] == "tests"
    assert prices_on(date(2026, 11, 2), name="other")[0][0] == "subscription"


def test_models_that_come_later_are_covered_too(admin: Caller) -> None:
    subscribe(admin, date(2026, 11, 1))
    load_prices({("openai", "newer"): GPT}, version="2")
    assert prices_on(date(2026, 11, 23), name="newer")[0][0] == "subscription"
    create_model(caller=admin, provider="openai", name="unlisted")
    assert prices_on(date(2026, 11, 23), name="unlisted") == [("subscription", 0)]


def test_two_seats_at_once(admin: Caller) -> None:
    subscribe(admin, date(2026, 11, 1), date(2026, 11, 20))
    subscribe(admin, date(2026, 11, 10))
    assert prices_on(date(2026, 11, 25))[0][0] == "subscription"
    assert DerivedPrice.objects.count() == 1
    version = current_version()
    materialise()
    assert current_version() == version


def test_ending_and_undoing(admin: Caller) -> None:
    row = subscribe(admin, date(2026, 11, 1))
    ended = end_subscription(caller=admin, subscription_id=row.pk, last_day=date(2026, 11, 22))
    assert ended is not None
    assert [one[0] for one in prices_on(date(2026, 11, 22), date(2026, 11, 23))] == ["subscription", "tests"]
    assert end_subscription(caller=admin, subscription_id=row.pk, last_day=date(2026, 11, 22)) is None
    undo_change(caller=admin, change_id=ended.pk)
    assert Subscription.objects.values().get() == Subscription.objects.filter(pk=row.pk).values().get()
    assert prices_on(date(2026, 11, 23))[0][0] == "subscription"


@pytest.mark.parametrize("fields", [{"fee": "-1"}, {"last": date(2026, 10, 1)}, {"model": "gift"}])
def test_what_makes_no_sense_is_refused(admin: Caller, fields: dict[str, str]) -> None:
    with pytest.raises(Refused):
        subscribe(
            admin, date(2026, 11, 1), fields.get("last"), *([fields["model"]] if "model" in fields else []),  # type: ignore[arg-type]
            fee=fields.get("fee", "30"),
        )  # fmt: skip
    assert not Subscription.objects.exists()


# -- The line of its own ---------------------------------------------------------------------------------------------


def test_the_fee_stands_beside_the_calls_on_the_overview_its_csv_and_the_api(
    admin: Caller, bob: User, carol: User, signed_in: Callable[[User], Client], admin_key: HeldKey, reader: HeldKey
) -> None:
    subscribe(admin, date(2026, 11, 1))
    one = call(NOW - DAY)
    del one["cost_usd"]
    report([one, call(NOW - DAY, cost_usd="2", provider="groq", model="gift")], NOW)
    client = signed_in(bob)
    page = text(client.get("/?period=mtd"))
    assert "Spend $2.00" in page
    # 30 days of November cost 30 dollars; 21 and a half of them are over.
    assert "Subscriptions : $21.50 on top" in page
    rows = csv_of(client, "/overview.csv?period=mtd&interval=day")
    assert sum(Decimal(row["cost_usd"]) for row in rows if row["cost_usd"]) == 2
    fees = [Decimal(row["subscriptions_usd"]) for row in rows if row["subscriptions_usd"]]
    assert (sum(fees), set(fees)) == (Decimal("21.5"), {Decimal(1), Decimal("0.5")})
    asked = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    told = reader.client.get("/api/metrics/cost", asked).json()
    assert (told["totals"]["cost_usd"], told["subscriptions"]["cost_usd"]) == ("2.00", "21.50")
    by_week = reader.client.get("/api/metrics/cost", asked | {"interval": "week"}).json()["subscriptions"]
    assert sum(Decimal(row["cost_usd"]) for row in by_week["results"]) == Decimal("21.5")
    other = reader.client.get("/api/metrics/cost", asked | {"provider": "groq"}).json()["subscriptions"]
    assert other == {"cost_usd": "0.00", "results": []}
    assert reader.client.get("/api/metrics/cost", asked | {"model": "gift"}).json()["subscriptions"] is None
    assert "on top" not in text(signed_in(carol).get("/?period=mtd"))


def test_the_page_previews_saves_ends_and_undoes(admin: Caller, bob: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(bob)
    one = call(NOW - DAY)
    del one["cost_usd"]
    report([one], NOW)
    typed = {"provider": "openai", "name": "Team", "fee_usd": "30", "every": "month", "start": "2026-11-01"}
    looked = client.post("/prices/subscriptions/new", typed | {"step": "preview"})
    assert "Subscription Team (openai): $30 a month from 2026-11-01 on: preview" in text(looked)
    assert "Difference \u2212$0.0048" in text(looked)
    assert not Subscription.objects.exists()
    client.post("/prices/subscriptions/new", hidden(looked) | {"step": "save"})
    assert "Team openai $30.00 a month Runs 2026-11-01 on UTC every model $21.50" in text(
        client.get("/prices/subscriptions")
    )
    row = Subscription.objects.get()
    assert "Difference +$0.0048" in text(client.get(f"/prices/subscriptions/{row.pk}/end"))
    client.post(f"/prices/subscriptions/{row.pk}/end")
    assert Subscription.objects.get().last_day == date(2026, 11, 22)
    assert client.post("/prices/subscriptions/new", typed | {"fee_usd": "-1"}).status_code == 422
