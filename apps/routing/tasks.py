"""The background work of routing. Each task is a sweep over rows: it carries no data and may run twice at once."""

from celery import shared_task
from django.utils import timezone

from apps.costs.services import sweeps
from apps.routing.services import health, old_decisions
from apps.routing.services.quality import refresh_quality as refresh
from apps.routing.services.replays.working import work_on_replays
from apps.routing.services.savings.learning import learn
from apps.routing.services.savings.sweeping import derive_due_days


@shared_task(soft_time_limit=25, time_limit=30)
def watch_models() -> None:
    """Sums up how models did lately, and moves their breakers."""
    run = health.watch_models(now=timezone.now())
    sweeps.note("watch-models", words=run.words, behind=False)


@shared_task(soft_time_limit=50, time_limit=60)
def drop_old_decisions() -> None:
    """Drops decisions of months that are older than the settings allow."""
    dropped = old_decisions.drop_old_decisions(now=timezone.now())
    sweeps.note("old-decisions", words=f"{dropped} old decisions dropped", behind=False)


@shared_task(soft_time_limit=250, time_limit=280)
def refresh_quality() -> None:
    """Brings the statistics of quality up to date."""
    run = refresh(now=timezone.now())
    sweeps.note("quality", words=run.words, behind=False)


@shared_task(soft_time_limit=100, time_limit=120)
def derive_savings() -> None:
    """Compares days whose usage or baseline changed with the baseline that holds on them."""
    now = timezone.now()
    run = derive_due_days(now=now)
    learn(now=now)
    sweeps.note("savings", words=run.words, behind=run.left > 0)


@shared_task(soft_time_limit=100, time_limit=120)
def carry_out_replays() -> None:
    """Replays recorded usage under what-ifs, a piece a transaction."""
    work_on_replays()
