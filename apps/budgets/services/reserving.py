"""Reserving an amount before a call, and giving it back: one statement each, answered once the disk has it.

A reservation passes every budget that applies, or none: the statement changes nothing when one of them refuses. A child
draws from its parent and never from the budgets again. What is not settled in time is freed: by a sweep, and at once
when something else does not fit.
"""

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import psycopg
from django.conf import settings
from django.db import Error, connection, transaction
from django.utils import timezone

from apps.access.domain.errors import Conflict, Refused
from apps.access.services.places import other_rows
from apps.access.statements import Rows, prepared, wait_for_log
from apps.budgets.domain.scopes import Facts, each_label
from apps.budgets.domain.states import BudgetRefused, Denial, Unit
from apps.budgets.models import BudgetsVersion, EntryKind, Reservation, ReservationState
from apps.budgets.selectors import matching
from apps.budgets.selectors.matching import Rule
from apps.budgets.selectors.states import budget_state, contacts_of
from apps.budgets.services.opening import Wanted, open_counters
from apps.budgets.services.statements import RESERVE, RESERVE_IN_ONE, RESERVE_PLACES
from apps.costs.services.ingest.literals import array
from apps.costs.services.ingest.reading import new_id

REFUSED = "BU402"
_TRIES = 5


class Reserved(msgspec.Struct, frozen=True):
    """A reservation that stands. `is_new` is false for one that was made before with the same id."""

    id: str
    amount_usd: Decimal
    expires_at: datetime
    is_new: bool = True


class Together(msgspec.Struct, frozen=True):
    """What is written in the statement that reserves: both are kept, or neither is.

    `procedure` reserves, writes and waits for the log in one trip. It takes what `budgets_reserve` takes, then these
    values, whose places with names of their own and casts `places` holds, whether the statement is a transaction by
    itself, and answers `outcome` and `expires`.
    """

    procedure: str
    places: str
    values: dict[str, Any]


class _Asked(msgspec.Struct, frozen=True):
    public_id: str
    project_id: int
    fingerprint: str
    key_id: int | None
    parent: int | None
    amount: Decimal
    seconds: int

    def values(self, version: int) -> dict[str, Any]:
        """For the statements; `version` is that of the budgets as they are known here."""
        return {
            "version": version, "public_id": self.public_id, "project": self.project_id,
            "fingerprint": self.fingerprint, "key": self.key_id, "amount": self.amount, "seconds": self.seconds,
        }  # fmt: skip


def reserve(
    *,
    facts: Facts,
    amount_usd: Decimal,
    id: str | None = None,
    parent_id: str | None = None,
    ttl_seconds: int | None = None,
    tokens: int = 0,
    key_id: int | None = None,
    together: Together | None = None,
) -> Reserved:
    """Hold an amount in every budget that applies to a call of these facts, for `ttl_seconds` at most.

    `facts.project_id` is required; the other facts as far as they are known. `id` makes a retry harmless: the same
    again gives the same reservation. `parent_id` names a reservation of the same project to draw from instead.
    `tokens` is what budgets of tokens hold; budgets of calls hold one. What is written `together` with it is not
    written if the reservation was made before. Call it outside of a transaction.

    Raises BudgetRefused with a machine-readable denial; Conflict for an id that was used for something else; Refused
    for an unknown parent or an amount that cannot be.
    """
    if facts.project_id is None:
        raise Refused("A reservation belongs to a project.", code="required", path="project")
    if not 0 <= amount_usd < 10**12:
        raise Refused("The amount is not between 0 and 10^12 USD.", code="invalid", path="amount_usd")
    seconds = min(ttl_seconds or settings.RESERVATION_SECONDS, settings.RESERVATION_MAX_SECONDS)
    parent = _parent(facts.project_id, parent_id) if parent_id else None
    fingerprint = _fingerprint(facts, amount_usd, parent_id)
    asked = _Asked(id or new_id(), facts.project_id, fingerprint, key_id, parent, amount_usd, seconds)
    freed = False
    for _ in range(_TRIES):
        try:
            made = _reserve(asked, facts, tokens, together)
        except _Denied as denied:
            if not freed and expire_due(counter_id=denied.counter_id):
                freed = True
                continue
            raise BudgetRefused(_denial(denied, asked, facts)) from None
        if made is not None:
            return made
        matching.forget()
    raise Refused("Budgets kept changing while this was reserved; try again.", code="busy")


