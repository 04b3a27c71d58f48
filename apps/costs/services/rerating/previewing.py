"""The dry run: every record of the filter is priced again, what would change is written down, nothing is changed.

It works in batches that each are a transaction with the position they reached. When the price book changes meanwhile,
the preview begins anew, so that all of it is of one version.
"""

from collections.abc import Sequence

from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from apps.costs.domain.pricing import usd_text
from apps.costs.domain.rate_book import RateBook
from apps.costs.domain.rerating import Billing, rebilled
from apps.costs.models import RerateLine, RerateRun, RerateState, RerateSum
from apps.costs.selectors import rerating
from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.rerating import Scanned

Pair = tuple[Scanned, Billing]


def preview_batch(cursor: CursorWrapper, run: RerateRun) -> None:
    """Look at the next records of the run, whose row is locked; at the end the totals, and the run is previewed."""
    book = current_rate_book()
    if run.price_book_version != book.version or run.after_at is None:
        _begin(run, book)
    assert run.after_at is not None
    window = rerating.next_window(run, run.after_at)
    if window is None:
        _finish(cursor, run)
        return
    after = (run.after_at, run.after_project_id, run.after_usage_id)
    rows = rerating.scan(run, window, after, settings.RERATE_BATCH)
    pairs = [
        (row, rebilled(row.billing, rerating.listed(row.metered, book), include_reported=run.include_reported))
        for row in rows
    ]
    changed = [pair for pair in pairs if not pair[1].is_same_amount(pair[0].billing)]
    _write(run, changed)
    _count(run, pairs, len(changed))
    position = rows[-1].position if len(rows) == settings.RERATE_BATCH else (window[1], 0, "")
    run.after_at, run.after_project_id, run.after_usage_id = position
    if run.changed > settings.RERATE_MAX_RECORDS:
        run.state, run.why = RerateState.STOPPED, _TOO_MANY.format(settings.RERATE_MAX_RECORDS)
    run.save()


_TOO_MANY = (
    "It would change more than {:,} records (BURSAR_RERATE_MAX_RECORDS), and nothing was changed."
    " Choose a shorter period or fewer models."
)


def forget(cursor: CursorWrapper, run: RerateRun, at_most: int) -> int:
    """Delete lines of a run of which nothing was applied, at most so many. How many there were."""
    cursor.execute(
        "DELETE FROM costs_rerateline WHERE id = ANY(ARRAY("
        "SELECT id FROM costs_rerateline WHERE run_id = %s LIMIT %s))",
        [run.pk, at_most],
    )
    return int(cursor.rowcount)


def _begin(run: RerateRun, book: RateBook) -> None:
    """The first batch; or the first anew, under another version of the price book."""
    RerateLine.objects.filter(run=run).delete()
    run.price_book_version = book.version
    run.seen = run.changed = run.unchanged = run.still_unpriced = run.reported = 0
    start = rerating.begins(run, horizon())
    first = rerating.next_window(run, start)
    run.after_at = run.first_at = max(start, first[0]) if first else start
    run.after_project_id, run.after_usage_id = 0, ""


def _count(run: RerateRun, pairs: Sequence[Pair], changed: int) -> None:
    same = [pair for pair in pairs if pair[1].is_same_amount(pair[0].billing)]
    run.seen += len(pairs)
    run.changed += changed
    run.unchanged += len(same)
    run.still_unpriced += sum(after.cost is None for _, after in same)
    run.reported += sum(row.is_reported for row, _ in same)


def _write(run: RerateRun, changed: Sequence[Pair]) -> None:
    RerateLine.objects.bulk_create(
        [
            RerateLine(
                run=run,
                project_id=row.project_id,
                occurred_at=row.occurred_at,
                usage_id=row.usage_id,
                model_id=row.model_id,
                conversation_id=row.conversation_id,
                calls=row.metered.calls,
                **_columns("was", row.billing),
                **_columns("is", after),
            )
            for row, after in changed
        ],
        batch_size=1000,
    )


def _columns(side: str, billing: Billing) -> dict[str, object]:
    return {
        f"{side}_cost_usd": None if billing.cost is None else usd_text(billing.cost),
        f"{side}_price_cost_usd": None if billing.price_cost is None else usd_text(billing.price_cost),
        f"{side}_price_id": billing.price_id,
        f"{side}_cost_source": billing.cost_source,
        f"{side}_assumed": billing.assumed,
    }


_SUMS = """
    INSERT INTO costs_reratesum (run_id, by, model_id, project_id, conversation_id, records, calls, priced_calls,
        unpriced_calls, was_usd, is_usd)
    SELECT run_id, %(by)s, {model}, {project}, {conversation}, count(*), sum(calls),
        coalesce(sum(calls) FILTER (WHERE was_cost_usd IS NULL AND is_cost_usd IS NOT NULL), 0),
        coalesce(sum(calls) FILTER (WHERE was_cost_usd IS NOT NULL AND is_cost_usd IS NULL), 0),
        coalesce(sum(was_cost_usd), 0), coalesce(sum(is_cost_usd), 0)
    FROM costs_rerateline WHERE run_id = %(run)s{where} GROUP BY 1, 3, 4, 5
"""
_BY = {
    "model": _SUMS.format(model="model_id", project="0", conversation="''", where=""),
    "project": _SUMS.format(model="0", project="project_id", conversation="''", where=""),
    "conversation": _SUMS.format(
        model="0", project="project_id", conversation="conversation_id", where=" AND conversation_id <> ''"
    ),
}


def _finish(cursor: CursorWrapper, run: RerateRun) -> None:
    RerateSum.objects.filter(run=run).delete()
    for by, statement in _BY.items():
        cursor.execute(statement, {"run": run.pk, "by": by})
    cursor.execute(
        "SELECT coalesce(sum(was_usd), 0), coalesce(sum(is_usd), 0) FROM costs_reratesum"
        " WHERE run_id = %s AND by = 'model'",
        [run.pk],
    )
    run.was_usd, run.is_usd = cursor.fetchone()
    run.dropped_calls = rerating.dropped_calls(run)
    run.state, run.previewed_at = RerateState.PREVIEWED, timezone.now()
    run.taken_by, run.taken_until = "", None
    run.save()
