"""POST /api/prices/estimate: what a call would cost, counted as ingest counts it, without storing anything."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.costs.models import UsageRecord
from tests.cast import HeldKey
from tests.costs.posting import GPT, JSON, call, load_prices, only_result, shown


@pytest.fixture(autouse=True)
def small_book(db: None) -> None:
    load_prices()


def ask(key: HeldKey, body: Any) -> Any:
    return key.client.post("/api/prices/estimate", json.dumps(body), content_type=JSON)


def estimated(key: HeldKey, **fields: Any) -> dict[str, Any]:
    answer = ask(key, call(**fields))
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_it_works(admin_key: HeldKey) -> None:
    told = estimated(admin_key, cache_read_input_tokens=400, occurred_at="2026-11-01T12:00:00+05:45")

    assert told["cost_usd"] == "0.0022"
    assert told["occurred_at"] == "2026-11-01T06:15:00Z"
    assert told["cost_parts"] == [
        {"unit": "input_tokens", "count": 600, "rate_usd": "2.00", "cost_usd": "0.0012", "assumed": False},
        {"unit": "cache_read_input_tokens", "count": 400, "rate_usd": "0.50", "cost_usd": "0.0002", "assumed": False},
        {"unit": "output_tokens", "count": 100, "rate_usd": "8.00", "cost_usd": "0.0008", "assumed": False},
    ]
    assert (told["price"]["model"], told["price"]["source"]) == ("gpt-4.1", "tests")
    assert told["match"] == {
        "provider": "openai",
        "model": "gpt-4.1",
        "why": "exact",
        "explanation": "The price book has a model of exactly this name.",
    }
    assert (told["reason"], told["assumed"], told["warnings"]) == (None, [], [])
    assert not UsageRecord.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"service_tier": "batch", "cache_read_input_tokens": 999},
        {"service_tier": "flex", "reasoning_output_tokens": 7},
        {"provider": "anthropic", "model": "claude-sonnet-4-5", "cache_creation_input_tokens": 1, "web_searches": 3},
        {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 200_001, "input_audio_tokens": 9},
        {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 400_000, "calls": 2},
        {"model": "openai/gpt-4.1", "input_tokens": None, "input_text": "How much is the fish?"},
        {"model": "gpt-4.1-mini"},
    ],
)
def test_it_agrees_with_what_ingest_stores(admin_key: HeldKey, fields: dict[str, Any]) -> None:
    told = estimated(admin_key, **fields)
    only_result(admin_key, id="x", **fields)
    stored = shown(admin_key, "x")

    for name in ("cost_usd", "input_tokens", "output_tokens", "usage_source", "price", "cost_parts"):
        assert told[name] == stored[name], name


def test_texts_of_models_with_a_vocabulary_of_their_own_count_with_a_buffer(admin_key: HeldKey, settings: Any) -> None:
    """An estimate errs on the dear side where the count is not exact; what ingest bills stays the plain count."""
    texts = {"input_tokens": None, "input_text": " a" * 100, "output_tokens": None, "output_text": " a" * 10}
    claude = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    settings.TOKEN_ESTIMATE_BUFFER = "1.25"
    exact, buffered = estimated(admin_key, **texts), estimated(admin_key, **claude, **texts)
    assert (exact["input_tokens"], exact["output_tokens"]) == (100, 10)
    assert (buffered["input_tokens"], buffered["output_tokens"]) == (125, 13)
    only_result(admin_key, id="x", **claude, **texts)
    stored = shown(admin_key, "x")
    assert (stored["input_tokens"], stored["output_tokens"]) == (100, 10)


def test_what_has_no_rate_of_its_own_is_named(admin_key: HeldKey) -> None:
    told = estimated(admin_key, service_tier="flex", cache_creation_input_tokens=10, reasoning_output_tokens=5)

    assert told["assumed"] == ["cache_creation", "reasoning", "service_tier"]
    assert [part["unit"] for part in told["cost_parts"] if part["assumed"]] == [
        "cache_creation_input_tokens",
        "reasoning_output_tokens",
    ]


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"provider": "kyma"}, "unknown_provider", "no provider “kyma”"),
        ({"model": "gpt-4.1-mini"}, "another_model", "“gpt-4.1” is listed, but “-mini” makes it another model"),
        ({"model": "o9"}, "not_listed", "No list has a model of this name at openai."),
        ({"model": "groq/gift"}, "other_provider", "If groq bills"),
        ({"model": "ft:gpt-4.1:acme::1"}, "fine_tuned", "No fine-tuned price"),
    ],
)
def test_without_a_price_it_says_why(admin_key: HeldKey, fields: dict[str, Any], code: str, words: str) -> None:
    told = estimated(admin_key, **fields)

    assert (told["cost_usd"], told["reason_code"]) == (None, code)
    assert words in told["reason"]
    assert (told["price"], told["match"], told["cost_parts"]) == (None, None, None)


def test_the_price_of_another_time(admin_key: HeldKey) -> None:
    load_prices({("openai", "gpt-5"): GPT}, effective_from=datetime(2027, 1, 1, tzinfo=UTC))

    assert estimated(admin_key, model="gpt-5", occurred_at="2027-01-01T00:00:00Z")["cost_usd"] == "0.0028"
    before = estimated(admin_key, model="gpt-5", occurred_at="2026-12-31T23:59:59Z")
    assert (before["cost_usd"], before["reason_code"]) == (None, "no_price_at_that_time")


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"provider": None}, "provider", "missing"),
        ({"input_tokens": None}, "input_tokens", "missing"),
        ({"input_tokens": -1}, "input_tokens", "negative"),
        ({"input_tokens": "1"}, "input_tokens", "type"),
        ({"cache_read_input_tokens": 1001}, "cache_read_input_tokens", "part_exceeds_whole"),
        ({"occurred_at": "yesterday"}, "occurred_at", "time"),
        ({"service_tier": "gold"}, "service_tier", "choice"),
        ({"model": "a\0"}, "", "nul"),
    ],
)
def test_wrong_fields_are_named(admin_key: HeldKey, fields: dict[str, Any], path: str, code: str) -> None:
    answer = ask(admin_key, call(**fields))

    assert answer.status_code == 422
    assert {(error["path"], error["code"]) for error in answer.json()["errors"]} >= {(path, code)}


def test_what_it_does_not_use_is_named(admin_key: HeldKey) -> None:
    told = estimated(admin_key, cost_usd="5", conversation_id="c")

    assert told["cost_usd"] == "0.0028"
    assert [warning["path"] for warning in told["warnings"]] == ["conversation_id", "cost_usd"]


@pytest.mark.parametrize("body", [[], "x", None, 1])
def test_one_object_is_expected(admin_key: HeldKey, body: Any) -> None:
    assert ask(admin_key, body).status_code == 400
