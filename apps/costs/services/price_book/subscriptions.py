"""Subscriptions: add one, end one. While one runs, the calls it covers cost 0, by a price that says so."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller
from apps.costs.domain.flat_fees import Every
from apps.costs.models import LanguageModel, PriceChange, Provider, Subscription
from apps.costs.services.price_book.changes import lock_book, record_change
from apps.costs.services.price_book.materialising import materialise
from apps.costs.services.price_book.stores import SUBSCRIPTIONS, read_state

MOST_FEE = Decimal(10) ** 9


@transaction.atomic
def add_subscription(
    *,
    caller: Caller,
    provider: str,
    name: str,
    models: Sequence[str],
    fee_usd: Decimal,
    every: Every,
    first_day: date,
    last_day: date | None,
    zone: ZoneInfo,
    now: datetime,
    note: str = "",
) -> PriceChange:
    """Let a flat fee cover the calls of a provider, or of some of its models, from one local day to another.

    Raises Refused for what is not in the book, a fee out of bounds or days in the wrong order.
    """
    lock_book(caller)
    found = Provider.objects.filter(id=provider).first()
    if found is None:
        raise Refused("The price book has no such provider.", code="unknown", path="provider")
    if not 0 <= fee_usd <= MOST_FEE:
        raise Refused(f"A fee is between $0 and ${MOST_FEE:,}.", code="out_of_bounds", path="fee_usd")
    if last_day is not None and last_day < first_day:
        raise Refused("It must end after it begins.", code="empty", path="end")
    row = Subscription.objects.create(
        provider=found,
        name=name,
        fee_usd=fee_usd,
        every=every,
        first_day=first_day,
        last_day=last_day,
        zone=zone.key,
        model_ids=_model_ids(found, models),
        note=note,
        created_by=caller.actor,
        created_at=now,
    )
    materialise()
    before = {SUBSCRIPTIONS: {str(row.pk): None}}
    words = f"Subscription {row}: ${fee_usd.normalize():f} a {every} from {first_day}"
    words += f" to {last_day}" if last_day else " on"
    return record_change(caller=caller, act="subscription.added", words=words, before=before, after=read_state(before))


@transaction.atomic
def end_subscription(*, caller: Caller, subscription_id: int, last_day: date) -> PriceChange | None:
    """Let it end with a local day; one that begins later is taken away. None when it ends no later anyway.

    Raises Subscription.DoesNotExist.
    """
    lock_book(caller)
    row = Subscription.objects.get(id=subscription_id)
    if row.last_day is not None and row.last_day <= last_day:
        return None
    before = read_state({SUBSCRIPTIONS: {str(row.pk): None}})
    if row.first_day > last_day:
        words = f"Taken away: subscription {row}"
        row.delete()
    else:
        row.last_day = last_day
        row.save(update_fields=["last_day"])
        words = f"Subscription {row} ends with {last_day}"
    materialise()
    return record_change(caller=caller, act="subscription.ended", words=words, before=before, after=read_state(before))


def _model_ids(provider: Provider, names: Sequence[str]) -> list[int]:
    wanted = {name.strip().lower() for name in names if name.strip()}
    if not wanted:
        return []
    rows = LanguageModel.objects.filter(provider=provider).values_list("id", "name")
    known = {name.lower(): id for id, name in rows}
    if missing := sorted(wanted - known.keys()):
        raise Refused(f"{provider} has no such model in the price book: {missing[0]}.", code="unknown", path="models")
    return sorted(known[name] for name in wanted)
