"""Which model an entry of litellm's map is about, and both lists side by side in the book."""

import hashlib
import json
import lzma
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.costs.models import LanguageModel, Price, Provider
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.price_book import Loaded, load_genai_prices, load_list, load_litellm, load_public_lists
from apps.costs.services.price_book.editions import NOTICE, SHIPPED_MAP, litellm_list, shipped_edition
from apps.costs.services.price_book.listing import ListedPrice
from apps.costs.services.price_book.litellm import read_map
from apps.costs.services.price_book.litellm_entry import EntryError
from tests.costs.lists.samples import EDITION, NOW, at, genai_list, map_of, token_entry

pytestmark = pytest.mark.django_db


def read(entries: dict[str, Any]) -> dict[tuple[str, str], ListedPrice]:
    """Every model of a map, read beside a book of one genai-prices model for each provider."""
    listed = litellm_list(map_of(entries), version="1", edition=EDITION)
    return {(provider.id, model.name): model.prices[0] for provider in listed.providers for model in provider.models}


@pytest.fixture
def book() -> None:
    rule = {"or": [{"equals": "gpt-latest"}, {"starts_with": "gpt-4o"}]}
    load_list(listed=genai_list(("openai", "gpt-4o", "2.5", rule), ("google", "gemini-2.5-pro", "1.25", None)), now=NOW)


@pytest.mark.parametrize(
    "key, door, means",
    [
        ("gpt-4o", "openai", ("openai", "gpt-4o")),
        ("openai/gpt-4o", "openai", ("openai", "gpt-4o")),
        ("GPT-latest", "openai", ("openai", "gpt-4o")),
        ("gpt-4o-2024-08-06", "openai", ("openai", "gpt-4o")),
        ("gpt-4o-mini", "openai", ("openai", "gpt-4o-mini")),
        ("ft:gpt-4o", "openai", ("openai", "ft:gpt-4o")),
        ("gemini/gemini-2.5-pro", "gemini", ("google", "gemini-2.5-pro")),
        ("gemini-2.5-pro", "vertex_ai-language-models", ("google", "gemini-2.5-pro")),
        ("azure/gpt-4o", "azure", ("azure", "gpt-4o")),
        ("azure/eu/gpt-4o", "azure", ("azure", "eu/gpt-4o")),
        ("bedrock/eu-west-1/meta.llama3", "bedrock", ("aws", "eu-west-1/meta.llama3")),
        ("text-completion-codestral/codestral-2405", "text-completion-codestral",
         ("mistral", "text-completion-codestral/codestral-2405")),
        ("vercel_ai_gateway/openai/gpt-4o", "vercel_ai_gateway", ("vercel_ai_gateway", "openai/gpt-4o")),
    ],
)  # fmt: skip
def test_one_entry_is_about_one_model(book: None, key: str, door: str, means: tuple[str, str]) -> None:
    assert list(read({key: token_entry(door, "3e-06")})) == [means]


def test_a_snapshot_at_another_price_is_a_model_of_its_own(book: None) -> None:
    found = read(
        {"gpt-4o": token_entry("openai", "2.5e-06"), "gpt-4o-2024-05-13": token_entry("openai", "5e-06"),
         "gpt-4o-2024-08-06": token_entry("openai", "2.5e-06")}
    )  # fmt: skip

    assert [(key, price.rates.base["input_tokens"]) for key, price in found.items()] == [
        (("openai", "gpt-4o"), Decimal("2.5")),
        (("openai", "gpt-4o-2024-05-13"), 5),
    ]


def test_where_only_rules_lead_to_a_model_and_they_disagree_nothing_is_said_of_it(book: None) -> None:
    found = read(
        {"gpt-4o-2024-05-13": token_entry("openai", "5e-06"), "gpt-4o-2024-08-06": token_entry("openai", "2.5e-06")}
    )

    assert list(found) == [("openai", "gpt-4o-2024-05-13"), ("openai", "gpt-4o-2024-08-06")]


