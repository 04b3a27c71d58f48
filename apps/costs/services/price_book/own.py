"""Own prices: set one for some time, end them, make a model that no list has."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.costs.domain.own_schedule import OwnSpan, cleared, laid_over
from apps.costs.domain.price_schedule import OWN_SOURCE
from apps.costs.domain.pricing import RateCard, Rates
from apps.costs.domain.pricing.units import INPUT, OUTPUT, REQUESTS
from apps.costs.domain.providers import canonical_provider
from apps.costs.models import LanguageModel, Price, PriceChange, Provider
from apps.costs.services.price_book.changes import lock_book, record_change
from apps.costs.services.price_book.materialising import materialise
from apps.costs.services.price_book.rows import rate_fields
from apps.costs.services.price_book.stores import own_spans, own_state, write_own_spans


@dataclass(frozen=True, slots=True)
class Term:
    """From when until when, half-open; None is the beginning of time, and no end."""

    start: datetime | None
    end: datetime | None

    def words(self) -> str:
        """As a person reads it, in UTC."""
        start = f"from {self.start:%Y-%m-%d %H:%M} UTC" if self.start else "from the beginning"
        return f"{start} until {self.end:%Y-%m-%d %H:%M} UTC" if self.end else f"{start} on"


@transaction.atomic
def set_own_price(
    *, caller: Caller, model_id: int, rates: Rates, term: Term, now: datetime, note: str = ""
) -> PriceChange | None:
    """Let an own price hold for some time; own prices it covers end or are cut there. None when it held already.

    Raises LanguageModel.DoesNotExist, and Refused for a term without time or rates that price no call.
    """
    lock_book(caller)
    model = LanguageModel.objects.get(id=model_id)
    _refuse_empty(term)
    _refuse_useless(rates)
    price = own_price_row(model, rates, term.start)
    spans = own_spans(model.id)
    if any((span.price_id, span.lower, span.upper) == (price.id, term.start, term.end) for span in spans):
        return None
    before = own_state([model.id])
    write_own_spans(model.id, laid_over(spans, OwnSpan(price.id, term.start, term.end, caller.actor, now, note)))
    words = f"Own price of {model} {term.words()}"
    return record_change(caller=caller, act="price.set", words=words, before=before, after=own_state([model.id]))


@transaction.atomic
def end_own_price(*, caller: Caller, model_id: int, term: Term) -> PriceChange | None:
    """Let no own price of a model hold in a term: the lists hold there again. None when there was none.

    Raises LanguageModel.DoesNotExist, and Refused for a term without time.
    """
    lock_book(caller)
    model = LanguageModel.objects.get(id=model_id)
    _refuse_empty(term)
    spans = own_spans(model.id)
    left = cleared(spans, term.start, term.end)
    if left == spans:
        return None
    before = own_state([model.id])
    write_own_spans(model.id, left)
    words = f"No own price of {model} {term.words()}"
    return record_change(caller=caller, act="price.ended", words=words, before=before, after=own_state([model.id]))


@transaction.atomic
def create_model(*, caller: Caller, provider: str, name: str) -> LanguageModel:
    """A model no list has, under the name agents send. It has no price yet.

    Raises Refused for an empty name, Conflict when the book has it.
    """
    lock_book(caller)
    provider_id, name = canonical_provider(provider), name.strip()
    for path, value in (("provider", provider_id), ("name", name)):
        if not value:
            raise Refused("It needs a name.", code="required", path=path)
    if LanguageModel.objects.filter(provider_id=provider_id, name__iexact=name).exists():
        raise Conflict(f"The price book has {provider_id}/{name} already.", code="exists", path="name")
    Provider.objects.get_or_create(id=provider_id, defaults={"name": provider.strip()})
    model = LanguageModel.objects.create(provider_id=provider_id, name=name, title=name)
    materialise()
    return model


@transaction.atomic
def create_priced_model(
    *, caller: Caller, provider: str, name: str, rates: Rates, term: Term, now: datetime, note: str = ""
) -> LanguageModel:
    """A model no list has, with its own price. Raises what `create_model` and `set_own_price` raise."""
    model = create_model(caller=caller, provider=provider, name=name)
    set_own_price(caller=caller, model_id=model.pk, rates=rates, term=term, now=now, note=note)
    return model


def own_price_row(model: LanguageModel, rates: Rates, start: datetime | None) -> Price:
    """The row of these rates: one that stands is taken again."""
    fields = rate_fields(rates)
    known = {"model": model, "source": OWN_SOURCE, "effective_from": start, "fingerprint": fields["fingerprint"]}
    return Price.objects.filter(**known).order_by("id").first() or Price.objects.create(**known | fields)


def _refuse_empty(term: Term) -> None:
    if term.start is not None and term.end is not None and term.start >= term.end:
        raise Refused("It must end after it begins.", code="empty", path="until")


def _refuse_useless(rates: Rates) -> None:
    if not any(rates.base.get(unit) is not None for unit in (INPUT, OUTPUT, REQUESTS)):
        raise Refused(
            "A price says what input, output or a request costs; 0 is a price.", code="required", path="input"
        )
    try:
        RateCard(rates)
    except ValueError as error:
        raise Refused(f"These rates price no call: {error}.", code="invalid") from error
