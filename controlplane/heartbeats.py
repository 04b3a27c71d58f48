"""Notes each task's last success and failure, so that lateness is seen by progress and not by a living process."""

import logging
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from controlplane.models import Heartbeat

logger = logging.getLogger(__name__)


def on_success(sender: Any = None, **_: Any) -> None:
    """Celery's task_success: the task is done."""
    _note(sender.name, {"done_at": timezone.now(), "error": ""})


def on_failure(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
    """Celery's task_failure: only the kind of error is kept, its text may hold what nobody should read."""
    _note(sender.name, {"failed_at": timezone.now(), "error": type(exception).__name__})


def _note(name: str, values: dict[str, Any]) -> None:
    try:
        Heartbeat.objects.update_or_create(name=name, defaults=values)
    except DatabaseError:
        logger.warning("The end of %s could not be noted.", name)
