"""Names that people say mean a model of the price book. Price lists never touch them; taking one back is as easy."""

from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.domain.explaining import explain
from apps.costs.domain.price_schedule import BEGINNING
from apps.costs.domain.providers import canonical_provider
from apps.costs.models import LanguageModel
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.price_book.changes import lock_book

MAX_LENGTH = 256


@transaction.atomic
def add_alias(*, caller: Caller, provider: str, name: str, model_id: int) -> LanguageModel:
    """Say that calls sent to a provider under a name are of this model, from now on and for re-rating. Idempotent.

    Raises LanguageModel.DoesNotExist; Refused when the provider does not sell the model; Conflict when the name means
    another one; NotAllowed for a caller limited to projects.
    """
    lock_book(caller)
    model = LanguageModel.objects.get(id=model_id)
    book = current_rate_book()
    seller, alias = book.passed_on(canonical_provider(provider), name.strip().lower())
    if not alias or len(alias) > MAX_LENGTH:
        raise Refused(f"A name has 1 to {MAX_LENGTH} characters.", code="name_length", path="name")
    if model.provider_id not in [id for id, _ in book.sellers(seller)]:
        raise Refused(
            f"{provider} does not sell models of {model.provider_id} by the price book. Give the name a price instead.",
            code="not_sold",
            path="model",
        )
    if alias in model.own_aliases:
        return model
    tried = explain(book, seller, alias, BEGINNING).tried
    if tried and tried[-1].model and not tried[-1].refused:
        raise Conflict(
            f"“{name}” means {tried[-1].provider}/{tried[-1].model} already: give that a price. Nothing was changed.",
            code="taken",
            path="name",
        )
    model.own_aliases = [*model.own_aliases, alias]
    model.save(update_fields=["own_aliases"])
    audit.record(caller=caller, action="price_alias.added", obj=model, after={"provider": provider, "name": alias})
    return model


@transaction.atomic
def remove_alias(*, caller: Caller, model_id: int, name: str) -> LanguageModel:
    """Take back what `add_alias` said. Calls that were priced by it keep their cost until they are re-rated.

    Raises LanguageModel.DoesNotExist when the model has no such name.
    """
    lock_book(caller)
    alias = name.strip().lower()
    model = LanguageModel.objects.get(id=model_id, own_aliases__contains=[alias])
    model.own_aliases = [one for one in model.own_aliases if one != alias]
    model.save(update_fields=["own_aliases"])
    audit.record(caller=caller, action="price_alias.removed", obj=model, before={"name": alias})
    return model
