"""What gateways, regions and dates add to a name, and what may be left out when a price is looked for."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.costs.domain.explaining import explain
from apps.costs.domain.price_schedule import PriceVersion
from apps.costs.domain.pricing import Rates
from apps.costs.domain.rate_book import ModelEntry, ProviderEntry, RateBook
from apps.costs.domain.spellings import is_government, spellings

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def model(name: str, rate: str = "1", starts_with: str | None = None) -> ModelEntry:
    rates = Rates({"input_tokens": Decimal(rate), "output_tokens": Decimal(rate)})
    rule = {"starts_with": starts_with} if starts_with else None
    return ModelEntry(1, name, (), rule, (PriceVersion(1, None, lambda: rates),))


def unbilled(name: str) -> ModelEntry:
    return ModelEntry(2, name, (), None, (PriceVersion(2, None, lambda: Rates({}), bills_otherwise=True),))


def unpriced(name: str) -> ModelEntry:
    return ModelEntry(3, name, (), None, (PriceVersion(3, None, lambda: Rates({})),))


def later(name: str) -> ModelEntry:
    begin = PriceVersion(4, datetime(2030, 1, 1, tzinfo=UTC), lambda: Rates({}))
    return ModelEntry(4, name, (), None, (begin,))


BOOK = RateBook(
    1,
    [
        ProviderEntry(
            "openai",
            (model("gpt-4o"), model("gpt-4o-mini"), model("ft:gpt-4o-mini", "2"), model("gpt-4.1"), unbilled("dall-e")),
        ),
        ProviderEntry("azure", (model("us/gpt-4o", "2"), model("eu/gpt-4.1")), resells=("openai",)),
        ProviderEntry(
            "aws",
            (
                model("meta.llama3-v1:0"),
                model("us.meta.llama3-v1:0"),
                model("anthropic.claude-9-v1:0"),
                model("us.anthropic.claude-9-v1:0", "1.1"),
                model("amazon.nova-9", starts_with="amazon.nova-9"),
            ),
        ),
        ProviderEntry("openrouter", (model("anthropic/claude-3.7-sonnet"), model("grok-4", starts_with="grok-4"))),
        ProviderEntry("mistral", (unpriced("mistral-9"), later("mistral-10"))),
    ],
)


@pytest.mark.parametrize(
    ("provider", "name", "expected", "why"),
    [
        ("litellm", "openrouter/anthropic/claude-3.7-sonnet:beta", "anthropic/claude-3.7-sonnet", "variant"),
        ("openrouter", "anthropic/claude-3.7-sonnet:thinking", "anthropic/claude-3.7-sonnet", "variant"),
        ("azure", "azure/global/gpt-4o", "gpt-4o", "exact"),
        ("azure", "azure/global-standard/gpt-4o-2024-08-06", "gpt-4o", "dated"),
        ("azure", "us/gpt-4o", "us/gpt-4o", "exact"),
        # Where a zone that is listed costs the same, so do the others.
        ("azure", "us/gpt-4.1", "gpt-4.1", "region"),
        ("bedrock", "bedrock/converse/meta.llama3-v1:0", "meta.llama3-v1:0", "exact"),
        ("bedrock", "bedrock/eu-west-1/meta.llama3-v1:0", "meta.llama3-v1:0", "region"),
        ("bedrock", "apac.meta.llama3-v1:0", "meta.llama3-v1:0", "region"),
        ("bedrock", "arn:aws:bedrock:eu-x-1:1:inference-profile/us.meta.llama3-v1:0", "us.meta.llama3-v1:0", "exact"),
        ("bedrock", "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-v1:0", "meta.llama3-v1:0", "exact"),
        ("bedrock", "sa.amazon.nova-9-preview", "amazon.nova-9", "region"),
        ("openai", "ft:gpt-4o-mini:acme:suffix:1", "ft:gpt-4o-mini", "exact"),
        ("openai", "gpt-4o@default", "gpt-4o", "exact"),
    ],
)  # fmt: skip
def test_what_may_be_left_out(provider: str, name: str, expected: str, why: str) -> None:
    match = BOOK.lookup(provider, name, NOON)

    assert match is not None
    assert (match.model, match.why) == (expected, why)


@pytest.mark.parametrize(
    ("provider", "name", "reason"),
    [
        ("azure", "eu/gpt-4o", "region"),
        ("azure", "eu/gpt-4o-mini", "region"),
        ("bedrock", "eu.anthropic.claude-9-v1:0", "region"),
        ("bedrock", "bedrock/us-gov-west-1/meta.llama3-v1:0", "region"),
        ("bedrock", "us-gov.amazon.nova-9-preview", "region"),
        ("bedrock", "bedrock/us-east-1/1-month-commitment/meta.llama3-v1:0", "not_token_priced"),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/x1", "deployment"),
        ("openai", "hd/1024-x-1024/gpt-image", "not_token_priced"),
        ("openai", "dall-e", "not_token_priced"),
        ("openai", "ft:gpt-4o:acme::1", "fine_tuned"),
        ("openai", "ft:gpt-4o-mini-audio:acme::1", "fine_tuned"),
        ("openai", "gpt-4o-mini-high", "another_model"),
        ("openai", "o9", "not_listed"),
        ("openai", "azure/gpt-4o", "other_provider"),
        ("openrouter", "anthropic/claude-3.7-sonnet:online", "variant"),
        ("openrouter", "grok-4.5", "another_model"),
        ("litellm", "gpt-4o", "no_provider"),
        ("litellm", "kyma/gpt-4o", "unknown_provider"),
        ("", "gpt-4o", "no_provider"),
        ("mistral", "mistral-9", "no_price_listed"),
        ("mistral", "mistral-10", "no_price_at_that_time"),
        ("bedrock", "claude-9", "incomplete_name"),
        ("mistral", "mistral", "incomplete_name"),
    ],
)
def test_no_price_is_taken_and_why(provider: str, name: str, reason: str) -> None:
    found = explain(BOOK, provider, name, NOON)

    assert found.reason == reason
    assert found.sentence.endswith(".")


def test_the_explanation_answers_as_ingest_does() -> None:
    for provider in ("openai", "azure", "bedrock", "litellm", "openrouter"):
        for name in ("gpt-4o", "us/gpt-4o", "eu/gpt-4o", "us.meta.llama3-v1:0", "openai/gpt-4o-mini-2024-07-18"):
            found, match = explain(BOOK, provider, name, NOON).match, BOOK.lookup(provider, name, NOON)
            assert (found and (found.model, found.why)) == (match and (match.model, match.why))


def test_every_look_is_told_in_order() -> None:
    found = explain(BOOK, "azure", "global/gpt-4o-2030-01-01", NOON)

    assert [(step.provider, step.by, step.model) for step in found.tried] == [
        ("azure", "name", None),
        ("azure", "rule", None),
        ("openai", "name", None),
        ("openai", "rule", None),
        ("azure", "name", None),
        ("azure", "rule", None),
        ("openai", "name", "gpt-4o"),
    ]
    assert found.tried[-1].spelling is not None
    assert found.tried[-1].spelling.how == ("route", "dated")


def test_near_misses_say_what_differs() -> None:
    (first, second) = explain(BOOK, "openai", "gpt-4o-mini-high", NOON).near_misses

    assert (first.model, first.differs) == ("gpt-4o-mini", "-high")
    assert (second.model, second.differs) == ("gpt-4o", "-mini-high")


def test_spellings_come_once_and_as_sent_first() -> None:
    found = [spelling.name for spelling in spellings("azure", "azure/openai/gpt-4o-20240806", ["openai"])]

    assert found[0] == "azure/openai/gpt-4o-20240806"
    assert len(found) == len(set(found))
    assert {"openai/gpt-4o-20240806", "gpt-4o-2024-08-06", "gpt-4o"} <= set(found)


@pytest.mark.parametrize(
    ("name", "government"),
    [("us-gov.anthropic.claude", True), ("bedrock/us-gov-west-1/x", True), ("govern-1", False), ("us.x", False)],
)
def test_regions_of_a_government(name: str, government: bool) -> None:
    assert is_government(name) is government
