"""litellm's price map (Berri AI, MIT), read as plain data and matched strictly with the models the book already has.

1. An entry's provider is its `litellm_provider` by the table of provider names, its name the key without the provider's
   own prefix.
2. Entries whose name means a model of the book, at the provider itself, are another opinion on that model's price. The
   strictest match speaks; where several match equally, they speak only if they agree.
3. An entry that a mere rule leads to a model, but whose rates are not those that were said of it, is a model of its own
   (another region, another snapshot), as is every entry that means no model of the book. Such a model is found by
   exactly its name.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from apps.costs.domain.pricing import RateSet, Tiered
from apps.costs.domain.providers import canonical_provider
from apps.costs.services.price_book import genai
from apps.costs.services.price_book.listing import ListedModel, ListedPrice, ListedProvider, PriceList
from apps.costs.services.price_book.litellm_entry import EntryError, ReadEntry, read_entry

SOURCE = "litellm"
MEMBER = "litellm/model_prices_and_context_window_backup.json"
"""The map's place in litellm's wheel."""

Strictness = Literal["exact", "alias", "rule"]
# Which model of the book, at the provider itself, a name means, and how strictly it says so.
FindModel = Callable[[str, str], tuple[str, Strictness] | None]

# Where one company sells a model through several doors, the bare name means the first of these.
_DOORS = ("gemini", "azure", "bedrock_converse", "bedrock", "mistral", "cohere_chat", "openai")
_ORDER: dict[Strictness | None, int] = {"exact": 0, "alias": 1, "rule": 2, None: 3}


@dataclass(frozen=True, slots=True)
class _Entry:
    door: str
    provider: str
    name: str
    place: int
    fields: dict[str, Any]
    read: ReadEntry
    means: str | None
    how: Strictness | None

    @property
    def order(self) -> tuple[int, bool, int, int, int]:
        door = _DOORS.index(self.door) if self.door in _DOORS else len(_DOORS)
        # What a free trial costs is not what the model costs.
        return _ORDER[self.how], self.is_free, door, -len(self.fields), self.place

    @property
    def is_free(self) -> bool:
        return all(rate in (0, None) for rate in self.read.rates.base.values())

    @property
    def says_nothing(self) -> bool:
        return not self.read.rates.base and not self.read.unbilled


def read_map(data: bytes, *, version: str, edition: date, find: FindModel) -> PriceList:
    """The map as a price list. `edition` is the day it was taken.

    Raises EntryError for a map that is not of the known shape, or has an impossible price.
    """
    groups: dict[tuple[str, str], list[_Entry]] = defaultdict(list)
    for one in _entries(_parsed(data), find):
        groups[one.provider, (one.means or one.name).lower()].append(one)
    models: dict[str, list[ListedModel]] = defaultdict(list)
    taken = set(groups)
    for (provider, _), entries in groups.items():
        models[provider].extend(_models(sorted(entries, key=lambda one: one.order), taken, edition))
    providers = [ListedProvider(id, _title(id), (), found) for id, found in models.items()]
    return PriceList(SOURCE, version, edition, providers, ranks_after=(genai.SOURCE,))


def _title(provider: str) -> str:
    return provider.replace("_", " ").replace("-", " ").title()


def _parsed(data: bytes) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(data, parse_float=Decimal)
    except ValueError as error:
        raise EntryError(f"the price map is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise EntryError("the price map is not an object of objects")
    return found


def _entries(found: dict[str, dict[str, Any]], find: FindModel) -> Iterator[_Entry]:
    for place, (key, fields) in enumerate(found.items()):
        door = fields.get("litellm_provider")
        # The map opens with a specimen, whose provider is a sentence, and closes with rules that bill nothing.
        if not isinstance(door, str) or " " in door:
            continue
        provider = _provider(door)
        name = _bare(key, provider)
        means, how = find(provider, name) or (None, None)
        yield _Entry(door, provider, name, place, fields, read_entry(key, fields), means, how)


def _provider(door: str) -> str:
    """The canonical provider: `vertex_ai-anthropic_models` is google, `text-completion-codestral` mistral."""
    for prefix in ("vertex_ai", "fireworks_ai"):
        if door.startswith(f"{prefix}-"):
            return canonical_provider(prefix)
    return canonical_provider(door.removeprefix("text-completion-"))


def _bare(key: str, provider: str) -> str:
    prefix, slash, rest = key.partition("/")
    return rest if slash and canonical_provider(prefix) == provider else key


def _models(entries: list[_Entry], taken: set[tuple[str, str]], edition: date) -> Iterator[ListedModel]:
    """The models that entries of one name are; the strictest match comes first."""
    spokesman = _spokesman(entries)
    if spokesman is not None:
        yield _model(spokesman.means or spokesman.name, spokesman, edition)
    for one in entries:
        if one is spokesman or one.how in ("exact", "alias") or _is_same_price(one, spokesman):
            continue
        name = one.name
        if one.how is None:
            # The same name through another door, at another price.
            name = f"{one.door.partition('-')[0]}/{one.name}"
        if (one.provider, name.lower()) not in taken:
            taken.add((one.provider, name.lower()))
            yield _model(name, one, edition)


def _spokesman(entries: list[_Entry]) -> _Entry | None:
    """Of entries in order, the one that says what the model costs; None when they say nothing, or disagree."""
    if entries[0].means is None:
        return entries[0]
    speaking = [one for one in entries if not one.says_nothing]
    strictest = [one for one in speaking if one.how == speaking[0].how]
    if not strictest or (strictest[0].how != "exact" and not all(_is_same_price(strictest[0], o) for o in strictest)):
        return None
    return strictest[0]


def _is_same_price(one: _Entry, other: _Entry | None) -> bool:
    """Whether two entries agree on every standard rate that both have; one without any agrees with all."""
    if one.says_nothing:
        return True
    if other is None:
        return False
    mine, theirs = one.read.rates.base, other.read.rates.base
    if bool(mine) != bool(theirs):
        return False
    return all(_plain(mine, unit) == _plain(theirs, unit) for unit in mine.keys() & theirs.keys())


def _plain(rates: RateSet, unit: str) -> Decimal | None:
    rate = rates[unit]
    return rate.base if isinstance(rate, Tiered) else rate


def _model(name: str, one: _Entry, edition: date) -> ListedModel:
    window = one.fields.get("max_input_tokens")
    return ListedModel(
        name=name,
        title="",
        context_window=window if isinstance(window, int) and 0 < window < 2**31 else None,
        is_deprecated=_is_over(one.fields.get("deprecation_date"), edition),
        rule=None,
        prices=[ListedPrice(None, one.read.rates, one.read.unbilled)],
    )


def _is_over(text: object, edition: date) -> bool:
    try:
        return date.fromisoformat(str(text)) <= edition
    except ValueError:
        return False
