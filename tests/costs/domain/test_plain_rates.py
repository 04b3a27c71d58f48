"""Rates as plain data, there and back."""

import json
from decimal import Decimal

from hypothesis import given, settings

from apps.costs.domain.pricing import Rates, ServiceTier, Tiered, Window
from apps.costs.domain.pricing.plain import plain_rates, rates_from_plain, rounded
from tests.costs.domain.test_pricing_laws import RATE, all_rates

RATES = Rates(
    {"input_tokens": Tiered(Decimal("2.50"), ((200_000, Decimal("5")),)), "output_tokens": Decimal("1E+1")},
    {"batch": ServiceTier({"input_tokens": Decimal("1.25")}, Decimal("0.5"))},
    (Window(16 * 60 + 30, 30, {"output_tokens": None}),),
)
PLAIN = {
    "base": {"input_tokens": {"base": "2.5", "above": [[200_000, "5"]]}, "output_tokens": "10"},
    "service_tiers": {"batch": {"rates": {"input_tokens": "1.25"}, "multiplier": "0.5"}},
    "windows": [{"start": "16:30", "end": "00:30", "rates": {"output_tokens": None}}],
}


def test_what_it_looks_like() -> None:
    assert plain_rates(RATES) == PLAIN
    assert rates_from_plain(PLAIN) == RATES


@settings(deadline=None)
@given(all_rates(RATE))
def test_there_and_back_through_json(rates: Rates) -> None:
    back = rates_from_plain(json.loads(json.dumps(plain_rates(rates))))

    assert (back.base, back.service_tiers, back.windows) == (rates.base, rates.service_tiers, rates.windows)


def test_finer_rates_are_rounded_half_even_and_their_text_is_kept() -> None:
    plain = {
        "base": {"a": "0.08333333333333334", "b": "0.0000000005", "c": "0.0000000015", "d": "1.000000000"},
        "windows": [{"start": "16:30", "rates": {"a": {"base": None, "above": [[1, "0.1234567891"]]}}}],
    }

    assert rounded(plain) == (
        {
            "base": {"a": "0.083333333", "b": "0", "c": "0.000000002", "d": "1.000000000"},
            "windows": [{"start": "16:30", "rates": {"a": {"base": None, "above": [[1, "0.123456789"]]}}}],
        },
        {
            "base.a": "0.08333333333333334",
            "base.b": "0.0000000005",
            "base.c": "0.0000000015",
            "windows.0.rates.a.above.0.1": "0.1234567891",
        },
    )
