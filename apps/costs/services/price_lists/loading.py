"""Loading the lists that are at hand, at every start: whole at first, later what is newer and needs no decision."""

from datetime import datetime

from django.db import transaction

from apps.costs.models import Price, PriceListEdition
from apps.costs.services.price_book.loading import Loaded, load_list, lock_book
from apps.costs.services.price_lists.applying import apply_changes
from apps.costs.services.price_lists.proposing import keep, propose
from apps.costs.services.price_lists.reading import SOURCES, Edition, at_hand, read, version_order

LOADER = "load_prices"


@transaction.atomic
def load_at_hand(*, now: datetime) -> dict[str, Loaded]:
    """Bring the book up to the lists on this machine, or change nothing. Older ones than the book has are left alone.

    The first load takes a list whole. Later ones append what is new; jumps wait on the page of the lists.
    """
    lock_book()
    first = {source: loaded for source in SOURCES if (loaded := _load_first(at_hand(source, now.date()), now))}
    newer = [edition for source in SOURCES if source not in first and (edition := _newer(source, now))]
    for edition in newer:
        propose(edition, now=now)
    applied = apply_changes(caller=LOADER, now=now) if newer else {}
    later = {source: Loaded(0, one.models, one.prices) for source, one in applied.items()}
    return {source: first.get(source) or later.get(source) or Loaded(0, 0, 0) for source in SOURCES}


def _load_first(edition: Edition, now: datetime) -> Loaded | None:
    """Take a list whole, from the beginning of time, where the book has nothing of it."""
    if Price.objects.filter(source=edition.source).exists():
        return None
    loaded = load_list(listed=read(edition), now=now)
    row = keep(edition, now)
    row.applied_at, row.applied_by = now, LOADER
    row.save(update_fields=["applied_at", "applied_by"])
    return loaded


def _newer(source: str, now: datetime) -> Edition | None:
    edition = at_hand(source, now.date())
    return edition if edition.order > newest_known(source) else None


def newest_known(source: str) -> tuple[int, ...]:
    """The numbers of the newest version of a list that was read or loaded; () when there was none."""
    read_versions = PriceListEdition.objects.filter(source=source).values_list("version", flat=True)
    loaded = Price.objects.filter(source=source).values_list("source_version", flat=True).distinct()
    return max((version_order(version) for version in (*read_versions, *loaded)), default=())
