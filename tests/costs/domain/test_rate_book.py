"""Which price holds for the names an agent sends, at an instant."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.costs.domain import rate_book
from apps.costs.domain.price_schedule import PriceVersion
from apps.costs.domain.pricing import ASSUMED_SERVICE_TIER, Rates, ServiceTier
from apps.costs.domain.rate_book import Match, ModelEntry, ProviderEntry, RateBook

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BATCH = {"batch": ServiceTier(multiplier=Decimal("0.5"))}


def price(id: int, rate: str = "1", since: datetime | None = None) -> PriceVersion:
    return PriceVersion(
        id, since, lambda: Rates({"input_tokens": Decimal(rate), "output_tokens": Decimal(rate)}, BATCH)
    )


def model(name: str, price_id: int, *names: str, starts_with: str | None = None) -> ModelEntry:
    rule = {"starts_with": starts_with} if starts_with else None
    return ModelEntry(price_id, name, names, rule, (price(price_id),))


BOOK = RateBook(
    7,
    [
        ProviderEntry(
            "openai",
            (
                model("gpt-4.1", 1, "gpt-4.1-2025-04-14"),
                model("gpt-4.1-mini", 2),
                model("o1", 3, starts_with="o1"),
                model("o1-mini", 4),
            ),
        ),
        ProviderEntry("azure", (model("gpt-4.1-mini", 5),), resells=("openai", "gone")),
        ProviderEntry("openrouter", (model("openai/gpt-4.1-mini", 6), model("deepseek/deepseek-r1:free", 8))),
        ProviderEntry("google", (model("gemini-2.5-flash", 9),)),
    ],
)


def found(provider: str, name: str, at: datetime = NOON) -> tuple[int, str] | None:
    match = BOOK.lookup(provider, name, at)
    return (match.price_id, match.why) if match else None


@pytest.mark.parametrize(
    ("provider", "name", "expected"),
    [
        ("openai", "gpt-4.1", (1, "exact")),
        ("OpenAI", " GPT-4.1 ", (1, "exact")),
        ("openai", "gpt-4.1-2025-04-14", (1, "alias")),
        ("openai", "gpt-4.1-20250414", (1, "alias")),
        ("openai", "openai/gpt-4.1", (1, "exact")),
        ("openai", "o1-2024-12-17", (3, "rule")),
        ("openai", "o1-mini", (4, "exact")),
        ("openai", "o1-mini-2024-09-12", (4, "dated")),
        ("openai", "gpt-4.1-mini-20260101", (2, "dated")),
        ("azure.ai.openai", "gpt-4.1-mini", (5, "exact")),
        ("azure", "azure/gpt-4.1", (1, "exact")),
        ("openrouter", "openai/gpt-4.1-mini", (6, "exact")),
        ("openrouter", "openrouter/openai/gpt-4.1-mini", (6, "exact")),
        ("openrouter", "deepseek/deepseek-r1:free", (8, "exact")),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", (9, "exact")),
        ("google", "models/gemini-2.5-flash", (9, "exact")),
        ("litellm", "openai/gpt-4.1", (1, "exact")),
        ("litellm", "openrouter/openai/gpt-4.1-mini", (6, "exact")),
    ],
)
def test_the_names_agents_send(provider: str, name: str, expected: tuple[int, str]) -> None:
    assert found(provider, name) == expected


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-4.1-nano"),
        ("openai", "gpt-4"),
        ("openai", "gpt-4.1-mini-high"),
        ("openai", "o1-pro"),
        ("openai", "azure/gpt-4.1"),
        ("openai", "deepseek/deepseek-r1:free"),
        ("openrouter", "gpt-4.1-mini"),
        ("openrouter", "openai/gpt-4.1"),
        ("openrouter", "deepseek/deepseek-r1"),
        ("openrouter", "openai/gpt-4.1-mini:free"),
        ("my-gateway", "gpt-4.1"),
        ("my-gateway", "openai/gpt-4.1"),
        ("litellm", "gpt-4.1"),
        ("litellm", "my-gateway/gpt-4.1"),
        ("openai", ""),
        ("", "gpt-4.1"),
    ],
)
def test_no_price_is_better_than_another_models(provider: str, name: str) -> None:
    assert found(provider, name) is None


def test_a_reseller_has_no_service_tiers_of_the_maker() -> None:
    own, resold = BOOK.lookup("openai", "gpt-4.1", NOON), BOOK.lookup("azure", "gpt-4.1", NOON)

    assert own is not None
    assert resold is not None
    assert own.card.charge(1000, 0, service_tier="batch") == (5 * 10**11, 0)
    assert resold.card.charge(1000, 0, service_tier="batch") == (10**12, ASSUMED_SERVICE_TIER)


def test_the_latest_price_that_has_begun_holds() -> None:
    june, july = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    prices = (price(12, since=july), price(10), price(11, since=june), price(13, since=june))
    book = RateBook(1, [ProviderEntry("openai", (ModelEntry(1, "gpt", (), None, prices),))])

    def held(at: datetime) -> int | None:
        match = book.lookup("openai", "gpt", at)
        return None if match is None else match.price_id

    moment = timedelta(microseconds=1)
    # Of two prices from June on the newer row, 13, holds.
    assert [held(at) for at in (datetime(1990, 1, 1, tzinfo=UTC), june - moment, june, july - moment, july)] == [
        10, 10, 13, 13, 12,
    ]  # fmt: skip


def test_a_dated_first_price_leaves_the_time_before_unpriced() -> None:
    entry = ModelEntry(1, "gpt", (), None, (price(10, since=NOON),))
    book = RateBook(1, [ProviderEntry("openai", (entry,))])

    assert book.lookup("openai", "gpt", NOON - timedelta(seconds=1)) is None
    assert isinstance(book.lookup("openai", "gpt", NOON), Match)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_book, "_MEMO_SIZE", 10)
    book = RateBook(1, [ProviderEntry("openai", (model("gpt", 1),))])

    for number in range(100):
        assert book.lookup("openai", f"unknown-{number}", NOON) is None
    assert len(book._memo) <= 10
    assert book.lookup("openai", "gpt", NOON) is not None
