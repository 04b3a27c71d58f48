"""Why a name got the price it got, or none: what the resolver tried, in words and in codes.

The steps come from the resolver itself (`RateBook.explain` hands it a list to write them to); here they only get
words. A name without a price has one reason, with a code for machines. `not_listed` alone says no more than that.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from .rate_book import Match, RateBook, Tried
from .spellings import is_government, is_regional, spellings

Reason = Literal[
    "no_provider",
    "unknown_provider",
    "other_provider",
    "not_token_priced",
    "no_price_listed",
    "no_price_at_that_time",
    "fine_tuned",
    "region",
    "variant",
    "deployment",
    "another_model",
    "incomplete_name",
    "not_listed",
]
PLAIN_REASONS: frozenset[Reason] = frozenset(get_args(Reason)) - {"not_listed"}
"""The reasons that say more than that nothing was found."""
NEAR_MISSES = 5
SHORTEST = 2
"""The fewest letters of a name that can be near another one: as in o1."""

_BY_THE_PIECE = re.compile(r"(?:^|/)(?:\d+-x-\d+|(?:max|\d+)-steps|\d+-month-commitment)/")
_DEPLOYMENT = re.compile(
    r"^arn:|(?:^|/)(?:endpoints|deployments|provisioned-model|application-inference-profile)/|^\d+$"
)
_WORD_END = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A listed model whose name is near but means another one: what the two names do not share says so.

    `is_shorter` is true when the listed name is a part of the one asked for, false when it is the other way round.
    """

    provider: str
    model: str
    differs: str
    is_shorter: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a name meant at an instant. Exactly one of `match` and `reason` is there.

    A match whose model is not billed by tokens keeps the match and says `not_token_priced`.
    """

    provider: str
    name: str
    match: Match | None
    reason: Reason | None
    sentence: str
    tried: tuple[Tried, ...]
    near_misses: tuple[NearMiss, ...]


def explain(book: RateBook, provider: str, model: str, at: datetime) -> Explanation:
    """Ask the book as ingest does, and say why it answers so."""
    seller, name, match, tried = book.explain(provider, model, at)
    if match is not None and is_token_priced(match):
        return Explanation(seller, name, match, None, _why(match, name, tried), tried, ())
    near = () if match is not None else _near_misses(book, seller, name)
    reason, sentence = _refusal(book, seller, name, match, tried, near)
    return Explanation(seller, name, match, reason, sentence, tried, near)


def is_token_priced(match: Match) -> bool:
    """Whether the price says anything about tokens or requests."""
    return match.card.charge(0, 0)[0] is not None


_HOW = {
    "exact": "The price book has a model of exactly this name.",
    "alias": "The price book knows this as another name of the model.",
    "rule": "The name is the model's, with marks of a version that the price list says belong to it.",
    "region": "The price book has no price of this region; the model's is the same wherever regions are listed.",
    "variant": "The variant is billed as the model itself.",
    "dated": "The price book has no price of this date; it is a snapshot of the model.",
}


def _why(match: Match, name: str, tried: tuple[Tried, ...]) -> str:
    sentence = _HOW[match.why]
    found = tried[-1].spelling
    if found is not None and found.name != name:
        sentence += f" Looked for as “{found.name}”."
    if found is not None and "tuned" in found.how:
        sentence += " Every fine-tuned model of this base costs the same."
    if len({step.provider for step in tried}) > 1:
        sentence += f" The seller lists no price of its own, so {match.provider}'s standard price holds."
    return sentence


def _refusal(
    book: RateBook, provider: str, name: str, match: Match | None, tried: tuple[Tried, ...], near: tuple[NearMiss, ...]
) -> tuple[Reason, str]:
    if match is not None and not match.bills_otherwise:
        return "no_price_listed", f"{match.provider} has this model in the price book, but no list names a price of it."
    if match is not None or _BY_THE_PIECE.search(name):
        return "not_token_priced", "This is billed by the piece or by time (images, hours, pages, …), not by tokens."
    if any(step.model is not None and not step.refused for step in tried):
        return "no_price_at_that_time", "The price book knows this model, but no price of it holds at that time."
    if not provider or not name:
        return (
            "no_provider",
            "Nobody says who bills for it: a provider and a model are needed.",
        )
    if provider == "litellm":
        return "no_provider", "LiteLLM passes calls on: the name must begin with who bills for it (openai/gpt-4.1)."
    if not book.knows(provider):
        return "unknown_provider", (
            f"The price book has no provider “{provider}”. A gateway sets its own prices, so no maker's price is taken."
        )
    if _DEPLOYMENT.search(name):
        return "deployment", "This names a deployment of yours; which model runs there, its name does not say."
    if name.startswith("ft:") or ".ft-" in name:
        return "fine_tuned", "No fine-tuned price of this base model is listed, and its plain price is another one."
    if any(step.refused for step in tried) or is_government(name) or is_regional(provider, name):
        return "region", "The price of this model depends on the region, and none is listed for this one."
    if provider == "openrouter" and ":" in name:
        return "variant", f"The variant “:{name.rpartition(':')[2]}” has a price of its own, which no list names."
    if near and near[0].is_shorter:
        return "another_model", (
            f"“{near[0].model}” is listed, but “{near[0].differs}” makes it another model, whose price no list names."
        )
    if near:
        return "incomplete_name", f"The name leaves open which model it means, for example “{near[0].model}”."
    prefix, slash, rest = name.partition("/")
    if slash and (other := book.provider_named(prefix)) and other != provider:
        return "other_provider", (
            f"The name says {other}, but {provider} is said to bill for it, which lists no such model. "
            f"If {other} bills, send that as the provider and “{rest}” as the model."
        )
    return "not_listed", f"No list has a model of this name at {provider}."


def _near_misses(book: RateBook, provider: str, name: str) -> tuple[NearMiss, ...]:
    """Listed models whose name begins the one asked for, or has it within; the most shared letters first."""
    found: dict[tuple[str, str], tuple[int, NearMiss]] = {}
    sellers = book.sellers(provider)
    for spelling in spellings(provider, name, [seller for seller, _ in sellers]):
        for seller, listed in sellers:
            for other, model in listed.items():
                differs = _beyond(spelling.name, other)
                if differs is not None:
                    is_shorter = len(other) < len(spelling.name)
                    shared = min(len(other), len(spelling.name))
                    miss = NearMiss(seller, model, differs, is_shorter)
                    found[seller, model] = max(found.get((seller, model), (0, miss)), (shared, miss), key=_shared)
    best = sorted(found.values(), key=lambda pair: (-pair[0], len(pair[1].differs), pair[1].model))
    return tuple(miss for _, miss in best[:NEAR_MISSES])


def _shared(pair: tuple[int, NearMiss]) -> int:
    return pair[0]


def _beyond(name: str, listed: str) -> str | None:
    """What one of two names has beyond the other, cut between words; None for strangers."""
    if len(listed) >= SHORTEST and name.startswith(listed):
        return _rest(name, len(listed))
    start = listed.find(name) if len(name) >= SHORTEST else -1
    if start < 0 or (start and not _WORD_END.match(listed[start - 1])):
        return None
    rest = _rest(listed, start + len(name))
    return None if rest is None else (f"{listed[:start]}…{rest}" if start else rest)


def _rest(longer: str, end: int) -> str | None:
    """What follows `end`, if a new word begins there."""
    rest = longer[end:]
    begins_word = not rest or _WORD_END.match(rest) or _WORD_END.match(longer[end - 1])
    return rest if begins_word else None
