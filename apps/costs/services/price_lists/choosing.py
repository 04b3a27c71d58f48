"""Taking the price of one list for a model on which the lists disagree: it becomes an own price from now on."""

from datetime import datetime

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller
from apps.costs.models import LanguageModel, ListComparison, Price, PriceChange
from apps.costs.selectors.rate_book import rates_of
from apps.costs.services.price_book.own import Term, set_own_price


def use_price_of(*, caller: Caller, comparison_id: int, source: str, now: datetime) -> PriceChange | None:
    """Set one list's price as an own price from `now` on; it is undone like any own price. None when it holds already.

    Raises ListComparison.DoesNotExist, and Refused when the list is neither of the two or the price changed meanwhile.
    """
    row = ListComparison.objects.get(id=comparison_id)
    prices = Price.objects.in_bulk([row.first_price_id, row.second_price_id])
    chosen = next((price for price in prices.values() if price.source == source), None)
    model = LanguageModel.objects.filter(provider_id=row.provider, name=row.name).first()
    if chosen is None or model is None:
        raise Refused(f"{source} has no price for this model.", code="unknown_list", path="list")
    note = f"the price of {source} {chosen.source_version}"
    rates = rates_of(chosen)
    return set_own_price(caller=caller, model_id=model.id, rates=rates, term=Term(now, None), now=now, note=note)
