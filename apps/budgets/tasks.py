"""The background work of budgets and alerts. Each task sweeps rows: it carries no data and may run twice at once."""

from celery import shared_task
from django.utils import timezone

from apps.budgets.services import forecasting, merging, proving, reserving, tending, tidying
from apps.budgets.services.alerting import following, lowering, watching
from apps.budgets.services.outbox import sweeping
from apps.costs.domain.formats import some
from apps.costs.services import sweeps


@shared_task(soft_time_limit=50, time_limit=60)
def expire_reservations() -> None:
    """Frees what reservations hold whose time is over."""
    reserving.expire_due()


@shared_task(soft_time_limit=50, time_limit=60)
def tend_budgets() -> None:
    """Counts changed budgets anew, and ends what the end of a period ends."""
    run = tending.tend(now=timezone.now())
    sweeps.note("tend-budgets", words=run.words, behind=False)


@shared_task(soft_time_limit=240, time_limit=280)
def settle_merges() -> None:
    """Counts budgets anew, past periods too, after agents or projects were merged."""
    done = merging.settle_merges(now=timezone.now())
    sweeps.note("settle-merges", words=f"counted budgets anew after {some(done, 'merge')}", behind=False)


@shared_task(soft_time_limit=50, time_limit=60)
def send_outbox() -> None:
    """Addresses what was announced, and sends what is due."""
    run = sweeping.sweep()
    if run is not None:
        sweeps.note("outbox", words=run.words, behind=run.left)


@shared_task(soft_time_limit=50, time_limit=60)
def follow_alerts() -> None:
    """Ends silences, tells critical alerts again and what budgets sent to cheaper models, deletes old ones."""
    now = timezone.now()
    ended, told = following.end_silences(now=now), following.remind(now=now)
    lowered, dropped = lowering.tell_lowered(now=now), following.drop_old(now=now)
    words = f"ended {some(ended, 'silence')}, told {told} again and {some(lowered, 'time')} what went to cheaper models"
    sweeps.note("follow-alerts", words=f"{words}, deleted {dropped}", behind=False)


@shared_task(soft_time_limit=240, time_limit=280)
def forecast_budgets() -> None:
    """Says anew what budgets will have spent when their periods end."""
    made = forecasting.make_forecasts(now=timezone.now())
    sweeps.note("forecast-budgets", words=f"made {some(made, 'forecast')}", behind=False)


@shared_task(soft_time_limit=1500, time_limit=1800)
def prove_budgets() -> None:
    """Folds the old part of the ledger, and proves that ledger, counters and calls say the same."""
    tidying.tidy(now=timezone.now())
    run = proving.prove_books(now=timezone.now())
    sweeps.note("prove-budgets", words=run.words, behind=bool(run.unbalanced))


@shared_task(soft_time_limit=50, time_limit=60)
def watch() -> None:
    """Looks for what needs no budget to be alerted: failing providers, usage without a price, lists that disagree."""
    found = watching.watch(now=timezone.now())
    sweeps.note("watch", words=f"{found} conditions hold", behind=False)
