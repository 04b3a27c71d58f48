"""Applying and reversing a run, a batch a transaction: records, sums, the lines' states and the position together.

A batch is done or not, whenever a worker is killed; the next one goes on after it. What is applied is exactly what was
approved: a record that is billed otherwise than at the preview stops the run before anything of the batch is written,
and so does a price book that says something else for one of its records.
"""

from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from apps.access.services import audit
from apps.costs.domain.pricing import usd
from apps.costs.domain.rerating import Billing, rebilled
from apps.costs.models import LineState, RerateLine, RerateRun, RerateState, RerateStep
from apps.costs.selectors import rerating
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.rerates import applied_difference, changed_later, model_words
from apps.costs.services.rerating.changing import ChangedElsewhere, Move, Moved, change

Stop = str | None
"""Why a batch may not be carried out, in words; None: it may."""


def apply_batch(cursor: CursorWrapper, run: RerateRun) -> None:
    """Apply the next lines of an approved run, whose row is locked, or note that it is applied."""
    run.state = RerateState.APPLYING
    lines = list(run.lines.filter(id__gt=run.cursor).order_by("id")[: settings.RERATE_BATCH])
    if not lines:
        _end(run, RerateState.APPLIED, "applied_at")
        return
    _carry_out(cursor, run, lines, _not_approved(run, lines), _apply_move, LineState.APPLIED)


def reverse_batch(cursor: CursorWrapper, run: RerateRun) -> None:
    """Put back the last lines that are applied, newest first, or note that all are."""
    waiting = run.lines.filter(id__lt=run.cursor, state=LineState.APPLIED).order_by("-id")
    lines = list(waiting[: settings.RERATE_BATCH])
    if not lines:
        _end(run, RerateState.REVERSED, "reversed_at")
        return
    _carry_out(cursor, run, lines, _changed_again(lines), _reverse_move, LineState.REVERSED)


def _carry_out(
    cursor: CursorWrapper,
    run: RerateRun,
    lines: Sequence[RerateLine],
    stop: Stop,
    move_of: Callable[[RerateLine], Move],
    state: LineState,
) -> None:
    if stop is None:
        try:
            with transaction.atomic():
                moved = change(cursor, [move_of(line) for line in lines])
        except ChangedElsewhere as found:
            line = next(line for line in lines if line.pk == found.line)
            stop = f"{_record_words(line)} is billed otherwise now than this run expects."
    if stop is not None:
        _stop(run, stop)
        return
    _keep(run, lines, moved, state)
    run.cursor = lines[-1].pk
    run.save()


def _keep(run: RerateRun, lines: Sequence[RerateLine], moved: Sequence[Moved], state: LineState) -> None:
    """The step, the lines' states and the counts of the run."""
    reverses = state is LineState.REVERSED
    done = [one.move.line for one in moved]
    gone = sorted({line.pk for line in lines} - set(done))
    step = RerateStep.objects.create(
        run=run, reverses=reverses, records=len(done), difference_usd=usd(sum(one.shift.cost for one in moved))
    )
    marked = {"state": state} if reverses else {"state": state, "step": step}
    RerateLine.objects.filter(id__in=done).update(**marked)
    RerateLine.objects.filter(id__in=gone).update(state=LineState.GONE)
    run.gone += len(gone)
    if reverses:
        run.reversed += len(done)
    else:
        run.applied += len(done)


def _not_approved(run: RerateRun, lines: Sequence[RerateLine]) -> Stop:
    """Why these lines are not what was approved any more, when the price book has moved since the preview."""
    book = current_rate_book()
    if book.version == run.price_book_version:
        return None
    metered = rerating.metered_of([(line.project_id, line.occurred_at, line.usage_id) for line in lines])
    for line in lines:
        one = metered.get((line.project_id, line.occurred_at, line.usage_id))
        if one is None:
            continue
        wanted = rebilled(_was(line), rerating.listed(one, book), include_reported=run.include_reported)
        if wanted != _is(line):
            return (
                f"The price book has changed since the preview: {_record_words(line)} was approved at"
                f" {_usd_words(_is(line))} and would now cost {_usd_words(wanted)}."
            )
    return None


def _changed_again(lines: Sequence[RerateLine]) -> Stop:
    later = changed_later([line.pk for line in lines])
    if later is None:
        return None
    return f"Run {later} changed some of these records again: reverse it first, then go on here."


def _stop(run: RerateRun, why: str) -> None:
    run.state, run.why = RerateState.STOPPED, why
    run.taken_by, run.taken_until = "", None
    run.save()
    audit.record(caller="re-rating", action="rerate.stopped", obj=run, after={"why": why, "applied": run.applied})


def _end(run: RerateRun, state: RerateState, stamp: str) -> None:
    run.state, run.taken_by, run.taken_until = state, "", None
    setattr(run, stamp, timezone.now())
    run.save()
    done = {
        "applied": run.applied,
        "reversed": run.reversed,
        "gone": run.gone,
        "difference_usd": applied_difference(run),
    }
    verb = "completed" if state is RerateState.APPLIED else "undone"
    audit.record(caller="re-rating", action=f"rerate.{verb}", obj=run, after=done)


def _apply_move(line: RerateLine) -> Move:
    return Move(line.pk, line.project_id, line.occurred_at, line.usage_id, _was(line), _is(line))


def _reverse_move(line: RerateLine) -> Move:
    return Move(line.pk, line.project_id, line.occurred_at, line.usage_id, _is(line), _was(line))


def _was(line: RerateLine) -> Billing:
    femto = rerating.femto
    return Billing(
        femto(line.was_cost_usd),
        femto(line.was_price_cost_usd),
        line.was_price_id,
        line.was_cost_source,
        line.was_assumed,
    )


def _is(line: RerateLine) -> Billing:
    femto = rerating.femto
    return Billing(
        femto(line.is_cost_usd), femto(line.is_price_cost_usd), line.is_price_id, line.is_cost_source, line.is_assumed
    )


def _record_words(line: RerateLine) -> str:
    model = model_words([line.model_id]).get(line.model_id, "a model")
    return f"the record {line.usage_id} ({model}, {line.occurred_at:%Y-%m-%d %H:%M:%S} UTC)"


def _usd_words(billing: Billing) -> str:
    return "an unknown amount" if billing.cost is None else f"{usd(billing.cost).normalize():f} USD"
