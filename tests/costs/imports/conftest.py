"""A price book of two models, so that every expected amount can be worked out by hand."""

from decimal import Decimal

import pytest

from apps.costs.models import LanguageModel, Price, Provider


def make_price(provider: str, model: str, **rates: str) -> Price:
    """A price that always held; rates in USD per million tokens."""
    Provider.objects.get_or_create(id=provider, defaults={"name": provider})
    row = LanguageModel.objects.create(provider_id=provider, name=model)
    columns = {f"{unit}_usd_per_mtok": Decimal(rate) for unit, rate in rates.items()}
    return Price.objects.create(model=row, source="tests", fingerprint="", **columns)


@pytest.fixture
def gpt_4o(db: None) -> Price:
    return make_price("openai", "gpt-4o", input="2.5", cache_read="1.25", output="10")


@pytest.fixture
def kimi(db: None) -> Price:
    return make_price("moonshotai", "kimi-k2", input="0.6", cache_read="0.15", output="2.5")
