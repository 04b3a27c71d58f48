"""The background work of the books. Each task is a sweep over rows: it carries no data and may run twice at once.

A sweep that fails is logged by the worker, noted by its heartbeat, and done again at the next beat.
"""

from celery import shared_task
from django.utils import timezone

from apps.costs.services import (
    demo,
    folding,
    hours,
    partitions,
    price_lists,
    proof_sweep,
    rerating,
    retention,
    sweeps,
    task_folding,
    waste_folding,
)
from apps.costs.services.outcomes import settling


@shared_task(soft_time_limit=50, time_limit=60)
def fold_days() -> None:
    """Folds closed days of the reporting zone, newest first."""
    run = folding.fold_closed_days(now=timezone.now())
    sweeps.note("fold-days", words=run.words, behind=run.left > 0)


@shared_task(soft_time_limit=50, time_limit=60)
def fold_tasks() -> None:
    """Adds up tasks that rest, by the day they began."""
    run = task_folding.fold_tasks(now=timezone.now())
    sweeps.note("fold-tasks", words=run.words, behind=run.left)


@shared_task(soft_time_limit=50, time_limit=60)
def fold_waste() -> None:
    """Adds up what folded days and hours wasted."""
    run = waste_folding.fold_waste()
    sweeps.note("fold-waste", words=run.words, behind=run.left > 0)


@shared_task(soft_time_limit=50, time_limit=60)
def prove_rollups() -> None:
    """Proves closed hours, folds and conversations against the records, and repairs."""
    run = proof_sweep.prove_closed_hours(now=timezone.now())
    sweeps.note("prove-rollups", words=run.words, behind=run.left > 0)


@shared_task(soft_time_limit=50, time_limit=60)
def merge_hours() -> None:
    """Merges old quarter-hours into hours."""
    run = hours.merge_old_quarters(now=timezone.now())
    sweeps.note("merge-hours", words=run.words, behind=run.left > 0)


@shared_task(soft_time_limit=50, time_limit=60)
def make_partitions() -> None:
    """Makes the partitions of the months around now: three ahead."""
    made = partitions.make_ahead(timezone.now())
    sweeps.note("make-partitions", words=f"stand until {made:%B %Y}", behind=False)


@shared_task(soft_time_limit=50, time_limit=60)
def carry_out_demo_wish() -> None:
    """Loads or removes demo data, if somebody asked for it."""
    demo.work_on_demo(now=timezone.now())


@shared_task(soft_time_limit=50, time_limit=60)
def carry_out_rerates() -> None:
    """Previews, applies and reverses runs of re-rating, a batch a transaction."""
    rerating.work_on_rerates()


@shared_task(soft_time_limit=50, time_limit=60)
def settle_outcomes() -> None:
    """Settles outcomes that waited for a call or a decision."""
    run = settling.settle_waiting(now=timezone.now())
    sweeps.note("settle-outcomes", words=run.words, behind=False)


@shared_task(soft_time_limit=900, time_limit=960)
def check_price_lists() -> None:
    """Looks for new prices in the public lists, if somebody asked for it."""
    price_lists.work_on_check(now=timezone.now())


@shared_task(soft_time_limit=50, time_limit=60)
def ask_for_price_lists() -> None:
    """Asks for the daily look at the public lists."""
    price_lists.ask_daily(now=timezone.now())


@shared_task(soft_time_limit=1500, time_limit=1800)
def drop_old_months() -> None:
    """Drops months of records and rollups that are older than the settings allow."""
    report = retention.enforce(now=timezone.now())
    sweeps.note("retention", words=report.words, behind=bool(report.errors))
