"""The price book's writes: loading the public lists."""

from datetime import datetime

from django.db import transaction

from apps.costs.services.price_book.editions import shipped_litellm
from apps.costs.services.price_book.genai import read_list
from apps.costs.services.price_book.loading import Loaded, load_list, lock_book

__all__ = ["Loaded", "load_genai_prices", "load_list", "load_litellm", "load_public_lists"]


def load_genai_prices(*, now: datetime) -> Loaded:
    """Bring the price book up to the installed genai-prices package; safe to run again."""
    return load_list(listed=read_list(), now=now)


@transaction.atomic
def load_litellm(*, now: datetime) -> Loaded:
    """Bring the price book up to the edition of litellm's price map that travels with the project; safe to run again.

    Load genai-prices first: entries of models it names become second opinions on them.
    """
    lock_book()
    return load_list(listed=shipped_litellm(), now=now)


@transaction.atomic
def load_public_lists(*, now: datetime) -> dict[str, Loaded]:
    """Bring the price book up to both public lists as they are at hand on this machine, or change nothing."""
    return {"genai-prices": load_genai_prices(now=now), "litellm": load_litellm(now=now)}
