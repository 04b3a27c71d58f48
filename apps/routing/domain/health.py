"""How a model at a provider does: a circuit breaker fed by what agents report.

closed → open: at least five calls and half of all failed by the provider's fault, or its account is out of credit.
open → half open: after a pause, which doubles each time it fails again; one decision in ten may then try it.
half open → closed: two trial calls went well; → open: one failed.
"""

from dataclasses import dataclass
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
Cause = Literal["", "faults", "out_of_credit"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was reported of a model since its state last changed, at most one window back."""

    ok: int = 0
    faults: int = 0
    out_of_credit: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The breaker with since when, how often in a row it opened, and why."""

    breaker: Breaker = "closed"
    since: datetime | None = None
    times_open: int = 0
    cause: Cause = ""


def is_fault(error_type: str) -> bool:
    """Whether a failed call counts against the provider: its own errors, and those nobody named."""
    return not error_type.strip() or is_out_of_credit(error_type) or is_provider_fault(error_type)


def is_out_of_credit(error_type: str) -> bool:
    """Whether the provider wants money first."""
    return error_type.strip().lower() in OUT_OF_CREDIT


def pause_of(state: State) -> timedelta:
    """How long an open breaker waits before it lets trials through."""
    if state.cause == "out_of_credit":
        return OUT_OF_CREDIT_PAUSE
    return min(LONGEST_PAUSE, PAUSE * (1 << min(10, max(0, state.times_open - 1))))


def after(state: State, seen: Seen, now: datetime) -> State:
    """The state that follows from what was seen since it last changed."""
    if state.breaker == "open":
        is_over = state.since is None or now - state.since >= pause_of(state)
        return State("half_open", now, state.times_open, state.cause) if is_over else state
    if seen.out_of_credit:
        return State("open", now, state.times_open + 1, "out_of_credit")
    if state.breaker == "half_open":
        if seen.faults:
            return State("open", now, state.times_open + 1, "faults")
        return State("closed", now) if seen.ok >= TRIALS else state
    if seen.faults >= LEAST_FAULTS and seen.faults * OPENING_SHARE >= seen.ok + seen.faults:
        return State("open", now, 1, "faults")
    return state
