"""Applying what was proposed, deciding about jumps, and taking the last application back. One transaction each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from django.db import transaction

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.models import ChangeKind, ChangeState, LanguageModel, ListChange, Price, PriceListEdition
from apps.costs.services.price_book import changes as acts
from apps.costs.services.price_book.loading import Loaded, lock_book, write_plan
from apps.costs.services.price_book.materialising import materialise
from apps.costs.services.price_book.planning import ModelKey, Plan, plan_list
from apps.costs.services.price_lists.proposing import Identity, identity, start_of
from apps.costs.services.price_lists.reading import SOURCES, kept, read

_ALLOWED = (ChangeState.OPEN, ChangeState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was written of a list: the edition, and how many prices and models."""

    version: str
    prices: int
    models: int


@transaction.atomic
def apply_changes(*, caller: Caller | str, now: datetime) -> dict[str, Applied]:
    """Append every price that is ready, of both lists; what waits for a decision stays out. Nothing to do is fine.

    New versions hold from `now` on, or from the date the list itself gives.
    """
    _lock(caller)
    found = {source: applied for source in SOURCES if (applied := _apply(source, caller, now))}
    if found:
        audit.record(caller=caller, action="price_list.applied", after={s: asdict(one) for s, one in found.items()})
    return found


def _apply(source: str, caller: Caller | str, now: datetime) -> Applied | None:
    edition = PriceListEdition.objects.filter(source=source).order_by("-read_at", "-id").first()
    if edition is None:
        return None
    changes = list(ListChange.objects.filter(source=source, state__in=_ALLOWED, edition=edition))
    changes += ListChange.objects.filter(source=source, state=ChangeState.ACCEPTED).exclude(edition=edition)
    if not changes and not edition.updates:
        return None
    plan = plan_list(read(kept(edition)), now)
    blocked = _blocked(plan, {identity(change) for change in changes}, now)
    written = _write(plan, blocked)
    done = [change.id for change in changes if (change.provider, change.name) not in blocked]
    ListChange.objects.filter(id__in=done).update(state=ChangeState.APPLIED, decided_at=now, edition=edition)
    edition.applied_at, edition.applied_by, edition.updates = now, _name(caller), 0
    edition.save(update_fields=["applied_at", "applied_by", "updates"])
    if not written.prices and not written.models:
        return None
    return Applied(edition.version, written.prices, written.models)


def _blocked(plan: Plan, allowed: set[Identity], now: datetime) -> set[ModelKey]:
    """Models of which some price was not shown, or waits for a decision, or was rejected."""
    return {one.key for one in plan.additions if (*one.key, one.price.fingerprint, start_of(one, now)) not in allowed}


def _write(plan: Plan, blocked: set[ModelKey]) -> Loaded:
    # A model whose first price is held back is not made either.
    models = [row for row in plan.models if row.id or (row.provider_id, row.name) not in blocked - plan.known.keys()]
    return write_plan(replace(plan, models=models), without=blocked)


@transaction.atomic
def decide(*, caller: Caller, change_id: int, accept: bool, now: datetime) -> ListChange:
    """Accept or reject a price that waits for a decision; harmless when it was decided so already.

    What is accepted is written with the next application; what is rejected is not asked again for the same value.
    Raises ListChange.DoesNotExist, and Conflict when it was applied meanwhile or never waited.
    """
    _lock(caller)
    change = ListChange.objects.select_for_update().get(id=change_id)
    wanted = ChangeState.ACCEPTED if accept else ChangeState.REJECTED
    if change.state == wanted:
        return change
    if change.state not in (ChangeState.QUARANTINED, ChangeState.ACCEPTED, ChangeState.REJECTED, ChangeState.OPEN):
        raise Conflict(f"This price is {change.get_state_display().lower()} already.", code="decided")
    before = {"state": change.state}
    change.state, change.decided_by, change.decided_at = wanted, caller.actor, now
    change.save(update_fields=["state", "decided_by", "decided_at"])
    after = {
        "state": wanted, "list": change.source, "model": f"{change.provider}/{change.name}",
        "from": change.before, "to": change.after,
    }  # fmt: skip
    audit.record(caller=caller, action=f"price_list.{wanted.value}", obj=change, before=before, after=after)
    return change


@transaction.atomic
def undo_changes(*, caller: Caller, edition_id: int, now: datetime) -> int:
    """Take back what an edition changed: from `now` on each price it changed is again what it was before.

    Rows are appended, none is removed: calls made in between keep the price they were billed with. Models and first
    prices an edition brought stay, because there is nothing before them. What was taken back is not proposed again for
    the same value. Returns how many prices were set back; 0 when there was nothing left to undo.
    """
    _lock(caller)
    edition = PriceListEdition.objects.get(id=edition_id)
    changes = list(edition.changes.filter(state=ChangeState.APPLIED, kind=ChangeKind.CHANGED, starts=None))
    rows = [row for change in changes if (row := _set_back(change, now)) is not None]
    Price.objects.bulk_create(rows)
    materialise()
    _mark_undone(changes, caller, now)
    if rows:
        after = {"list": edition.source, "version": edition.version, "prices": len(rows)}
        audit.record(caller=caller, action="price_list.undone", obj=edition, after=after)
    return len(rows)


def _mark_undone(changes: Sequence[ListChange], caller: Caller, now: datetime) -> None:
    ids = [change.id for change in changes]
    ListChange.objects.filter(id__in=ids).update(state=ChangeState.UNDONE, decided_by=caller.actor, decided_at=now)


def _set_back(change: ListChange, now: datetime) -> Price | None:
    """The price before the one that was applied, to hold again; None when that one holds no more."""
    model = LanguageModel.objects.get(provider_id=change.provider, name=change.name)
    standing = list(model.prices.filter(source=change.source).exclude(effective_from__gt=now))
    standing.sort(key=lambda row: (row.effective_from is not None, row.effective_from or now, row.id))
    if len(standing) < 2 or standing[-1].fingerprint != change.fingerprint:
        return None
    row = standing[-2]
    row.pk, row.effective_from = None, now
    row._state.adding = True
    return row


def _lock(caller: Caller | str) -> None:
    """One change of the book at a time. Raises NotAllowed for a caller who is limited to projects."""
    if isinstance(caller, Caller):
        acts.lock_book(caller)
    else:
        lock_book()


def _name(caller: Caller | str) -> str:
    return caller if isinstance(caller, str) else caller.actor
