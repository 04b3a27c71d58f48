"""What providers billed: entered, compared, changed, deleted, undone, imported; and the error bar on every total."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from apps.access.models import AuditEntry, User
from apps.costs.models import BooksState, InvoiceLine
from apps.costs.selectors.invoices import forget
from tests.cast import HeldKey
from tests.costs.factories import make_usage, record

SignIn = Callable[[User], Client]
NOW = datetime.now(UTC)
DAY = (NOW - timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
BILL = {
    "provider": "OpenAI",
    "first_day": DAY.date().isoformat(),
    "last_day": DAY.date().isoformat(),
    "amount_usd": "10",
    "zone": "UTC",
}


@pytest.fixture(autouse=True)
def usage(db: None) -> None:
    """On one day 8 USD at openai, of which 5 for gpt-4.1, and a call without a price; 2 USD at anthropic."""
    record(
        make_usage(DAY, cost_usd="5"),
        make_usage(DAY, cost_usd="3", model="gpt-4.1-mini"),
        make_usage(DAY, cost_usd=None, model="made-up"),
        make_usage(DAY, cost_usd="2", provider="anthropic", model="claude-sonnet-4-5"),
        make_usage(DAY + timedelta(days=1), cost_usd="100"),
        now=NOW,
    )


@pytest.fixture
def browser(bob: User, signed_in: SignIn) -> Client:
    return signed_in(bob)


def entered(browser: Client, **changes: str) -> InvoiceLine:
    answer = browser.post("/prices/invoices/new", BILL | changes)
    assert answer.status_code == 303, answer.content
    return InvoiceLine.objects.latest("id")


def text(answer: Any) -> str:
    shown: str = answer.content.decode()
    return shown


def test_it_works(browser: Client) -> None:
    line = entered(browser, note="INV-7")
    shown = text(browser.get(f"/prices/invoices/{line.pk}"))

    assert line.provider == "openai"
    for words in ("$10.00", "$8.00", "$2.00", "20.00% of what was billed", "INV-7", "1 of 1"):
        assert words in shown
    listed = text(browser.get("/prices/invoices"))
    assert "1 unpriced" in listed
    assert "± 20.0%" in listed


def test_a_line_of_one_model_counts_that_model(browser: Client) -> None:
    line = entered(browser, model="gpt-4.1", amount_usd="5")
    assert "0.00% of what was billed" in text(browser.get(f"/prices/invoices/{line.pk}"))


def test_the_zone_of_the_bill_cuts_its_days(browser: Client) -> None:
    following = (DAY + timedelta(days=1)).date().isoformat()
    line = entered(browser, first_day=following, last_day=following, zone="Pacific/Kiritimati")
    # There the following day began at 10:00 UTC: the noon of DAY is of it, the next noon is not.
    assert "Counted here, 3 calls" in text(browser.get(f"/prices/invoices/{line.pk}"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount_usd": "-1"}, "greater than or equal to 0"),
        ({"zone": "Mars"}, "Expected an IANA time zone"),
        ({"last_day": "2020-01-01"}, "The last day is before the first."),
        ({"model": "gpt-4.1"}, "covers some of these days already"),
    ],
)
def test_what_is_refused(browser: Client, changes: dict[str, str], words: str) -> None:
    entered(browser)
    answer = browser.post("/prices/invoices/new", BILL | changes)

    assert answer.status_code == 422
    assert words in text(answer)
    assert InvoiceLine.objects.count() == 1


def test_entering_the_same_twice_is_harmless(browser: Client) -> None:
    assert entered(browser).pk == entered(browser).pk
    assert AuditEntry.objects.filter(action="invoice.entered").count() == 1


def test_change_delete_and_undo(browser: Client) -> None:
    line = entered(browser)
    changed = BILL | {"amount_usd": "8", "version": "1"}
    assert browser.post(f"/prices/invoices/{line.pk}/change", changed).status_code == 303
    late = browser.post(f"/prices/invoices/{line.pk}/change", BILL | {"amount_usd": "9", "version": "1"})
    assert late.status_code == 422
    assert "Somebody changed this line meanwhile" in text(late)
    assert late.context["form"].errors["amount_usd"] == ["Somebody set it to 8 meanwhile."]
    again = BILL | {"amount_usd": "9", "version": late.context["form"]["version"].value()}
    assert browser.post(f"/prices/invoices/{line.pk}/change", again).status_code == 303

    assert browser.post(f"/prices/invoices/{line.pk}/delete").status_code == 303
    assert browser.get(f"/prices/invoices/{line.pk}").status_code == 404
    assert "Deleted lately" in text(browser.get("/prices/invoices"))
    assert browser.post(f"/prices/invoices/{line.pk}/restore").status_code == 303

    line.refresh_from_db()
    assert (line.amount_usd, line.deleted_at) == (Decimal(9), None)
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    words = ["entered", "changed", "changed", "deleted", "restored"]
    assert list(actions) == [f"invoice.{word}" for word in words]


def test_a_deletion_is_not_undone_over_another_line(browser: Client) -> None:
    line = entered(browser)
    browser.post(f"/prices/invoices/{line.pk}/delete")
    entered(browser, amount_usd="11")
    answer = browser.post(f"/prices/invoices/{line.pk}/restore", follow=True)

    assert "would count twice" in text(answer)
    assert InvoiceLine.objects.filter(deleted_at=None).count() == 1


def test_an_import_is_previewed_then_saved_whole(browser: Client) -> None:
    entered(browser)
    day = DAY.date().isoformat()
    file = f"provider,first_day,last_day,amount_usd\nopenai,{day},{day},9\nanthropic,{day},{day},2\n"
    preview = browser.post("/prices/invoices/import", {"text": file, "step": "preview"})

    assert "1 new, 1 changed, 0 as they stand, 0 wrong" in text(preview)
    assert InvoiceLine.objects.get().amount_usd == 10

    assert browser.post("/prices/invoices/import", {"text": file, "step": "save"}).status_code == 303
    amounts = InvoiceLine.objects.order_by("provider").values_list("provider", "amount_usd")
    assert list(amounts) == [("anthropic", Decimal(2)), ("openai", Decimal(9))]
    again = browser.post("/prices/invoices/import", {"text": file, "step": "save"}, follow=True)
    assert "0 lines added, 0 changed, 2 stood already." in text(again)
    assert AuditEntry.objects.filter(action="invoice.imported").count() == 1


def test_a_file_with_a_wrong_line_is_not_saved(browser: Client) -> None:
    file = "provider,first_day,last_day,amount_usd\nopenai,2026-10-01,2026-10-01,1\nopenai,soon,2026-10-01,2\n"
    answer = browser.post("/prices/invoices/import", {"text": file, "step": "save"})

    assert "1 new, 0 changed, 0 as they stand, 1 wrong" in text(answer)
    assert not InvoiceLine.objects.exists()


def test_a_line_whose_usage_retention_dropped_says_so_and_bends_no_error_bar(
    browser: Client, admin_key: HeldKey
) -> None:
    line = entered(browser)
    assert "± 20.0%" in text(browser.get("/prices/invoices"))
    BooksState.objects.update_or_create(id=1, defaults={"rollups_from": DAY + timedelta(days=3)})
    forget()

    listed, shown = (text(browser.get(path)) for path in ("/prices/invoices", f"/prices/invoices/{line.pk}"))
    assert "usage dropped by retention" in listed
    assert "±" not in listed
    assert "not known any more" in shown
    assert "of what was billed" not in shown
    (row,) = csv.DictReader(StringIO(text(browser.get("/prices/invoices.csv")), newline=""))
    assert (row["amount_usd"], row["our_usd"], row["difference_usd"]) == ("10.000000000000000", "", "")
    (told,) = admin_key.client.get("/api/invoices").json()["results"]
    assert (told["our_usd"], told["difference_usd"], told["difference_percent"]) == (None, None, None)


def test_commas_that_are_not_between_thousands_are_not_taken_away(browser: Client) -> None:
    head = "provider,first_day,last_day,amount_usd\n"
    for cells in ('"412,80"', '"0,250"', "412,80", '"1,25,000"'):
        line = f"{head}openai,2026-10-01,2026-10-01,{cells}\n"
        assert "0 new, 0 changed, 0 as they stand, 1 wrong" in text(
            browser.post("/prices/invoices/import", {"text": line, "step": "save"})
        )
    browser.post(
        "/prices/invoices/import", {"text": f'{head}openai,2026-10-01,2026-10-01,"$1,234,567.89"\n', "step": "save"}
    )
    assert InvoiceLine.objects.get().amount_usd == Decimal("1234567.89")
    twice = "provider,first_day,last_day,amount_usd,amount_usd\nopenai,2026-10-02,2026-10-02,1,2\n"
    assert "amount_usd twice" in text(browser.post("/prices/invoices/import", {"text": twice, "step": "preview"}))


def test_what_is_exported_can_be_imported(browser: Client) -> None:
    entered(browser, note="=cmd()")
    exported = text(browser.get("/prices/invoices.csv"))
    (row,) = csv.DictReader(StringIO(exported, newline=""))

    assert (row["amount_usd"], row["our_usd"], row["note"]) == ("10.000000000000000", "8.000000000000000", "'=cmd()")
    assert "1 as they stand" in text(browser.post("/prices/invoices/import", {"text": exported, "step": "preview"}))


def test_totals_carry_the_error_bar_only_with_invoices(browser: Client, reader: HeldKey) -> None:
    assert reader.client.get("/api/metrics/cost").json()["error_bar"] is None
    assert "against invoices" not in text(browser.get("/"))

    entered(browser)
    told = reader.client.get("/api/metrics/cost").json()
    # openai 20 % of 108 USD, anthropic, without invoices, as all together: 20 % of 2 USD.
    assert told["totals"]["cost_usd"] == "110.00"
    assert told["error_bar"] == {
        "percent": "20.0",
        "error_usd": "22.00",
        "covered_percent": 98,
        "invoice_lines": 1,
    }
    assert "± 20.0%</a> against invoices" in text(browser.get("/"))
    by_user = reader.client.get("/api/metrics/cost", {"group_by": "user"}).json()
    assert by_user["error_bar"]["percent"] == "20.0"


def test_days_that_are_not_over_do_not_count(browser: Client, reader: HeldKey) -> None:
    today = NOW.date().isoformat()
    entered(browser, first_day=today, last_day=today)

    assert "days not over" in text(browser.get("/prices/invoices"))
    assert reader.client.get("/api/metrics/cost").json()["error_bar"] is None


def test_who_sees_only_some_projects_sees_no_bills(carol: User, signed_in: SignIn) -> None:
    assert signed_in(carol).get("/prices/invoices").status_code == 403


def test_the_api_does_what_the_pages_do(admin_key: HeldKey) -> None:
    client = admin_key.client
    made = client.post("/api/invoices", BILL, "application/json")
    assert made.status_code == 201, made.content
    path = f"/api/invoices/{made.json()['id']}"

    (listed,) = client.get("/api/invoices").json()["results"]
    assert (listed["amount_usd"], listed["our_usd"], listed["difference_usd"]) == ("10.00", "8.00", "2.00")
    assert (listed["difference_percent"], listed["unpriced_calls"]) == ("20.00", 1)
    assert client.patch(path, {"amount_usd": "8"}, "application/json").status_code == 428
    etag = {"If-Match": client.get(path)["ETag"]}
    assert client.patch(path, {"amount_usd": "8"}, "application/json", headers=etag).json()["amount_usd"] == "8.00"
    assert client.patch(path, {"amount_usd": "7"}, "application/json", headers=etag).status_code == 412
    assert client.post("/api/invoices", BILL | {"model": "gpt-4.1"}, "application/json").status_code == 409
    assert client.post("/api/invoices", BILL | {"amount_usd": 5.5}, "application/json").status_code == 422
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.post(f"{path}/restore").json()["amount_usd"] == "8.00"
