"""Drafts are made, changed and discarded; publishing makes the next version, and so does rolling back.

Each act is one transaction with one audit entry; what comes into force brings the budget of conversations in step.
All of them raise NotAllowed for a caller limited to projects: the policy holds for every project.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import F, Max

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.routing.domain.policy import PolicyError, document_of, policy_of
from apps.routing.domain.policy_checks import Problem
from apps.routing.domain.policy_diff import differences
from apps.routing.domain.policy_secrets import secret_in
from apps.routing.domain.weighing import refuse_odd_changes, weights_of
from apps.routing.models import PolicyVersion, RoutingState
from apps.routing.selectors import in_force
from apps.routing.selectors.policies import checked, current_version
from apps.routing.services import conversation_budgets

Who = Caller | str


class CannotPublish(Refused):
    """The draft has problems that block it; `problems` names all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.message}{more}", code=f"cannot_publish_{first.code}", path=first.path)
        self.problems = problems


def seen_as(draft: PolicyVersion) -> str:
    """What a draft says, as a short text that changes with it: who read that may change or publish it."""
    said = json.dumps([draft.document, draft.note], sort_keys=True)
    return sha256(said.encode()).hexdigest()[:32]


@transaction.atomic
def make_draft(
    *, caller: Who, document: Mapping[str, Any], note: str = "", based_on: int | None = None
) -> PolicyVersion:
    """A new draft, whatever its problems. Raises Refused when the document is no policy."""
    _refuse_limited(caller)
    plain = _readable(document)
    draft = PolicyVersion.objects.create(document=plain, note=_note(note), based_on=based_on, made_by=_actor(caller))
    audit.record(caller=caller, action="policy.drafted", obj=draft, after={"note": draft.note, "based_on": based_on})
    return draft


@transaction.atomic
def change_draft(
    *, caller: Who, draft_id: int, document: Mapping[str, Any], note: str | None = None, seen: str | None = None
) -> PolicyVersion:
    """Replace what a draft says. Raises Conflict for a version that is published, or if it was `seen` otherwise."""
    _refuse_limited(caller)
    draft = _draft(draft_id, seen)
    before, plain, noted = draft.document, _readable(document), draft.note
    was = seen_as(draft)
    draft.document = plain
    draft.note = draft.note if note is None else _note(note)
    if seen_as(draft) == was:
        return draft
    draft.save(update_fields=["document", "note"])
    changes = _changes(before, plain)
    if draft.note != noted:
        changes = {"before": changes["before"] | {"note": noted}, "after": changes["after"] | {"note": draft.note}}
    audit.record(caller=caller, action="policy.changed", obj=draft, **changes)
    return draft


@transaction.atomic
def discard_draft(*, caller: Who, draft_id: int, now: datetime) -> None:
    """Take a draft away; `bring_back` undoes it until the sweep of old decisions drops it for good."""
    _refuse_limited(caller)
    draft = _draft(draft_id)
    current = current_version()
    audit.record(caller=caller, action="policy.discarded", obj=draft, before=draft.document if current is None else {
        "would_have_changed": [one.path for one in differences(current.document, draft.document)][:200]
    })  # fmt: skip
    draft.discarded_at = now
    draft.save(update_fields=["discarded_at"])


@transaction.atomic
def bring_back(*, caller: Who, draft_id: int) -> PolicyVersion:
    """Make a draft that was discarded one again. Raises Refused for one that was not, or is gone for good."""
    _refuse_limited(caller)
    draft = PolicyVersion.objects.discarded().select_for_update().filter(pk=draft_id).first()
    if draft is None:
        raise Refused("There is no discarded draft of this number.", code="no_such_draft", path="id")
    draft.discarded_at = None
    draft.save(update_fields=["discarded_at"])
    audit.record(caller=caller, action="policy.restored", obj=draft, after={"note": draft.note})
    return draft


@transaction.atomic
def publish(*, caller: Who, draft_id: int, now: datetime, seen: str | None = None) -> PolicyVersion:
    """Make a draft the version in force. Raises CannotPublish while it has problems that block, Conflict otherwise."""
    _refuse_limited(caller)
    state = _locked_state()
    draft = _draft(draft_id, seen)
    refuse_problems(draft.document, now=now)
    before = current_version()
    audit.record(
        caller=caller, action="policy.published", obj=draft, **_put_in_force(draft, before, state, caller, now)
    )
    return draft


