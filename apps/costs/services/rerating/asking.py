"""What people decide about runs of re-rating: ask for a preview, approve it, abandon it, reverse what was applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.selectors.places import the_one_project_of, with_merged
from apps.access.services import audit
from apps.costs.domain.providers import canonical_provider
from apps.costs.models import LineState, RerateRun, RerateState
from apps.costs.selectors.rerates import later_runs, meant_models, run_of

_S = RerateState


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records a run looks at. Empty means all; `models` are names as sent or as the price book has them.

    `name` is one name exactly as sent. The period is half-open; None is without an end.
    """

    project_ids: Sequence[int] | None = None
    provider: str = ""
    models: Sequence[str] = ()
    name: str = ""
    only_unpriced: bool = False
    start: datetime | None = None
    end: datetime | None = None
    include_reported: bool = False


@transaction.atomic
def ask(*, caller: Caller, wanted: Filter) -> RerateRun:
    """Ask for a preview: a background sweep makes it, nothing is changed.

    Without projects those the caller sees, and never those of demo data. Raises Refused when the period is empty or
    no call was ever sent under the names.
    """
    if wanted.start and wanted.end and wanted.start >= wanted.end:
        raise Refused("The period must end after it begins.", code="empty_period", path="until")
    provider = canonical_provider(wanted.provider) if wanted.provider else ""
    model_ids = meant_models(provider, wanted.models, wanted.name)
    if model_ids is not None and not model_ids:
        named = ", ".join(filter(None, (wanted.provider, *wanted.models, wanted.name)))
        raise Refused(f"No call was ever sent under {named}.", code="unknown_model", path="model")
    run = RerateRun.objects.create(
        project_ids=_projects(caller, wanted.project_ids),
        provider=provider,
        models_named=list(wanted.models),
        name_sent=wanted.name,
        only_unpriced=wanted.only_unpriced,
        model_ids=model_ids,
        start=wanted.start,
        end=wanted.end,
        include_reported=wanted.include_reported and not wanted.only_unpriced,
        asked_by=caller.actor,
    )
    run.refresh_from_db()
    _note(caller, run, "asked", {**_filter_words(run), "state": run.state})
    return run


@transaction.atomic
def approve(*, caller: Caller, run_id: int) -> RerateRun:
    """Let a previewed run be applied. Approving it again changes nothing. Raises Conflict in any other state."""
    run = _locked(caller, run_id)
    if run.state in (_S.APPROVED, _S.APPLYING, _S.APPLIED):
        return run
    _expect(run, "approved", _S.PREVIEWED)
    if not run.changed:
        raise Conflict("There is nothing to apply: every record stays as it is.", code="nothing_to_apply")
    run.state, run.approved_by, run.cursor = _S.APPROVED, caller.actor, 0
    run.approved_at = timezone.now()
    run.save(update_fields=["state", "approved_by", "approved_at", "cursor"])
    _note(caller, run, "approved", _totals(run))
    return run


@transaction.atomic
def abandon(*, caller: Caller, run_id: int) -> RerateRun:
    """End a run of which nothing was applied; its preview is forgotten. Raises Conflict when something was."""
    run = _locked(caller, run_id)
    if run.state == _S.ABANDONED:
        return run
    _expect(run, "abandoned", _S.DRAFT, _S.PREVIEWED, _S.APPROVED, _S.STOPPED)
    if run.applied:
        raise Conflict("Part of it was applied: reverse it instead.", code="partly_applied")
    run.state, run.taken_by, run.taken_until = _S.ABANDONED, "", None
    run.save(update_fields=["state", "taken_by", "taken_until"])
    _note(caller, run, "abandoned", None)
    return run


@transaction.atomic
def ask_to_reverse(*, caller: Caller, run_id: int) -> RerateRun:
    """Put back what a run applied, to the last digit, in the background. Asking again changes nothing.

    Raises Conflict when nothing is applied, or when a later run changed some of these records again: that one is
    reversed first.
    """
    run = _locked(caller, run_id)
    if run.state in (_S.REVERSING, _S.REVERSED):
        return run
    _expect(run, "reversed", _S.APPLIED, _S.STOPPED)
    if run.applied <= run.reversed:
        raise Conflict("Nothing of it is applied.", code="nothing_applied")
    later = later_runs(run.pk)
    if later:
        names = ", ".join(f"{number} ({records} records)" for number, records in later)
        raise Conflict(f"Later runs changed some of these records again: reverse {names} first.", code="changed_later")
    newest = run.lines.filter(state=LineState.APPLIED).order_by("-id").values_list("id", flat=True)[:1]
    run.state, run.reversed_by, run.why = _S.REVERSING, caller.actor, ""
    run.cursor = newest[0] + 1
    run.save(update_fields=["state", "reversed_by", "why", "cursor"])
    _note(caller, run, "reversed", _totals(run))
    return run


def _projects(caller: Caller, chosen: Sequence[int] | None) -> list[int] | None:
    seen = caller.project_ids
    if chosen is None:
        return None if seen is None else sorted(seen)
    if hidden := [one for one in chosen if not caller.sees_project(one)]:
        raise Refused(f"You do not see the project {hidden[0]}.", code="unknown_project", path="project")
    return sorted(with_merged(chosen))


def _locked(caller: Caller, run_id: int) -> RerateRun:
    """Raises RerateRun.DoesNotExist for what the caller may not see."""
    run_of(caller, run_id)
    return RerateRun.objects.select_for_update().get(id=run_id)


def _expect(run: RerateRun, what: str, *states: RerateState) -> None:
    if run.state not in states:
        raise Conflict(f"It cannot be {what}: it is {run.get_state_display().lower()}.", code="wrong_state")


def _note(caller: Caller, run: RerateRun, verb: str, after: dict[str, object] | None) -> None:
    one = the_one_project_of(run.project_ids)
    audit.record(caller=caller, action=f"rerate.{verb}", obj=run, after=after, project_id=one)


def _filter_words(run: RerateRun) -> dict[str, object]:
    return {
        "project_ids": run.project_ids,
        "provider": run.provider,
        "models": run.models_named,
        "name": run.name_sent,
        "only_unpriced": run.only_unpriced,
        "from": run.start,
        "until": run.end,
        "include_reported": run.include_reported,
    }


def _totals(run: RerateRun) -> dict[str, object]:
    return {"records": run.changed, "was_usd": run.was_usd, "is_usd": run.is_usd, "applied": run.applied}
