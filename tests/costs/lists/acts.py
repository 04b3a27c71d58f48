"""Lists in the state each act of their pages needs, for tests that walk over every act."""

from datetime import timedelta

from django.utils import timezone

from apps.costs.models import ListChange, ListComparison, PriceListEdition
from apps.costs.services.price_lists import apply_changes
from apps.costs.services.price_lists.comparing import compare_lists
from apps.costs.services.price_lists.proposing import propose
from apps.costs.services.price_lists.reading import Edition
from tests.costs.lists.samples import EDITION, genai_text, map_of, token_entry


def ready(usd: str = "2") -> int:
    """A price of 2.5 that a newer edition changes; the number of the proposal."""
    now = timezone.now()
    for version, price, at in (("1.0", "2.5", now - timedelta(days=1)), ("1.1", usd, now)):
        text = genai_text(("openai", "gpt", price))
        propose(Edition("genai-prices", version, text, "at hand", EDITION), now=at)
        if version == "1.0":
            apply_changes(caller="tests", now=at)
    return ListChange.objects.get(name="gpt", state__in=("open", "quarantined")).id


def waiting() -> int:
    """A jump that waits for a decision; the number of the proposal."""
    return ready("25")


def applied() -> int:
    """An edition whose change holds; its number."""
    ready()
    apply_changes(caller="tests", now=timezone.now())
    return PriceListEdition.objects.get(version="1.1").id


def disagreement() -> int:
    """A model on which the lists disagree; the number of the comparison."""
    now = timezone.now()
    entries = {"openai/gpt": token_entry("openai", "3e-06")}
    propose(Edition("genai-prices", "1.0", genai_text(("openai", "gpt", "2.5")), "at hand", EDITION), now=now)
    apply_changes(caller="tests", now=now)
    propose(Edition("litellm", "1.0", map_of(entries), "at hand", EDITION), now=now)
    apply_changes(caller="tests", now=now)
    compare_lists(now=now)
    return ListComparison.objects.get().id