@transaction.atomic
def roll_back(*, caller: Who, version: int, now: datetime) -> PolicyVersion:
    """Publish again what an earlier version said, as the next version. Raises Refused, as `publish` does."""
    _refuse_limited(caller)
    state = _locked_state()
    earlier = PolicyVersion.objects.filter(version=version).first()
    if earlier is None:
        raise Refused(f"There is no version {version}.", code="no_such_version", path="version")
    before = current_version()
    if before is not None and before.document == earlier.document:
        raise Conflict(f"Version {before.version} says the same as version {version}.", code="same", path="version")
    refuse_problems(earlier.document, now=now)
    again = PolicyVersion.objects.create(
        document=earlier.document, note=f"Rolled back to version {version}", based_on=version, made_by=_actor(caller)
    )
    audit.record(
        caller=caller, action="policy.rolled_back", obj=again, **_put_in_force(again, before, state, caller, now)
    )
    return again


def _put_in_force(
    draft: PolicyVersion, before: PolicyVersion | None, state: RoutingState, caller: Who, now: datetime
) -> dict[str, Any]:
    """Make it the version in force, with its budget; gives what changed, for the audit entry."""
    newest = PolicyVersion.objects.aggregate(newest=Max("version"))["newest"] or 0
    draft.version, draft.published_at, draft.published_by = newest + 1, now, _actor(caller)
    draft.save(update_fields=["version", "published_at", "published_by"])
    RoutingState.objects.filter(pk=state.pk).update(version=draft.version, generation=F("generation") + 1)
    in_force.look_again()
    transaction.on_commit(in_force.look_again)
    document = before.document if before else None
    budget = conversation_budgets.follow(actor=_actor(caller), before=document, document=draft.document)
    changes = _changes(document or {}, draft.document)
    return {
        side: changes[side] | {f"budget.{name}": value for name, value in fields.items()}
        for side, fields in zip(("before", "after"), budget.fields, strict=True)
    }


def _locked_state() -> RoutingState:
    RoutingState.objects.get_or_create(pk=1)
    return RoutingState.objects.select_for_update().get(pk=1)


def _draft(draft_id: int, seen: str | None = None) -> PolicyVersion:
    draft = PolicyVersion.objects.standing().select_for_update().filter(pk=draft_id).first()
    if draft is None:
        raise Refused("There is no such draft.", code="no_such_draft", path="id")
    if draft.version is not None:
        message = f"Version {draft.version} is published and never changes. Make a draft of it."
        raise Conflict(message, code="published", path="id")
    if seen is not None and seen != seen_as(draft):
        raise Conflict("Somebody changed this draft meanwhile.", code="changed_meanwhile")
    return draft


def _readable(document: Mapping[str, Any]) -> dict[str, Any]:
    try:
        policy = policy_of(document)
        refuse_odd_changes(policy.complexity)
        weights_of(policy)
    except PolicyError as error:
        raise Refused(str(error), code="not_a_policy", path=error.path) from error
    if found := secret_in(policy):
        raise Refused(found[1], code="not_a_policy", path=found[0])
    return document_of(policy)


def refuse_problems(document: Mapping[str, Any], *, now: datetime) -> None:
    """Raise CannotPublish when a policy cannot work."""
    if blocking := [problem for problem in checked(document, now=now)[1] if problem.blocks]:
        raise CannotPublish(blocking)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    found = differences(before, after)[:200]
    return {
        "before": {one.path: one.before for one in found},
        "after": {one.path: one.after for one in found},
    }


def _note(text: str) -> str:
    """As much of a note as is kept; a form may hold the one character that cannot be."""
    return text.replace("\0", "")[:2000]


def _refuse_limited(caller: Who) -> None:
    if isinstance(caller, Caller):
        caller.must_see_all("The policy holds")


def _actor(caller: Who) -> str:
    return caller.actor if isinstance(caller, Caller) else caller
