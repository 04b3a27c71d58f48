"""The editions of the public lists that travel with the project: always at hand, whatever network there is."""

import json
import lzma
import re
from collections import Counter
from datetime import date
from pathlib import Path

from apps.costs.models import LanguageModel, Price
from apps.costs.services.price_book import genai, litellm
from apps.costs.services.price_book.known_models import KnownModels
from apps.costs.services.price_book.listing import PriceList

FOLDER = Path(__file__).resolve().parents[2] / "price_lists"
SHIPPED_MAP = FOLDER / "litellm.json.xz"
NOTICE = FOLDER / "NOTICE"
_EDITION = re.compile(r"^Edition: litellm (\S+), taken (\d{4}-\d\d-\d\d)$", re.MULTILINE)


def shipped_litellm() -> PriceList:
    """litellm's map as it travels with the project, matched with the models that genai-prices names."""
    version, edition = shipped_edition()
    return litellm_list(lzma.decompress(SHIPPED_MAP.read_bytes()), version=version, edition=edition)


def shipped_edition() -> tuple[str, date]:
    """Version and day of the map that travels with the project, from its notice."""
    found = _EDITION.search(NOTICE.read_text())
    if found is None:
        raise ValueError(f"{NOTICE} does not say which edition it is about")
    return found[1], date.fromisoformat(found[2])


def litellm_list(data: bytes, *, version: str, edition: date) -> PriceList:
    """A map of litellm, matched with the models that genai-prices names. Raises EntryError for one that is broken."""
    priced = Price.objects.filter(source=genai.SOURCE).values("model_id").distinct()
    models = LanguageModel.objects.filter(id__in=priced)
    return litellm.read_map(data, version=version, edition=edition, find=KnownModels(models).find)


def shipped_names(*, largest: int) -> list[tuple[str, str]]:
    """Provider and name of every model that the shipped map lists for its so many largest providers."""
    found = json.loads(lzma.decompress(SHIPPED_MAP.read_bytes()))
    named = [(str(entry.get("litellm_provider", "")), key) for key, entry in found.items()]
    # The map's specimen has a sentence for a provider.
    sizes = Counter(provider for provider, _ in named if provider and " " not in provider)
    chosen = {provider for provider, _ in sizes.most_common(largest)}
    return [(provider, key) for provider, key in named if provider in chosen]
