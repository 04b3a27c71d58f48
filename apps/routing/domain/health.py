"""How a model at a provider does: a circuit breaker fed by what agents report.

closed → open: at least five calls and half of all failed by the provider's fault, or its account is out of credit.
open → half open: after a pause, which doubles each time it fails again; one decision in ten may then try it.
half open → closed: two trial calls went well, however far apart; → open: one failed.

A provider that asks for money is asked by all its models: those that did not hear it themselves close again as soon as
any call of the account goes well, the others are tried then.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from .candidates import Breaker, is_provider_fault

LEAST_FAULTS = 5
OPENING_SHARE = 2
"""Open once faults times this are at least all calls."""
TRIALS = 2
PAUSE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(minutes=15)
OUT_OF_CREDIT_PAUSE = timedelta(minutes=10)
OUT_OF_CREDIT = frozenset({"402", "insufficient_quota", "out_of_credit", "insufficient_credits", "payment_required"})
Cause = Literal["", "faults", "out_of_credit", "account"]
"""`account` is another model of the provider that was told it wants money."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was reported of a model since its state last changed, at most one window back.

    `out_of_credit` and `answered_at` are about the provider: it wants money, and when it last answered a call.
    """

    ok: int = 0
    faults: int = 0
    out_of_credit: bool = False
    asked_for_money: bool = False
    last_ok_at: datetime | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The breaker with since when, how often in a row it opened, and why; and when a first trial call went well."""

    breaker: Breaker = "closed"
    since: datetime | None = None
    times_open: int = 0
    cause: Cause = ""
    trial_ok_at: datetime | None = None


def is_fault(error_type: str) -> bool:
    """Whether a failed call counts against the provider: its own errors, and those nobody named."""
    return not error_type.strip() or is_out_of_credit(error_type) or is_provider_fault(error_type)


def is_out_of_credit(error_type: str) -> bool:
    """Whether the provider wants money first."""
    return error_type.strip().lower() in OUT_OF_CREDIT


def pause_of(state: State) -> timedelta:
    """How long an open breaker waits before it lets trials through."""
    if state.cause in ("out_of_credit", "account"):
        return OUT_OF_CREDIT_PAUSE
    return min(LONGEST_PAUSE, PAUSE * (1 << min(10, max(0, state.times_open - 1))))


def after(state: State, seen: Seen, now: datetime) -> State:
    """The state that follows from what was seen since it last changed."""
    has_credit = seen.answered_at is not None and state.since is not None and seen.answered_at > state.since
    if state.breaker != "closed" and state.cause == "account" and has_credit and not seen.out_of_credit:
        return State("closed", now)
    if state.breaker == "open":
        is_over = state.since is None or now - state.since >= pause_of(state)
        is_over = is_over or state.cause == "out_of_credit" and has_credit
        return State("half_open", now, state.times_open, state.cause) if is_over else state
    if seen.out_of_credit:
        return State("open", now, state.times_open + 1, "out_of_credit" if seen.asked_for_money else "account")
    if state.breaker == "half_open":
        return _tried(state, seen, now)
    if seen.faults >= LEAST_FAULTS and seen.faults * OPENING_SHARE >= seen.ok + seen.faults:
        return State("open", now, 1, "faults")
    return state


def _tried(state: State, seen: Seen, now: datetime) -> State:
    """What trial calls say. The first that went well is remembered, as the second may come after the window."""
    if seen.faults:
        return State("open", now, state.times_open + 1, "faults")
    last = seen.last_ok_at
    if not seen.ok or last is None:
        return state
    if seen.ok >= TRIALS or state.trial_ok_at is not None and last > state.trial_ok_at:
        return State("closed", now)
    return state if state.trial_ok_at else replace(state, trial_ok_at=last)
