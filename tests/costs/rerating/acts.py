"""Things that the acts of re-rating and of the unpriced queue can be done to."""

from urllib.parse import urlencode

from apps.costs.models import LanguageModel
from apps.costs.services.price_book.aliases import add_alias
from tests.costs.factories import make_usage, record
from tests.costs.rerating.steps import ADMIN, applied, previewed, set_price

NAME = {"provider": "openai", "name": "our-gpt"}
MODEL = {"model_provider": "openai", "model": "gpt-4.1"}


def waiting() -> str:
    """A call waits under a name; the query that names it."""
    set_price("gpt-4.1", "2", "8")
    record(make_usage(cost_usd=None, model=NAME["name"]))
    return urlencode(NAME)


def own_name() -> int:
    """A name that a person said means a model; the model's id."""
    set_price("gpt-4.1", "2", "8")
    model = LanguageModel.objects.get(name="gpt-4.1")
    add_alias(caller=ADMIN, model_id=model.pk, **NAME)
    return model.pk


def previewed_run() -> int:
    """A run that waits for approval and has something to change."""
    record(make_usage(cost_usd=None))
    set_price("gpt-4.1", "2", "8")
    return previewed().pk


def applied_run() -> int:
    """A run that was applied."""
    record(make_usage(cost_usd=None))
    set_price("gpt-4.1", "2", "8")
    return applied().pk
