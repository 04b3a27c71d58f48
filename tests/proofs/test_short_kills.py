"""P1 and P12 in short: one installation, whose web workers, master and database are killed while agents report."""

import pytest

from tests.proofs.installation import Installation
from tests.proofs.test_kill_postgres import run_outages
from tests.proofs.test_kill_web import run_chaos

pytestmark = pytest.mark.chaos
PLAN = ["worker", "worker", "master", "worker"]


def test_killed_workers_lose_and_double_nothing(place: Installation) -> None:
    run_chaos(place, PLAN, pause=1.0, batches=100, clients=4, seconds=100)


def test_a_killed_database_loses_and_doubles_nothing(place: Installation) -> None:
    run_outages(place, [1.0], between=1.0, clients=4)
