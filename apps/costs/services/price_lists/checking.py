"""The wish to look for new prices, and carrying it out in the background: read, propose, count what it would cost."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.models import PriceListCheck, PriceListEdition
from apps.costs.services.price_book.changes import lock_book
from apps.costs.services.price_book.wheels import FetchError
from apps.costs.services.price_lists.applying import apply_changes
from apps.costs.services.price_lists.comparing import compare_lists
from apps.costs.services.price_lists.effects import count_effects
from apps.costs.services.price_lists.loading import newest_known
from apps.costs.services.price_lists.proposing import propose
from apps.costs.services.price_lists.reading import (
    SOURCES,
    Edition,
    UnreadableError,
    at_hand,
    newest_of_index,
)

DAILY = timedelta(hours=24)
DAILY_CALLER = "daily check"
Result = dict[str, object]


def ask_for_check(*, caller: Caller, now: datetime) -> PriceListCheck:
    """Ask to look for new prices; nothing is applied.

    Raises Conflict while another check is open, NotAllowed for a caller who is limited to projects.
    """
    try:
        with transaction.atomic():
            lock_book(caller)
            check = PriceListCheck.objects.create(asked_by=caller.actor, asked_at=now)
            audit.record(caller=caller, action="price_list.checked", obj=check)
    except IntegrityError as error:
        raise Conflict("The price lists are being checked just now.", code="busy") from error
    return check


def ask_daily(*, now: datetime) -> PriceListCheck | None:
    """Ask for the daily check, if the last look at the lists is a day ago. None when it is not due."""
    looked = [
        PriceListCheck.objects.order_by("-id").values_list("asked_at", flat=True).first(),
        PriceListEdition.objects.order_by("-read_at").values_list("read_at", flat=True).first(),
    ]
    if any(at is not None and now - at < DAILY for at in looked):
        return None
    try:
        with transaction.atomic():
            return PriceListCheck.objects.create(
                asked_by=DAILY_CALLER, asked_at=now, apply_after=settings.PRICE_LISTS_APPLY
            )
    except IntegrityError:
        return None


def work_on_check(*, now: datetime) -> PriceListCheck | None:
    """Carry out the open check. None when there is none, or another worker has it.

    A worker that dies loses its lease and the next one begins anew: nothing of the book was touched. Each list is
    looked at by itself; one that cannot be had or read is told of and leaves the other, and all prices, as they are.
    """
    check = PriceListCheck.objects.filter(finished_at=None).first()
    if check is None or not _take(check, now):
        return None
    try:
        check.results = {source: _look(source, now) for source in SOURCES}
        count_effects(now=now)
        if check.apply_after:
            _apply(check, now)
        compare_lists(now=now)
    except OperationalError:
        # The database was away or a lock was held too long: the wish stays open.
        PriceListCheck.objects.filter(id=check.id).update(taken_until=None)
        raise
    except Exception as error:
        check.results |= {"": {"words": f"The check broke off: {type(error).__name__}.", "failed": True}}
        _finish(check)
        raise
    _finish(check)
    return check


def _look(source: str, now: datetime) -> Result:
    edition, trouble = _newest(source, now)
    known = newest_known(source)
    if edition.order < known:
        words = f"{source} {'.'.join(map(str, known))} is known already; {edition.version} is at hand."
        return _result(edition, words, trouble)
    try:
        proposed = propose(edition, now=now)
    except UnreadableError as error:
        return _result(edition, "", f"{error}.")
    words = f"{source} {edition.version}: ready {proposed.ready}, waiting for a decision {proposed.waiting}."
    if not proposed.ready and not proposed.waiting:
        words = f"{source} {edition.version}: nothing new."
    return _result(edition, words, trouble)


def _result(edition: Edition, words: str, trouble: str) -> Result:
    told = f"{trouble} The prices in force are unchanged." if trouble else ""
    return {"version": edition.version, "words": " ".join(filter(None, (told, words))), "failed": bool(trouble)}


def _newest(source: str, now: datetime) -> tuple[Edition, str]:
    """The newer of what is at hand and what the index has, and what went wrong with the index."""
    mine = at_hand(source, now.date())
    if not settings.PRICE_LISTS_FETCH:
        return mine, ""
    try:
        theirs = newest_of_index(source, now.date())
    except FetchError as error:
        return mine, str(error)
    return (theirs if theirs.order > mine.order else mine), ""


def _apply(check: PriceListCheck, now: datetime) -> None:
    for source, applied in apply_changes(caller=DAILY_CALLER, now=now).items():
        check.results[source]["words"] += f" Applied {applied.prices}."


def _take(check: PriceListCheck, now: datetime) -> bool:
    lease = timedelta(seconds=len(SOURCES) * settings.PRICE_LISTS_SECONDS + 300)
    free = Q(taken_until=None) | Q(taken_until__lt=now)
    return bool(PriceListCheck.objects.filter(free, id=check.id, finished_at=None).update(taken_until=now + lease))


def _finish(check: PriceListCheck) -> None:
    check.finished_at, check.taken_until = timezone.now(), None
    check.save(update_fields=["finished_at", "taken_until", "results"])
