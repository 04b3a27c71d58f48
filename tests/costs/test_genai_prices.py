"""The price book against genai-prices' own calculation, over its whole list."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from django.db import transaction
from genai_prices import types as genai
from genai_prices.data import providers
from pytest_django import DjangoDbBlocker

from apps.costs.domain.pricing import ASSUMED_CACHE_READ, usd
from apps.costs.domain.rate_book import RateBook
from apps.costs.models import Price
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.price_book import load_genai_prices
from apps.costs.services.price_book.genai import read_list

NOW = datetime(2026, 11, 22, tzinfo=UTC)
# Before, between and after the dates of the list, within and outside its windows of the day.
MOMENTS = [
    datetime(2024, 5, 1, 2, 30, tzinfo=UTC),
    datetime(2025, 9, 1, 12, 0, tzinfo=UTC),
    datetime(2026, 9, 15, 7, 59, tzinfo=UTC),
    datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
]


@pytest.fixture(scope="module")
def book(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> RateBook:
    """The installed list, through the database into memory; compiled prices need the database no more."""
    with django_db_blocker.unblock(), transaction.atomic():
        load_genai_prices(now=NOW)
        listed = read_list()
        editions = Price.objects.values_list("source", "source_version", "source_date").distinct()
        assert list(editions) == [("genai-prices", genai_prices.__version__, listed.date)]
        loaded = current_rate_book()
        transaction.set_rollback(True)
    return loaded


def test_it_equals_their_calculation_to_the_last_digit(book: RateBook) -> None:
    compared = 0
    for provider, model, moment, tokens in sample():
        price = model.get_prices(moment)
        if not can_be_compared(price):
            continue
        compared += 1
        usage = genai_prices.Usage(
            input_tokens=tokens,
            output_tokens=tokens // 7,
            cache_read_tokens=tokens // 3,
            cache_write_tokens=tokens // 5,
            cache_write_1h_tokens=tokens // 9,
            output_reasoning_tokens=tokens // 11,
        )
        theirs = model.calc_price(usage, provider, genai_request_timestamp=moment)
        match = book.lookup(provider.id, model.id, moment)
        assert match is not None, f"{provider.id}/{model.id}"
        parts = (tokens // 3, tokens // 5, tokens // 9, tokens // 11)
        ours, _ = match.card.charge(tokens, tokens // 7, *parts, minute_of_day=moment.hour * 60 + moment.minute)
        assert ours is not None, f"{provider.id}/{model.id}"
        assert usd(ours) == theirs.total_price, f"{provider.id}/{model.id} at {moment}: {price!r}"
    assert compared > 4_000


def sample() -> Iterator[tuple[genai.Provider, genai.ModelInfo, datetime, int]]:
    """Every model at two of the moments, with a small and a very long input."""
    choose = random.Random(20261122)
    for provider in providers:
        for model in provider.models:
            small, long = choose.sample(MOMENTS, 2)
            yield provider, model, small, choose.randrange(100, 5_000)
            yield provider, model, long, choose.randrange(600_000, 900_000)


def can_be_compared(price: genai.ModelPrice) -> bool:
    """Leaves out prices that are not by token, and those of the few rates that are rounded to 9 decimals."""
    rates = [rate for value in price.__dict__.values() for rate in rates_in(value)]
    by_token = {"input_mtok", "output_mtok"} <= price.__dict__.keys()
    return by_token and all(rate == round(rate, 9) for rate in rates)


def rates_in(value: Decimal | genai.TieredPrices) -> list[Decimal]:
    return [value.base, *(tier.price for tier in value.tiers)] if isinstance(value, genai.TieredPrices) else [value]


@pytest.mark.parametrize(
    ("context", "service_tier"),
    [
        ({"processing": "batch"}, "batch"),
        ({"service_tier": "flex"}, "flex"),
        ({"service_tier": "priority"}, "priority"),
    ],
)
def test_service_tiers_equal_their_variants(book: RateBook, context: dict[str, str], service_tier: str) -> None:
    compared = 0
    for provider in providers:
        for model in provider.models:
            if not any(variant.when == context for variant in model.price_variants or ()):
                continue
            if not can_be_compared(model.get_prices(NOW, context)):
                continue
            compared += 1
            usage = genai_prices.Usage(input_tokens=250_000, output_tokens=999, cache_read_tokens=50_000)
            theirs = model.calc_price(usage, provider, genai_request_timestamp=NOW, price_context=context)
            match = book.lookup(provider.id, model.id, NOW)
            assert match is not None
            ours, assumed = match.card.charge(250_000, 999, 50_000, service_tier=service_tier)
            assert ours is not None
            assert usd(ours) == theirs.total_price, f"{provider.id}/{model.id}"
    assert compared >= 4


@pytest.mark.parametrize(
    ("provider", "name", "means"),
    [
        ("openrouter", "openai/gpt-4.1-mini", "openai/gpt-4.1-mini"),
        ("openrouter", "deepseek/deepseek-r1:free", "deepseek/deepseek-r1:free"),
        ("openai", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("azure.ai.openai", "gpt-4o", "gpt-4o"),
        ("azure", "o4-mini-deep-research", "o4-mini-deep-research"),
        ("aws.bedrock", "us.anthropic.claude-sonnet-5-v1:0", "regional.anthropic.claude-sonnet-5-v1:0"),
        ("gcp.vertex_ai", "claude-sonnet-4@20250514", "claude-4-sonnet"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("deepseek", "deepseek-r1-distill-llama-70b", None),
        ("google", "gemini-1.5-flash-8b", None),
        ("openai", "gpt-4.1-turbo", None),
        ("some-gateway", "gpt-4.1", None),
    ],
)  # fmt: skip
def test_real_names_find_their_model_or_none(provider: str, name: str, means: str | None, book: RateBook) -> None:
    match = book.lookup(provider, name, NOW)

    assert (match and match.model) == means


def test_free_models_cost_nothing_and_models_without_a_price_are_unpriced(book: RateBook) -> None:
    free = book.lookup("openrouter", "google/gemini-2.0-flash-exp:free", NOW)
    missing = book.lookup("cerebras", "qwen-3-coder-480b", NOW)

    assert free is not None
    assert missing is not None
    assert free.card.charge(8, 17) == (0, 0)
    assert missing.card.charge(304, 25) == (None, 0)


def test_a_case_known_by_name_alone(book: RateBook) -> None:
    """curated-0011 of the known prices, which holds no rates: the price of August 2026."""
    match = book.lookup("openrouter", "deepseek/deepseek-v3.2", datetime(2026, 8, 21, tzinfo=UTC))

    # 2 M input, 1 M of it cached without a rate of its own, at 0.2288, and 1 M output at 0.3432
    assert match is not None
    femto, assumed = match.card.charge(2_000_000, 1_000_000, 1_000_000)
    assert femto is not None
    assert usd(femto) == Decimal("0.8008")
    assert assumed == ASSUMED_CACHE_READ
