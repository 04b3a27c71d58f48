"""Entries of litellm's map as rates: exact, and never a price where there is none."""

import json
from decimal import Decimal
from typing import Any

import pytest

from apps.costs.domain.pricing import Rate, RateCard, ServiceTier, Tiered
from apps.costs.services.price_book.litellm_entry import EntryError, ReadEntry, read_entry


def entry(text: str) -> ReadEntry:
    return read_entry("m", json.loads(text, parse_float=Decimal))


def usd(text: str) -> Decimal:
    return Decimal(text)


@pytest.mark.parametrize(
    "field, unit, rate",
    [
        ('"input_cost_per_token": 1.5e-07', "input_tokens", "0.15"),
        ('"input_cost_per_token": 0.00000015', "input_tokens", "0.15"),
        ('"input_cost_per_token": 0', "input_tokens", "0"),
        ('"output_cost_per_token": 8.33333333333333e-08', "output_tokens", "0.0833333333333333"),
        ('"cache_read_input_token_cost": 3e-08', "cache_read_input_tokens", "0.03"),
        ('"input_cost_per_token_cache_hit": 2.8e-08', "cache_read_input_tokens", "0.028"),
        ('"cache_creation_input_token_cost": 3.75e-06', "cache_creation_input_tokens", "3.75"),
        ('"cache_creation_input_token_cost_above_1hr": 6e-06', "cache_creation_1h_input_tokens", "6"),
        ('"output_cost_per_reasoning_token": 2.5e-06', "reasoning_output_tokens", "2.5"),
        ('"input_cost_per_audio_token": 1e-06', "input_audio_tokens", "1"),
        ('"output_cost_per_image_token": 3e-05', "output_image_tokens", "30"),
        ('"cache_read_input_audio_token_cost": 1e-07', "cache_read_input_audio_tokens", "0.1"),
        ('"citation_cost_per_token": 2e-06', "output_citation_tokens", "2"),
        ('"input_cost_per_request": 0.005', "requests", "5"),
        (
            '"search_context_cost_per_query": {"search_context_size_low": 0.03, "search_context_size_medium": 0.035}',
            "web_searches",
            "35",
        ),
    ],
)
def test_a_field_is_a_unit_and_a_rate(field: str, unit: str, rate: str) -> None:
    assert entry(f"{{{field}}}").rates.base == {unit: usd(rate)}


@pytest.mark.parametrize(
    "text, base",
    [
        (
            '{"input_cost_per_token": 3e-06, "input_cost_per_token_above_200k_tokens": 6e-06}',
            {"input_tokens": Tiered(usd("3"), ((200_000, usd("6")),))},
        ),
        (
            '{"input_cost_per_token": 1e-06, "input_cost_per_token_above_272k_tokens": 3e-06,'
            ' "input_cost_per_token_above_128k_tokens": 2e-06}',
            {"input_tokens": Tiered(usd("1"), ((128_000, usd("2")), (272_000, usd("3"))))},
        ),
        (
            '{"cache_creation_input_token_cost_above_1hr": 6e-06,'
            ' "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05}',
            {"cache_creation_1h_input_tokens": Tiered(usd("6"), ((200_000, usd("12")),))},
        ),
        (
            '{"tiered_pricing": [{"range": [0, 32000.0],'
            ' "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},'
            ' {"range": [32000.0, 1000000.0], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}]}',
            {
                "input_tokens": Tiered(usd("0.05"), ((32_000, usd("0.25")),)),
                "output_tokens": Tiered(usd("0.4"), ((32_000, usd("2")),)),
            },
        ),
    ],
)
def test_rates_above_a_size_of_input(text: str, base: dict[str, Rate]) -> None:
    assert entry(text).rates.base == base


def test_service_tiers() -> None:
    read = entry(
        '{"input_cost_per_token": 2e-06, "input_cost_per_token_batches": 1e-06, "input_cost_per_token_flex": 1.1e-06,'
        ' "input_cost_per_token_priority": 4e-06, "input_cost_per_token_above_272k_tokens_priority": 8e-06,'
        ' "input_cost_per_token_ultrafast": 6e-05}'
    )

    assert read.rates.service_tiers == {
        "batch": ServiceTier({"input_tokens": usd("1")}),
        "flex": ServiceTier({"input_tokens": usd("1.1")}),
        "priority": ServiceTier({"input_tokens": Tiered(usd("4"), ((272_000, usd("8")),))}),
    }
    assert read.unbilled == {"input_cost_per_token_ultrafast": "0.00006"}


def test_reasoning_at_the_output_rate_follows_it_into_a_cheaper_tier() -> None:
    read = entry(
        '{"input_cost_per_token": 3e-07, "output_cost_per_token": 2.5e-06, "output_cost_per_reasoning_token": 2.5e-06,'
        ' "output_cost_per_token_batches": 1.25e-06}'
    )

    charge = RateCard(read.rates).charge
    assert charge(0, 1_000_000, reasoning=1_000_000)[0] == 2_500_000_000_000_000
    assert charge(0, 1_000_000, reasoning=1_000_000, service_tier="batch")[0] == 1_250_000_000_000_000


@pytest.mark.parametrize(
    "text, unbilled",
    [
        ('{"output_cost_per_image": 0.04}', {"output_cost_per_image": "0.04"}),
        ('{"input_cost_per_second": 0.0001, "output_cost_per_second": 0.0}',
         {"input_cost_per_second": "0.0001", "output_cost_per_second": "0"}),
        ('{"input_cost_per_character": 1.5e-05}', {"input_cost_per_character": "0.000015"}),
        ('{"input_cost_per_query": 0.002, "input_cost_per_token": 0.0, "output_cost_per_token": 0.0}',
         {"input_cost_per_query": "0.002", "input_tokens": "0", "output_tokens": "0"}),
    ],
)  # fmt: skip
def test_what_is_not_billed_by_token_is_kept_as_text_and_is_unpriced(text: str, unbilled: dict[str, str]) -> None:
    read = entry(text)

    assert (read.rates.base, read.unbilled) == ({}, unbilled)
    assert RateCard(read.rates).charge(10, 10) == (None, 0)


def test_a_free_model_with_a_fee_on_top_costs_nothing_by_token() -> None:
    read = entry(
        '{"input_cost_per_token": 0, "output_cost_per_token": 0, "google_maps_grounding_cost_per_query": 0.025}'
    )

    assert RateCard(read.rates).charge(10, 10) == (0, 0)


def test_an_off_peak_price_by_weekday_is_kept_as_text_and_the_full_price_holds() -> None:
    read = entry('{"input_cost_per_token": 3e-07, "off_peak_pricing": {"input_cost_per_token": 1.5e-07}}')

    assert read.rates.base == {"input_tokens": usd("0.3")}
    assert json.loads(read.unbilled["off_peak_pricing"]) == {"input_cost_per_token": "1.5E-7"}


def test_what_is_no_money_is_left_out() -> None:
    assert entry('{"mode": "chat", "input_dbu_cost_per_token": 1e-06, "max_input_tokens": 8}') == entry("{}")


@pytest.mark.parametrize("price", ["-1e-06", "NaN", "Infinity", "-Infinity"])
def test_an_impossible_price_refuses_the_list(price: str) -> None:
    fields: dict[str, Any] = {"input_cost_per_token": Decimal(price)}
    with pytest.raises(EntryError, match="m: input_cost_per_token is"):
        read_entry("m", fields)