class _Denied(Exception):
    """The statement refused: the counter that had no room, or None for the parent."""

    def __init__(self, counter_id: int | None) -> None:
        super().__init__(str(counter_id))
        self.counter_id = counter_id


class _Place(msgspec.Struct, frozen=True):
    """A counter, what is held there in its unit, what `held` says of that, and whether it may refuse."""

    counter: int
    amount: Decimal
    held: Decimal | None
    is_checked: bool


def _reserve(asked: _Asked, facts: Facts, tokens: int, together: Together | None) -> Reserved | None:
    """One try; None when budgets have changed since this process last looked."""
    known = matching.matcher()
    facts = known.by_present_name(facts)
    places = [] if asked.parent else known.matching(facts, timezone.now())
    wanted = [Wanted(rule, value, each_label(rule.each, value, facts), span) for rule, value, span in places]
    ids = open_counters(wanted, version=known.version, judged=True)
    held = sorted((_held(ids[one.place], one.rule, asked, tokens, facts) for one in wanted), key=_counter_of)
    is_within = connection.in_atomic_block
    try:
        # The statement is a transaction by itself; inside of one it must be possible to undo it.
        with transaction.atomic() if is_within else nullcontext():
            rows = _in_one(asked, known.version, held[0]) if len(held) == 1 and together is None else []
            ((outcome, *_, expires_at, waits),) = rows or _in_any(asked, known.version, held, together, is_within)
    except Error as error:
        return _of_error(error, asked)
    if waits and is_within:
        transaction.on_commit(wait_for_log)
    elif waits:
        wait_for_log()
    return Reserved(asked.public_id, asked.amount, expires_at) if outcome == "reserved" else None


_counter_of = attrgetter("counter")


def _held(counter_id: int, rule: Rule, asked: _Asked, tokens: int, facts: Facts) -> _Place:
    amount = asked.amount if rule.unit == Unit.USD else Decimal(1 if rule.unit == Unit.CALLS else tokens)
    return _Place(counter_id, amount, None if rule.unit == Unit.USD else amount, not rule.is_exempt(facts))


def _in_one(asked: _Asked, version: int, place: _Place) -> Rows:
    """No row where the function has to say why nothing was held."""
    values = asked.values(version) | {
        "counter": place.counter, "in_unit": place.amount, "held": place.held, "checked": place.is_checked
    }  # fmt: skip
    return prepared(RESERVE_IN_ONE, values)


def _in_any(
    asked: _Asked, version: int, held: Sequence[_Place], together: Together | None, is_within: bool
) -> Sequence[tuple[Any, ...]]:
    values = asked.values(version) | {
        "parent": asked.parent,
        "counters": array([one.counter for one in held]),
        "in_units": array([one.amount for one in held]),
        "held": array([one.held for one in held]),
        "checked": array([one.is_checked for one in held]),
    }
    if together is None:
        return prepared(RESERVE, values)
    values |= together.values
    values["alone"] = not is_within
    rows = prepared(_call_of(together.procedure, together.places), values)
    return [(*row, is_within) for row in rows]  # It has waited itself where it could.


@lru_cache(maxsize=8)
def _call_of(procedure: str, places: str) -> str:
    return f"CALL {procedure}({RESERVE_PLACES}, {places}, %(alone)s::bool, NULL, NULL)"


def _of_error(error: Error, asked: _Asked) -> Reserved | None:
    cause = error.__cause__
    if isinstance(cause, psycopg.Error) and cause.sqlstate == REFUSED:
        raise _Denied(int(cause.diag.message_detail or 0) or None) from None
    if isinstance(cause, psycopg.errors.UniqueViolation):
        return _made_before(asked)
    if isinstance(cause, psycopg.errors.DeadlockDetected) and not connection.in_atomic_block:
        return None  # The same id in other budgets, at the same time: one of the two stands by now.
    raise error


def _made_before(asked: _Asked) -> Reserved:
    known = Reservation.objects.filter(project_id=asked.project_id, public_id=asked.public_id).first()
    if known is None or known.fingerprint != asked.fingerprint:
        raise Conflict("This id was used for another reservation; that one stands.", code="conflict", path="id")
    return Reserved(known.public_id, known.amount, known.expires_at, is_new=False)


def _parent(project_id: int, public_id: str) -> int:
    rows = (project_id, *other_rows(project_id))
    made = Reservation.objects.filter(project_id__in=rows, public_id=public_id)
    found = dict(made.values_list("project_id", "id"))
    if not found:
        message = "No reservation of this project has this id."
        raise Refused(message, code="unknown", path="parent_reservation_id")
    return next(found[row] for row in rows if row in found)


