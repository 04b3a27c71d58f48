"""The background work of routing. Each task is a sweep over rows: it carries no data and may run twice at once."""

from celery import shared_task
from django.utils import timezone

from apps.costs.services import sweeps
from apps.routing.services.quality import refresh_quality as refresh


@shared_task(soft_time_limit=250, time_limit=280)
def refresh_quality() -> None:
    """Brings the statistics of quality up to date."""
    run = refresh(now=timezone.now())
    sweeps.note("quality", words=run.words, behind=False)
