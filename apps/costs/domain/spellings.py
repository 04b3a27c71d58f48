"""The spellings under which one model may stand in the price book: what gateways, regions and dates add to its name.

Two kinds of rewriting. Those that keep the meaning (a provider's own prefix, a resource path, the way a date is
written) say the same model in other words. Those that drop something (a region, a variant, a date) may drop what the
price depends on, so each is tried only after everything that keeps more of the name.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from .matching import with_dashed_date, without_date
from .providers import canonical_provider

Loss = Literal["region", "variant", "dated"]
How = Literal["prefix", "path", "route", "dashed", "tuned"] | Loss
LOSSES: tuple[Loss, ...] = ("region", "variant", "dated")
"""What drops a part of the name, from the least loss to the greatest."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name to look for, and what was done to the sent one to get it, in order; nothing for the name as sent."""

    name: str
    how: tuple[How, ...] = ()

    @property
    def loss(self) -> Loss | None:
        """The greatest loss on the way here; None when it means exactly what was sent."""
        return next((loss for loss in reversed(LOSSES) if loss in self.how), None)


# A country or group of countries that Bedrock puts before the maker: us.anthropic.…, apac.amazon.…
_GEOGRAPHY = re.compile(r"^(?:us|eu|apac|ap|au|jp|ca|sa|me|in|il|uk|kr|mx|za)\.(?=[a-z0-9-]+\.)")
_AWS_REGION = re.compile(r"^(?:us|eu|ap|ca|sa|me|af|il|mx)-(?!gov)[a-z]+-\d/")
_AZURE_ZONE = re.compile(r"^(?:eu|us|apac)/")
_GOVERNMENT = re.compile(r"(?:^|[/.])(?:us-)?gov(?:-[a-z]+-\d)?[/.]")
# Ways to call the same model at the same price.
_ROUTES = {
    "aws": re.compile(r"^(?:converse|converse_like|invoke|async_invoke)/"),
    "azure": re.compile(r"^(?:global|global-standard|responses)/"),
}
_REGIONS = {"aws": (_AWS_REGION, _GEOGRAPHY), "azure": (_AZURE_ZONE,)}
ZONES_COST_MORE = frozenset({"azure"})
"""Providers whose zones and data residency usually cost more than the same model anywhere."""
_ARN = re.compile(r"^arn:aws[a-z-]*:bedrock:[^/]*:(?:foundation-model|inference-profile)/")
# OpenRouter bills these as the model itself; other suffixes (":free", ":nitro", ":online") change the price.
_VARIANT = re.compile(r":(?:beta|thinking)$")
_LATEST = re.compile(r"@(?:default|latest)$")
_FINE_TUNED = re.compile(r"^(ft:[^:]+):.+$")


def spellings(provider: str, name: str, resells: Collection[str] = ()) -> list[Spelling]:
    """Every spelling of a name in lower case at a canonical provider, the name as sent first, each once.

    `resells` are the providers whose own prefix may stand before their models.
    """
    found = {name: Spelling(name)}
    sellers = {provider, *resells}
    for how, rewrite in _REWRITES:
        for spelling in list(found.values()):
            for text in rewrite(spelling.name, provider, sellers):
                if text and text not in found:
                    found[text] = Spelling(text, (*spelling.how, how))
    return list(found.values())


def is_government(name: str) -> bool:
    """Whether the name says a government's region, whose prices are its own."""
    return _GOVERNMENT.search(name) is not None


def is_regional(provider: str, name: str) -> bool:
    """Whether the name says a region or zone of a provider that may price by region."""
    return is_government(name) or any(True for _ in _without_region(name, provider, ()))


def in_other_regions(provider: str, name: str, base: str) -> bool:
    """Whether `name` is the model `base` in some region of the provider."""
    return name != base and name.endswith(base) and any(text == base for text in _without_region(name, provider, ()))


def _without_prefix(name: str, _: str, sellers: Collection[str]) -> Iterator[str]:
    prefix, slash, rest = name.partition("/")
    if slash and canonical_provider(prefix) in sellers:
        yield rest


def _after_path(name: str, *_: object) -> Iterator[str]:
    __, path, last = name.rpartition("models/")
    if path:
        yield last
    if found := _ARN.match(name):
        yield name[found.end() :]
    yield _LATEST.sub("", name)


def _without_route(name: str, provider: str, _: object) -> Iterator[str]:
    if provider in _ROUTES:
        yield _ROUTES[provider].sub("", name)


def _dashed(name: str, *_: object) -> Iterator[str]:
    if dashed := with_dashed_date(name):
        yield dashed


def _tuned_base(name: str, *_: object) -> Iterator[str]:
    """`ft:gpt-4o-mini:org::id` is priced as every fine-tuned gpt-4o-mini, never as gpt-4o-mini."""
    if found := _FINE_TUNED.match(name):
        yield found[1]


def _without_region(name: str, provider: str, _: object) -> Iterator[str]:
    for region in _REGIONS.get(provider, ()):
        shorter = region.sub("", name)
        if shorter != name:
            yield shorter
            name = shorter


def _without_variant(name: str, provider: str, _: object) -> Iterator[str]:
    if provider == "openrouter":
        yield _VARIANT.sub("", name)


def _undated(name: str, *_: object) -> Iterator[str]:
    if undated := without_date(name):
        yield undated


_Rewrite = Callable[[str, str, Collection[str]], Iterator[str]]
_REWRITES: tuple[tuple[How, _Rewrite], ...] = (
    ("prefix", _without_prefix),
    ("path", _after_path),
    ("prefix", _without_prefix),
    ("route", _without_route),
    ("dashed", _dashed),
    ("tuned", _tuned_base),
    ("region", _without_region),
    ("variant", _without_variant),
    ("dated", _undated),
)
