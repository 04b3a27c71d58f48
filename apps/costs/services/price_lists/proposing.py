"""What an edition would change in the book, as rows for people to look at. Nothing of the book is touched."""

import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.costs.domain.list_changes import jump, rates_by_unit
from apps.costs.domain.price_schedule import Step
from apps.costs.domain.pricing.plain import plain_rates, rate_text
from apps.costs.models import ChangeKind, ChangeState, LanguageModel, ListChange, Price, PriceListEdition
from apps.costs.selectors.rate_book import current_rate_book, rates_of
from apps.costs.services.price_book.listing import PriceList
from apps.costs.services.price_book.loading import lock_book
from apps.costs.services.price_book.planning import Addition, ModelKey, Plan, plan_list
from apps.costs.services.price_lists.reading import Edition, read

UNDECIDED = (ChangeState.OPEN, ChangeState.QUARANTINED)
DECIDED = (ChangeState.ACCEPTED, ChangeState.REJECTED, ChangeState.UNDONE)
_GONE_KEPT = 200
Identity = tuple[str, str, str, datetime | None]


@dataclass(frozen=True, slots=True)
class Proposed:
    """What an edition would change: prices that are ready, and those that wait for a decision."""

    ready: int
    waiting: int


@transaction.atomic
def propose(edition: Edition, *, now: datetime) -> Proposed:
    """Keep an edition and what it would change, in place of what earlier ones would have. Raises UnreadableError."""
    lock_book()
    listed = read(edition)
    row = keep(edition, now)
    plan = plan_list(listed, now)
    row.gone, row.updates = _gone(listed, plan), len(plan.models) + len(plan.providers)
    row.save(update_fields=["gone", "updates"])
    ListChange.objects.filter(source=edition.source, state__in=UNDECIDED).delete()
    known = decisions(edition.source)
    wanted = _changes(row, plan, now)
    fresh = [change for change in wanted if identity(change) not in known]
    ListChange.objects.bulk_create(fresh, batch_size=500)
    accepted = [change for change in wanted if known.get(identity(change)) == ChangeState.ACCEPTED]
    waiting = sum(change.state == ChangeState.QUARANTINED for change in fresh)
    return Proposed(len(fresh) - waiting + len(accepted), waiting)


def keep(edition: Edition, now: datetime) -> PriceListEdition:
    """The row of an edition; the same file of the same version is kept once."""
    row, is_new = PriceListEdition.objects.get_or_create(
        source=edition.source,
        version=edition.version,
        sha256=edition.sha256,
        defaults={
            "origin": edition.origin,
            "taken_on": edition.taken_on,
            "read_at": now,
            "data": lzma.compress(edition.data),
        },
    )
    if not is_new:
        row.read_at = now
        row.save(update_fields=["read_at"])
    return row


def start_of(addition: Addition, now: datetime) -> datetime | None:
    """The list's own date of a price; None where it is to hold from the moment it is applied."""
    return None if addition.price.effective_from == now else addition.price.effective_from


def decisions(source: str) -> dict[Identity, str]:
    """What people decided about values of a list that are not applied."""
    rows = ListChange.objects.filter(source=source, state__in=DECIDED)
    fields = rows.values_list("provider", "name", "fingerprint", "starts", "state")
    return {(provider, name, print, starts): state for provider, name, print, starts, state in fields}


def identity(change: ListChange) -> Identity:
    """What makes two proposals the same: the model, the value and its date."""
    return change.provider, change.name, change.fingerprint, change.starts


def _changes(edition: PriceListEdition, plan: Plan, now: datetime) -> list[ListChange]:
    in_force = current_rate_book().in_force(now) if plan.additions else {}
    standing = _standing(edition.source, plan, now)
    return [_change(edition, one, plan, standing.get(one.key), in_force, now) for one in plan.additions]


def _gone(listed: PriceList, plan: Plan) -> list[str]:
    named = {(provider.id, model.name) for provider in listed.providers for model in provider.models}
    priced = set(Price.objects.filter(source=listed.source).values_list("model_id", flat=True).distinct())
    gone = [key for key, row in plan.known.items() if row.id in priced and key not in named]
    return [f"{provider}/{name}" for provider, name in sorted(gone)][:_GONE_KEPT]


def _standing(source: str, plan: Plan, now: datetime) -> Mapping[ModelKey, Price]:
    """The list's own price that holds now for every model the plan would append to."""
    ids = {plan.known[one.key].id: one.key for one in plan.additions if one.key in plan.known}
    rows = Price.objects.filter(source=source, model_id__in=ids).exclude(effective_from__gt=now)
    newest_last = sorted(rows, key=lambda row: (row.effective_from is not None, row.effective_from or now, row.id))
    return {ids[row.model_id]: row for row in newest_last}


def _change(
    edition: PriceListEdition, one: Addition, plan: Plan, own: Price | None, in_force: Mapping[int, Step], now: datetime
) -> ListChange:
    before = rates_by_unit(rates_of(own)) if own is not None else _in_force(plan.known.get(one.key), in_force)
    after = rates_by_unit(rates_of(one.price))
    far = jump(before, after, Decimal(settings.PRICE_JUMP_LIMIT)) if before else None
    provider, name = one.key
    return ListChange(
        edition=edition,
        source=edition.source,
        kind=_kind(one, own),
        provider=provider,
        name=name,
        fingerprint=one.price.fingerprint,
        starts=start_of(one, now),
        before=_texts(before) if before else None,
        after=_texts(after),
        rates=plain_rates(rates_of(one.price)),
        jump_unit=far.unit if far else "",
        jump_ratio=far.ratio if far else None,
        state=ChangeState.QUARANTINED if far else ChangeState.OPEN,
    )


def _kind(addition: Addition, own: Price | None) -> ChangeKind:
    if own is not None:
        return ChangeKind.CHANGED
    return ChangeKind.NEW_MODEL if addition.is_new_model else ChangeKind.NEW_PRICE


def _in_force(model: LanguageModel | None, in_force: Mapping[int, Step]) -> dict[str, Decimal]:
    """What holds for the model now by any other price."""
    step = in_force.get(model.id) if model is not None else None
    return rates_by_unit(step.price.read_rates()) if step and step.price else {}


def _texts(rates: Mapping[str, Decimal]) -> dict[str, Any]:
    return {unit: rate_text(rate) for unit, rate in rates.items()}
