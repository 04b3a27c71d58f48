"""What is asked before a price is saved, at, below and above every border."""

from decimal import Decimal

import pytest

from apps.costs.domain.price_guards import doubts


@pytest.mark.parametrize(
    ("new", "standing", "code", "instead"),
    [
        ("2", "2", None, None),
        ("10", "2", None, None),
        ("10.01", "2", "big_change", None),
        ("0.4", "2", None, None),
        ("0.39", "2", "big_change", None),
        ("0", "2", "big_change", None),
        ("1", "0", "big_change", None),
        ("0", "0", None, None),
        ("0.002", "2", "unit_too_small", "2"),
        ("0.000002", "2", "unit_too_small", "2"),
        ("0.0000025", "2", "unit_too_small", "2.5"),
        ("2000", "2", "unit_too_large", "2"),
        ("2000000", "2", "unit_too_large", "2"),
        ("0.01", None, None, None),
        ("0.0099", None, "unit_too_small", "9.9"),
        ("0.0025", None, "unit_too_small", "2.5"),
        ("0.001", None, "unit_too_small", "1"),
        ("0.000999", None, "unit_too_small", "999"),
        ("75", None, None, None),
    ],
)
def test_each_slip_is_questioned(new: str, standing: str | None, code: str | None, instead: str | None) -> None:
    found = doubts({"input_tokens": Decimal(new)}, {"input_tokens": Decimal(standing)} if standing else {})
    if code is None:
        assert found == []
        return
    (doubt,) = found
    assert doubt.code == code
    assert doubt.instead == (Decimal(instead) if instead else None)


def test_cached_input_may_be_that_cheap() -> None:
    assert doubts({"cache_read_input_tokens": Decimal("0.0025")}, {}) == []


def test_fees_per_thousand_are_never_taken_for_tokens() -> None:
    assert doubts({"requests": Decimal("0.0001")}, {}) == []


def test_a_slip_is_told_by_the_list_even_beside_a_wrong_own_price() -> None:
    unit = "output_tokens"
    (doubt,) = doubts({unit: Decimal("0.008")}, {unit: Decimal("0.008")}, {unit: Decimal(8)})
    assert (doubt.code, doubt.instead, doubt.label) == ("unit_too_small", Decimal(8), "Output")
