"""Acts of people on the price book: one at a time, each recorded with what stood before, so that it can be undone."""

from django.db import transaction

from apps.access.domain.errors import Conflict, NotAllowed
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.models import PriceBookState, PriceChange
from apps.costs.services.price_book.materialising import materialise
from apps.costs.services.price_book.stores import State, model_ids_in, read_state, write_state


def lock_book(caller: Caller) -> None:
    """From here to the end of the transaction nobody else changes the price book.

    Raises NotAllowed for a caller limited to projects: prices hold for all of them.
    """
    if caller.is_limited:
        raise NotAllowed("Prices hold for every project, and you are limited to some.", code="limited_to_projects")
    PriceBookState.objects.select_for_update().get()


def record_change(
    *, caller: Caller, act: str, words: str, before: State, after: State, undoes: PriceChange | None = None
) -> PriceChange:
    """Keep what an act did, in its transaction, here and in the audit log."""
    change = PriceChange.objects.create(
        actor=caller.actor,
        act=act,
        words=words,
        before=before,
        after=after,
        undoes=undoes,
        model_ids=model_ids_in(after),
    )
    audit.record(caller=caller, action=act, obj=change, before=before, after={"words": words, **after})
    return change


@transaction.atomic
def undo_change(*, caller: Caller, change_id: int) -> PriceChange:
    """Put back what stood before an act. Calls that were billed meanwhile keep their cost and their price.

    Raises PriceChange.DoesNotExist, and Conflict when it was undone before or something in its way was changed since.
    """
    lock_book(caller)
    change = PriceChange.objects.get(id=change_id)
    if PriceChange.objects.filter(undoes=change).exists():
        raise Conflict("It was undone already; nothing was changed.", code="undone_already")
    if read_state(change.after) != change.after:
        raise Conflict(
            "A later act changed the same prices; undo that one first. Nothing was changed.", code="changed_since"
        )
    write_state(change.before)
    materialise()
    return record_change(
        caller=caller,
        act="price.undone",
        words=f"Undone: {change.words}",
        before=change.after,
        after=change.before,
        undoes=change,
    )
