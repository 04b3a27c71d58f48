"""Periodic work of the project itself. Each task is a sweep that may run twice."""

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from controlplane import background_alerts

_BEGAN = timezone.now()
"""When this worker began."""


@shared_task
def heartbeat() -> None:
    """Does nothing: that it was done proves that beat, the broker and a worker live."""


@shared_task
def clear_sessions() -> None:
    """Deletes sessions that have expired."""
    call_command("clearsessions")


@shared_task
def watch_background() -> None:
    """Raises alerts for background work that is late and for a full disk, and ends them when that is over."""
    background_alerts.watch_disk(now=timezone.now())
    background_alerts.watch_background(now=timezone.now(), began=_BEGAN)
