"""P1: kill -9 of web workers and of their master while agents report. Nothing acknowledged is lost, nothing doubled."""

import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.proofs.clients import BATCH, Agent, wait_for_all
from tests.proofs.installation import Installation, installation
from tests.proofs.outcome import assert_nothing_lost_or_doubled

pytestmark = [pytest.mark.chaos, pytest.mark.prove]


def run_chaos(place: Installation, plan: list[str], pause: float, batches: int, clients: int, seconds: float) -> None:
    """Kill by the plan while the clients send, until it is done and so many batches are acknowledged."""
    killed, troubles = threading.Event(), len(place.web.troubles())
    deadline = time.monotonic() + seconds
    agents: list[Agent] = []

    def enough() -> bool:
        done = sum(len(agent.story.acks) for agent in agents)
        return (killed.is_set() and done >= batches) or time.monotonic() > deadline

    agents += [Agent(number, place.web.port, place.key, enough) for number in range(clients)]
    for agent in agents:
        agent.start()
    dice = random.Random(1)
    try:
        for step in plan:
            time.sleep(pause)
            place.web.kill_worker(dice) if step == "worker" else place.web.kill_master()
    finally:
        killed.set()
        wait_for_all(agents, seconds)
    done = sum(len(agent.story.acks) for agent in agents)
    assert done >= batches, f"only {done} of {batches} batches of {BATCH} within {seconds} s"
    failures = Counter(status for agent in agents for _, _, status in agent.story.failures)
    away = place.web.troubles()[troubles:]
    print(f"{done} batches of {BATCH} acknowledged, {len(plan)} kills, interrupted: {dict(failures)}, 503 for {away}")
    # Kills that interrupt nobody prove nothing; and the database was never away, so nobody may hear 503.
    assert failures.total() >= len(plan) // 2
    assert [status for status in failures if isinstance(status, int)] == [], away
    assert_nothing_lost_or_doubled(place.database.url, agents)


def test_killed_workers_lose_and_double_nothing_in_the_long_run(tmp_path: Path) -> None:
    batches = int(os.environ.get("BURSAR_PROVE_BATCHES", "10000"))
    plan = (["worker"] * 12 + ["master"]) * max(5, batches // 2000)
    with installation(tmp_path) as place:
        run_chaos(place, plan, pause=2.0, batches=batches, clients=8, seconds=3600)
