"""P12: kill -9 of PostgreSQL while agents report. Only 503 while it is away; nothing is lost; web needs no restart."""

import threading
import time
from pathlib import Path

import pytest

from tests.proofs.clients import Agent, wait_for_all
from tests.proofs.installation import Installation, installation
from tests.proofs.outcome import assert_nothing_lost_or_doubled

pytestmark = [pytest.mark.chaos, pytest.mark.prove]
# The pool waits 2 s for a connection; a busy machine needs some time to say so. The figures are printed.
ANSWER_SECONDS = 15.0
BACK_SECONDS = 30.0


def run_outages(place: Installation, outages: list[float], between: float, clients: int) -> None:
    """Kill PostgreSQL and start it again after so many seconds, once for each outage, while the clients send."""
    over = threading.Event()
    deadline = time.monotonic() + 60 + sum(BACK_SECONDS + between + outage for outage in outages)
    agents = [
        Agent(number + 100, place.web.port, place.key, lambda: over.is_set() or time.monotonic() > deadline)
        for number in range(clients)
    ]
    before = place.web.pid, sorted(place.web.workers())
    for agent in agents:
        agent.start()
    try:
        for outage in outages:
            time.sleep(between)
            one_outage(place, agents, outage)
        time.sleep(between)
    finally:
        over.set()
        wait_for_all(agents, 60)
    assert (place.web.pid, sorted(place.web.workers())) == before, "web was not to be restarted"
    assert_nothing_lost_or_doubled(place.database.url, agents)


def one_outage(place: Installation, agents: list[Agent], seconds: float) -> None:
    """One kill, one start, and what agents were told in between."""
    killed = time.monotonic()
    place.database.kill9()
    time.sleep(seconds)
    started = time.monotonic()
    place.database.start()
    while not (acks := [moment for agent in agents for moment in agent.story.acks if moment > started]):
        assert time.monotonic() < started + BACK_SECONDS, "service is not back"
        time.sleep(0.05)
    told = [failure for agent in agents for failure in agent.story.failures if failure[0] + failure[1] > killed]
    first = min(begin + took for begin, took, _ in told) - killed
    slowest = max(took for _, took, _ in told)
    print(
        f"away for {started - killed:.1f} s: first error after {first:.2f} s, slowest answer {slowest:.2f} s,"
        f" back {min(acks) - started:.2f} s after the start, answers {sorted({str(status) for _, _, status in told})}"
    )
    assert 503 in {status for _, _, status in told}
    assert slowest <= ANSWER_SECONDS


def test_killed_database_loses_and_doubles_nothing_twice(tmp_path: Path) -> None:
    with installation(tmp_path) as place:
        run_outages(place, [5.0, 60.0], between=15.0, clients=8)
