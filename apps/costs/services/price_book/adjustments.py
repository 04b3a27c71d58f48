"""Discounts and margins per provider or model: add one, end one."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.costs.models import LanguageModel, PriceAdjustment, PriceChange, Provider
from apps.costs.services.price_book.changes import lock_book, record_change
from apps.costs.services.price_book.materialising import materialise
from apps.costs.services.price_book.own import Term
from apps.costs.services.price_book.stores import ADJUSTMENTS, State, read_state

LEAST, MOST = Decimal(-100), Decimal(1000)


@transaction.atomic
def add_adjustment(
    *, caller: Caller, provider: str, model: str, percent: Decimal, term: Term, now: datetime, note: str = ""
) -> PriceChange:
    """Let a percentage hold on the list prices of a provider, or of one model of it, for some time.

    Raises Refused for what is not in the book or out of bounds, Conflict when another one runs then.
    """
    lock_book(caller)
    if not LEAST <= percent <= MOST or not percent:
        raise Refused(f"From {LEAST} to {MOST} %, and not 0.", code="out_of_bounds", path="percent")
    if term.start is not None and term.end is not None and term.start >= term.end:
        raise Refused("It must end after it begins.", code="empty", path="end")
    row = PriceAdjustment(
        **_scope(provider, model),
        percent=percent,
        during=DateTimeTZRange(term.start, term.end),
        note=note,
        created_by=caller.actor,
        created_at=now,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        if "never_overlap" not in str(error):
            raise
        words = "Another discount or margin with the same scope runs in that time; end it first."
        raise Conflict(words, code="overlaps", path="start") from error
    materialise()
    return _recorded(caller, row, None, f"{row} {term.words()}", "adjustment.added")


@transaction.atomic
def end_adjustment(*, caller: Caller, adjustment_id: int, at: datetime) -> PriceChange | None:
    """Let it hold no longer than to an instant; one that has not begun by then is taken away. None when it has ended.

    Raises PriceAdjustment.DoesNotExist.
    """
    lock_book(caller)
    row = PriceAdjustment.objects.get(id=adjustment_id)
    before = state_of(row)
    if row.during.upper is not None and row.during.upper <= at:
        return None
    if row.during.lower is not None and row.during.lower >= at:
        words, kept = f"Taken away: {row}", None
        row.delete()
    else:
        row.during = DateTimeTZRange(row.during.lower, at)
        row.save(update_fields=["during"])
        words, kept = f"{row} ends at {at:%Y-%m-%d %H:%M} UTC", row
    materialise()
    return _recorded(caller, kept, before, words, "adjustment.ended")


def state_of(row: PriceAdjustment) -> State:
    """One adjustment, as JSON."""
    return read_state({ADJUSTMENTS: {str(row.pk): None}})


def _recorded(caller: Caller, row: PriceAdjustment | None, before: State | None, words: str, act: str) -> PriceChange:
    if before is None:
        assert row is not None
        before = {ADJUSTMENTS: {str(row.pk): None}}
    return record_change(caller=caller, act=act, words=words, before=before, after=read_state(before))


def _scope(provider: str, model: str) -> dict[str, Provider | LanguageModel]:
    found = Provider.objects.filter(id=provider).first()
    if found is None:
        raise Refused("The price book has no such provider.", code="unknown", path="provider")
    if not model:
        return {"provider": found}
    named = LanguageModel.objects.filter(provider=found, name__iexact=model.strip()).first()
    if named is None:
        raise Refused(f"{found} has no such model in the price book.", code="unknown", path="model")
    return {"model": named}
