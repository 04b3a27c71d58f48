"""The sweep of the outbox: addresses what was announced, then sends what is due, for a while."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.utils import timezone

from apps.budgets.domain.retries import MAIL_WAITS, WEBHOOK_WAITS, next_wait
from apps.budgets.domain.telling import Manner
from apps.budgets.models import Delivery
from apps.budgets.selectors.receivers import Receiver, audience
from apps.budgets.services.alerting import hours
from apps.budgets.services.alerting.addressing import BATCH, address_waiting
from apps.budgets.services.outbox import failing, posts
from apps.budgets.services.outbox.errors import SendError
from apps.budgets.services.outbox.leasing import lease_next, mark_failed, mark_sent, put_off
from apps.budgets.services.outbox.mail import MailRun
from apps.budgets.services.outbox.readers import why_not

logger = logging.getLogger(__name__)

SECONDS = 40
SERVER_FAILURES = 3
SLOW = 1
"""After a message that took so many seconds, what was announced meanwhile is addressed: it may be for others."""
Clock = Callable[[], datetime]
# One sweep at a time in a process: then a killed process had at most one message in its hands.
_one_at_a_time = threading.Lock()


@dataclass(slots=True)
class Run:
    """What a sweep did, and whether it came to the end of what is due."""

    sent: int = 0
    failed: int = 0
    left: bool = False
    mail_failures: int = 0
    manner: Manner = field(default_factory=lambda: audience().manner)
    resting: set[Receiver] = field(default_factory=set)

    @property
    def words(self) -> str:
        """For the Health page."""
        if not self.sent and not self.failed:
            return "nothing is due"
        return f"sent {self.sent}" + (f", {self.failed} failed and will be tried again" if self.failed else "")


def sweep(*, clock: Clock = timezone.now, seconds: int = SECONDS) -> Run | None:
    """Send what is due, one message after the other. None if this process is at it already.

    A message that fails is marked with the reason and its next time; its receiver rests until the next sweep, so that
    one that hangs does not keep the others waiting.
    """
    if not _one_at_a_time.acquire(blocking=False):
        return None
    try:
        return _sweep(clock, time.monotonic() + seconds)
    finally:
        _one_at_a_time.release()


def _sweep(clock: Clock, deadline: float) -> Run:
    run, mail = Run(), MailRun()
    while address_waiting(now=clock()) == BATCH and time.monotonic() < deadline:
        pass
    try:
        while (delivery := _next(run, clock)) is not None:
            began = time.monotonic()
            _deliver(delivery, run, mail, clock)
            if time.monotonic() - began > SLOW:
                address_waiting(now=clock())
            if time.monotonic() > deadline:
                run.left = True
                break
    finally:
        mail.close()
    return run


def _next(run: Run, clock: Clock) -> Delivery | None:
    return lease_next(now=clock(), resting=run.resting, mail_rests=run.mail_failures >= SERVER_FAILURES)


def _deliver(delivery: Delivery, run: Run, mail: MailRun, clock: Clock) -> None:
    """Send one message that is leased, and mark how it went; or not, if it is not for now, or for nobody any more."""
    if why := why_not(delivery):
        mark_failed(delivery, why=why, retry_at=None)
        return
    if later := hours.quiet_until(delivery, run.manner, clock()):
        put_off(delivery, until=later)
        return
    try:
        _send(delivery, mail, clock)
    except SendError as error:
        _failed(delivery, error, run, clock())
    else:
        run.mail_failures = 0 if delivery.channel is None else run.mail_failures
        mark_sent(delivery, now=clock())
        run.sent += 1


def _send(delivery: Delivery, mail: MailRun, clock: Clock) -> None:
    """Send it by its way. Raises SendError, also for a message that cannot be made: one must not stop the others."""
    try:
        if delivery.channel is None:
            mail.send(delivery)
        else:
            posts.send(delivery, delivery.channel, now=clock())
    except (SendError, DatabaseError):
        raise
    except Exception as error:
        logger.exception("Delivery %s could not be made", delivery.pk)
        raise SendError(f"The message could not be made ({type(error).__name__}).") from error


def _failed(delivery: Delivery, error: SendError, run: Run, now: datetime) -> None:
    run.failed += 1
    wait = next_wait(MAIL_WAITS if delivery.channel is None else WEBHOOK_WAITS, delivery.tries, chance=random.random())
    if wait is not None and error.retry_after:
        wait = max(wait, timedelta(seconds=min(error.retry_after, 86_400)))
    given_up = error.permanent or wait is None
    if delivery.channel is None:
        run.mail_failures += error.everywhere
    else:
        run.resting.add(Receiver(channel_id=delivery.channel_id))
        given_up |= failing.note(
            delivery=delivery, permanent=error.permanent, is_last=wait is None, why=str(error), now=now
        )
    retry_at = None if given_up or wait is None else hours.retry_at(delivery, run.manner, now + wait)
    mark_failed(delivery, why=str(error), retry_at=retry_at)
