"""The price book's writes: loading a price list."""

from datetime import datetime

from apps.costs.services.price_book.genai import read_list
from apps.costs.services.price_book.loading import Loaded, load_list

__all__ = ["Loaded", "load_genai_prices", "load_list"]


def load_genai_prices(*, now: datetime) -> Loaded:
    """Bring the price book up to the installed genai-prices package; safe to run again."""
    return load_list(listed=read_list(), now=now)