def _fingerprint(facts: Facts, amount: Decimal, parent_id: str | None) -> str:
    """Of what was asked for; how the ids of names stand does not matter."""
    asked = [facts.project_id, facts.agent, facts.user, facts.task_type, facts.tool, facts.provider, facts.model]
    told = msgspec.json.encode([asked, facts.conversation, dict(facts.tags), f"{amount:f}", parent_id], order="sorted")
    return hashlib.sha256(told).hexdigest()[:32]


def _denial(denied: _Denied, asked: _Asked, facts: Facts) -> Denial:
    if denied.counter_id is None:
        return _denial_by(Reservation.objects.filter(id=asked.parent or 0).first(), asked.amount)
    states = budget_state(facts=facts, now=timezone.now())
    state = next((one for one in states if one.counter_id == denied.counter_id), states[0] if states else None)
    return Denial("budget", asked.amount, state, raise_contacts=contacts_of(state))


def _denial_by(parent: Reservation | None, amount: Decimal) -> Denial:
    """What a reservation refuses; `settled` and what others drew from it are gone from `left`."""
    if parent is None:
        return Denial("reservation", amount, None)
    is_open = parent.state == ReservationState.OPEN and parent.expires_at > timezone.now()
    left = parent.left if is_open else None
    return Denial("reservation", amount, None, left_usd=left, limit_usd=parent.amount, spent_usd=parent.settled)


def release(*, project_id: int, public_id: str) -> bool:
    """Free what a reservation still holds; false when it had ended already. Raises Reservation.DoesNotExist."""
    found = Reservation.objects.get(project_id=project_id, public_id=public_id)
    return bool(_end([found.pk], ReservationState.RELEASED, EntryKind.RELEASE))


def extend(*, project_id: int, public_id: str, ttl_seconds: int | None = None) -> Reserved:
    """Let a reservation last for so long from now on, never longer than its parent.

    Raises Reservation.DoesNotExist, and Conflict for one that has ended.
    """
    seconds = min(ttl_seconds or settings.RESERVATION_SECONDS, settings.RESERVATION_MAX_SECONDS)
    found = Reservation.objects.get(project_id=project_id, public_id=public_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE budgets_reservation r SET expires_at = least(now() + make_interval(secs => %s),"
            " (SELECT p.expires_at FROM budgets_reservation p WHERE p.id = r.parent_id))"
            " WHERE r.id = %s AND r.state = 0 AND r.expires_at > now() RETURNING r.expires_at",
            [seconds, found.pk],
        )
        row = cursor.fetchone()
    if row is None:
        raise Conflict("This reservation has ended; what is spent on it now is plain spend.", code="ended")
    return Reserved(found.public_id, found.amount, row[0])


def expire_due(*, counter_id: int | None = None, most: int = 500) -> int:
    """Free reservations whose time is over, of one counter or of all; how many that were.

    A sweep that found less than `most` has ended all; the next one begins a little before it, since what is not
    committed yet is not seen. After a clock that jumped back it begins a little before the present.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"counter": counter_id, "most": most, "overlap": _OVERLAP_SECONDS})
        rows = cursor.fetchall()
    due = [row[0] for row in rows if row[0]]
    ended = _end(due, ReservationState.EXPIRED, EntryKind.EXPIRE) if due else 0
    if counter_id is None and len(rows) <= most:
        BudgetsVersion.objects.update(expired_until=rows[0][1])
    return ended


_OVERLAP_SECONDS = 60
_DUE = """
    WITH swept AS MATERIALIZED (SELECT clock_timestamp() AS now, least(coalesce(expired_until, '-infinity'),
        clock_timestamp()) - make_interval(secs => %(overlap)s) AS until FROM budgets_budgetsversion)
    SELECT NULL::bigint, now FROM swept UNION ALL (
        SELECT r.id, NULL FROM budgets_reservation r WHERE r.state = 0
            AND r.expires_at > (SELECT until FROM swept) AND r.expires_at <= (SELECT now FROM swept)
            AND (%(counter)s::bigint IS NULL OR r.counters @> ARRAY[%(counter)s::bigint])
        ORDER BY r.expires_at LIMIT %(most)s)
"""


def _end(ids: Sequence[int], state: ReservationState, kind: EntryKind) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT budgets_end(%s::bigint[], %s, %s)", [list(ids), int(state), int(kind)])
        row: tuple[Any, ...] = cursor.fetchone()
    return int(row[0])
