"""Budgets that something else keeps in step, such as a routing policy: its terms follow, what people added stays.

The act that changes them writes the audit entry, of what is told here: one act has one entry. Call it in the
transaction of that act; counting begins when it is committed.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.budgets.domain.drafts import Draft
from apps.budgets.domain.thresholds import Action, Threshold, order
from apps.budgets.models import Budget
from apps.budgets.services.editing import draft_of, take, told
from apps.budgets.services.opening import apply_terms
from apps.budgets.services.tending import begin_counting, evaluate


@dataclass(frozen=True, slots=True)
class InStep:
    """The budget that is kept, None when there is none, with what it was and what it is, None when it did not stand."""

    budget: Budget | None
    before: Draft | None
    after: Draft | None

    @property
    def fields(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What differs, for the audit entry of the act; of a budget that comes or goes, all of it."""
        before, after = (told(one) if one is not None else {} for one in (self.before, self.after))
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        shown = [{name: one[name] for name in names if name in one} for one in (before, after)]
        return shown[0], shown[1]


def in_step(*, origin: str, draft: Draft | None, was: Draft | None = None) -> InStep:
    """What keeping in step would change now; nothing is written."""
    found = _found(origin)
    standing = found if found is not None and found.deleted_at is None else None
    wanted = None if draft is None else draft if found is None else _merged(draft, was, draft_of(found))
    return InStep(standing, draft_of(standing) if standing else None, wanted)


def keep_in_step(*, actor: str, origin: str, draft: Draft | None, was: Draft | None = None) -> InStep:
    """Make, change, put back or delete (`draft` None) the budget that is kept in step; `origin` names what keeps it.

    `was` is what the last draft said: thresholds that stand beside those of it were added by people and stay, those
    that are missing were taken away by people and stay away. Without it, what blocks stays. The name, the scope, who is
    told, who is spared, grace and pause are those of people too. The same again changes nothing.
    """
    found = _found(origin, lock=True)
    if draft is None:
        return _deleted(found)
    if found is None:
        return _made(actor, origin, draft)
    wanted, standing = _merged(draft, was, draft_of(found)), draft_of(found)
    is_back = found.deleted_at is not None
    if wanted != standing or is_back:
        take(found, wanted, found.project_id, timezone.now())
        found.deleted_at = None
        found.recounted_at = None if is_back or wanted.counts_otherwise(standing) else found.recounted_at
        _save(found)
    return InStep(found, None if is_back else standing, wanted)


def _found(origin: str, *, lock: bool = False) -> Budget | None:
    """The one that stands, else the one that was deleted last."""
    rows = Budget.objects.filter(origin=origin).order_by("-id")
    rows = rows.select_for_update(no_key=True) if lock else rows
    return min(rows, key=lambda one: one.deleted_at is not None, default=None)


def _made(actor: str, origin: str, draft: Draft) -> InStep:
    now = timezone.now()
    budget = Budget(created_by=actor, created_at=now, origin=origin)
    take(budget, draft, None, now)
    budget.counted_since = now if draft.counts_from == "now" else None
    _save(budget)
    return InStep(budget, None, draft)


def _deleted(found: Budget | None) -> InStep:
    if found is None or found.deleted_at is not None:
        return InStep(None, None, None)
    found.deleted_at = found.changed_at = timezone.now()
    _save(found)
    return InStep(None, draft_of(found), None)


def _save(budget: Budget) -> None:
    budget.version = budget.version + 1 if budget.pk else 1
    budget.save()
    apply_terms(budget)
    if budget.deleted_at is None:
        transaction.on_commit(partial(_count, budget))


def _count(budget: Budget) -> None:
    begin_counting(budget=budget)
    evaluate(budget=budget)


def _merged(draft: Draft, was: Draft | None, standing: Draft) -> Draft:
    """What is wanted, with what people did to the budget that stands."""
    return replace(
        draft,
        name=standing.name,
        scope=standing.scope,
        thresholds=_thresholds(draft.thresholds, was.thresholds if was else None, standing.thresholds),
        recipients=standing.recipients,
        exempt=standing.exempt,
        grace_percent=standing.grace_percent,
        paused=standing.paused,
    )


def _thresholds(
    wanted: Collection[Threshold], was: Collection[Threshold] | None, standing: Collection[Threshold]
) -> tuple[Threshold, ...]:
    known = {one.key for one in was or ()}
    there = {one.key for one in standing}
    added = [one for one in standing if (one.key not in known if was is not None else one.action is Action.BLOCK)]
    taken_away = known - there
    names = {one.key for one in added} | taken_away
    return tuple(sorted([*added, *(one for one in wanted if one.key not in names)], key=order))