def test_a_free_trial_does_not_speak_for_a_model_and_other_doors_keep_their_price() -> None:
    trial = token_entry("gemini", "0", "0")
    found = read({"gemini/gemma": trial, "gemma": token_entry("vertex_ai-language-models", "1.5e-07")})

    assert {key: price.rates.base["input_tokens"] for key, price in found.items()} == {
        ("google", "gemma"): Decimal("0.15"),
        ("google", "gemini/gemma"): 0,
    }


def test_an_entry_without_a_price_says_nothing_of_a_model_of_the_book(book: None) -> None:
    assert read({"gpt-4o": {"litellm_provider": "openai", "mode": "chat"}}) == {}


def test_specimen_and_rules_are_no_models() -> None:
    specimen = {"litellm_provider": "one of https://docs.litellm.ai/docs/providers", "input_cost_per_token": 0.0}

    assert read({"sample_spec": specimen, "fallback_generalizations": {"rules": []}}) == {}


@pytest.mark.parametrize("text", [b"<html>", b"[]", b'{"gpt": 1}', b"\xff"])
def test_what_is_no_map_is_refused(text: bytes) -> None:
    with pytest.raises(EntryError, match="the price map is not"):
        read_map(text, version="1", edition=EDITION, find=lambda provider, name: None)


def test_genai_prices_wins_and_litellm_fills_in(book: None) -> None:
    entries = {"gpt-4o": token_entry("openai", "9e-06"), "azure/gpt-4o": token_entry("azure", "3e-06")}
    load_list(listed=litellm_list(map_of(entries), version="1", edition=EDITION), now=NOW)

    found = current_rate_book()
    first, second = found.lookup("openai", "gpt-4o", NOW), found.lookup("azure", "gpt-4o", NOW)
    assert first is not None
    assert second is not None
    assert (first.card.charge(1_000_000, 0)[0], second.card.charge(1_000_000, 0)[0]) == (at("2.5"), at("3"))


def test_the_second_list_leaves_names_and_titles_as_the_first_says(book: None) -> None:
    before = list(LanguageModel.objects.values()), list(Provider.objects.values())
    listed = litellm_list(map_of({"gpt-4o": token_entry("openai", "9e-06")}), version="1", edition=EDITION)

    assert load_list(listed=listed, now=NOW) == Loaded(0, 0, 1)
    assert (list(LanguageModel.objects.values()), list(Provider.objects.values())) == before


def test_a_model_that_the_first_list_learns_later_becomes_its_own(book: None) -> None:
    load_list(
        listed=litellm_list(map_of({"new": token_entry("openai", "9e-06")}), version="1", edition=EDITION), now=NOW
    )
    load_list(listed=genai_list(("openai", "new", "4", {"starts_with": "newest"})), now=NOW)

    model = LanguageModel.objects.get(name="new")
    match = current_rate_book().lookup("openai", "new", NOW)
    assert model.rule == {"starts_with": "newest"}
    assert match is not None
    assert match.card.charge(1_000_000, 0)[0] == at("4")


def test_both_lists_load_at_once_and_again_change_nothing() -> None:
    first = load_public_lists(now=NOW)

    assert first["genai-prices"].prices > 2_500
    assert first["litellm"].prices > 4_000
    assert load_public_lists(now=datetime(2027, 1, 1, tzinfo=UTC)) == dict.fromkeys(first, Loaded(0, 0, 0))
    assert not Price.objects.filter(source="litellm", effective_from__isnull=False).exists()


def test_whatever_genai_prices_names_keeps_its_price_beside_litellm() -> None:
    load_genai_prices(now=NOW)
    names = list(LanguageModel.objects.values_list("provider_id", "name"))
    alone = current_rate_book()
    load_litellm(now=NOW)
    together = current_rate_book()

    for provider, name in names:
        mine, both = alone.lookup(provider, name, NOW), together.lookup(provider, name, NOW)
        assert (mine and mine.price_id) == (both and both.price_id), f"{provider}/{name}"


def test_the_shipped_map_is_the_one_its_notice_tells_of() -> None:
    data = lzma.decompress(SHIPPED_MAP.read_bytes())
    version, edition = shipped_edition()

    assert f"{hashlib.sha256(data).hexdigest()}  {len(data):,} bytes" in NOTICE.read_text()
    assert (version.count("."), edition >= date(2026, 11, 23)) == (2, True)
    assert len(json.loads(data)) > 4_000
