"""Names as agents send them, each with the model whose price it must get or the reason why it gets none.

Every expectation in `names.csv` was written from the name and the two lists, before the resolver was asked; what it
answered otherwise was judged one by one. `near_miss` marks names that are close to another model's.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.costs.domain.explaining import explain
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.price_book import load_public_lists

WHEN = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = list(csv.DictReader((Path(__file__).parent / "names.csv").read_text(encoding="utf-8").splitlines()))


def test_the_table_is_large_enough() -> None:
    assert len(NAMES) >= 500
    assert sum(bool(row["near_miss"]) for row in NAMES) >= 150
    assert len({(row["provider"], row["name"]) for row in NAMES}) == len(NAMES)


@pytest.mark.django_db
def test_no_name_gets_another_models_price(capsys: pytest.CaptureFixture[str]) -> None:
    load_public_lists(now=WHEN)
    book = current_rate_book()
    wrong = []
    for row in NAMES:
        found = explain(book, row["provider"], row["name"], WHEN)
        match = book.lookup(row["provider"], row["name"], WHEN)
        assert (found.match and found.match.price_id) == (match and match.price_id)
        got = found.reason or (found.match and f"{found.match.provider}/{found.match.model}") or ""
        if got.lower() != row["expected"].lower():
            wrong.append(f"{row['provider']} {row['name']}: expected {row['expected']}, got {got}")
    assert wrong == []

    call_command("match_reach")
    assert "reach: " in capsys.readouterr().out
