"""Numbers as people type them."""

import pytest

from apps.costs.domain.typed_numbers import plain_number


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        (" $1,234.50 ", "1234.50"), ("12,345,678", "12345678"), ("$ 5", "5"), ("0.25", "0.25"), ("", ""),
        # A decimal comma is not taken away: 25 is not a quarter.
        ("0,25", "0,25"), ("0,250", "0,250"), ("412,80", "412,80"), ("1,2345", "1,2345"), ("1,234,5", "1,234,5"),
        (",5", ",5"), ("1,000,000,", "1,000,000,"),
    ],
)  # fmt: skip
def test_only_commas_between_thousands_go(typed: str, plain: str) -> None:
    assert plain_number(typed) == plain
