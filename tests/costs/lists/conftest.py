"""Editions of the lists as tests say them, in place of what this machine and the package index have."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from apps.access.models import User
from apps.costs.models import ListChange, PriceListCheck
from apps.costs.services.price_book.wheels import FetchError
from apps.costs.services.price_lists import ask_for_check, checking, load_at_hand, loading, work_on_check
from apps.costs.services.price_lists.reading import Edition
from tests.costs.lists.samples import EDITION, NOW, genai_text, map_of, token_entry

FIRST = {("openai", "gpt"): "2.5", ("openai", "mini"): "1"}
SECOND = {("openai", "gpt"): "2.5", ("groq", "llama"): "0.5"}
LATER = NOW + timedelta(days=1)
Models = dict[tuple[str, str], str]


@dataclass
class Lists:
    """What is at hand, what the index has, and the acts of the page."""

    person: User
    at_hand: dict[str, Edition] = field(default_factory=dict)
    index: dict[str, Edition | str] = field(default_factory=dict)

    def put(self, version: str, first: Models, second: Models, *, index: bool = False) -> None:
        """Editions of both lists: USD per million input tokens by provider and name."""
        data = {
            "genai-prices": genai_text(*[(*key, usd) for key, usd in first.items()]),
            "litellm": map_of({f"{p}/{n}": token_entry(p, f"{usd}e-06") for (p, n), usd in second.items()}),
        }
        for source, text in data.items():
            edition = Edition(source, version, text, "index" if index else "at hand", EDITION)
            (self.index if index else self.at_hand)[source] = edition

    def load(self, now: datetime = NOW) -> Any:
        """What every start does."""
        return load_at_hand(now=now)

    def check(self, now: datetime = LATER) -> PriceListCheck:
        """What the button does, and the worker after it."""
        ask_for_check(caller=self.person.caller(), now=now)
        done = work_on_check(now=now)
        assert done is not None
        return done

    def changes(self) -> list[tuple[str, str, str, str]]:
        """Every proposal: list, model, kind, state."""
        rows = ListChange.objects.order_by("source", "name", "id")
        return list(rows.values_list("source", "name", "kind", "state"))


@pytest.fixture
def lists(bob: User, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Lists:
    """Two small lists of the same version; the index is not asked unless a test puts something there."""
    made = Lists(bob)
    made.put("1.0", FIRST, SECOND)
    settings.PRICE_LISTS_FETCH = False

    def at_hand(source: str, today: date) -> Edition:
        return made.at_hand[source]

    def newest_of_index(source: str, today: date) -> Edition:
        found = made.index[source]
        if isinstance(found, str):
            raise FetchError(found)
        return found

    for module in (checking, loading):
        monkeypatch.setattr(module, "at_hand", at_hand)
    monkeypatch.setattr(checking, "newest_of_index", newest_of_index)
    return made
