"""The background work of budgets. Each task is a sweep over rows: it carries no data and may run twice at once."""

from celery import shared_task
from django.utils import timezone

from apps.budgets.services import reserving, tending
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
