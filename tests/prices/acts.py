"""One act of each kind on the price book, ready to be sent by a page."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from apps.costs.domain.pricing import Rates
from apps.costs.models import LanguageModel, PriceAdjustment, PriceChange, Subscription
from apps.costs.selectors.rate_book import current_version
from apps.costs.services.price_book.adjustments import add_adjustment
from apps.costs.services.price_book.own import Term, set_own_price
from apps.costs.services.price_book.subscriptions import add_subscription
from tests.costs.posting import load_prices
from tests.usage import REPORTER

FLAT = Rates({"input_tokens": Decimal(3), "output_tokens": Decimal(9)})
OPEN = Term(datetime(2026, 1, 1, tzinfo=UTC), None)


def model() -> int:
    """A model with a list price."""
    load_prices()
    return LanguageModel.objects.get(name="gpt-4.1").pk


def own_price() -> tuple[int, int]:
    """A model with an own price, and the act that set it."""
    model_id = model()
    set_own_price(caller=REPORTER, model_id=model_id, rates=FLAT, term=OPEN, now=datetime.now(UTC))
    return model_id, PriceChange.objects.latest("id").pk


def adjustment() -> int:
    """A discount."""
    model()
    add_adjustment(caller=REPORTER, provider="openai", model="", percent=Decimal(-5), term=OPEN, now=datetime.now(UTC))
    return PriceAdjustment.objects.get().pk


def subscription() -> int:
    """A flat fee for every model of a provider."""
    model()
    add_subscription(
        caller=REPORTER, provider="openai", name="Team", models=[], fee_usd=Decimal(30), every="month",
        first_day=date(2026, 1, 31), last_day=None, zone=ZoneInfo("Europe/Berlin"), now=datetime.now(UTC),
    )  # fmt: skip
    return Subscription.objects.get().pk


def seen(**fields: Any) -> dict[str, Any]:
    """Fields that are saved without another preview: the book is as it was seen."""
    return {"input_tokens": "3", "output_tokens": "9", **fields, "step": "save", "version": str(current_version())}


def sent(**fields: Any) -> dict[str, Any]:
    """An own price as the API takes it, of a model with a list price unless another is named."""
    named_one = named(model())
    return {**named_one, "rates": {"input_tokens": "3", "output_tokens": "9"}, **fields}


def named(model_id: int) -> dict[str, Any]:
    """A model as the API names it."""
    row = LanguageModel.objects.get(id=model_id)
    return {"provider": row.provider_id, "model": row.name}
