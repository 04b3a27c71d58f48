"""No amount that was answered is lost when PostgreSQL is killed: neither one that is held nor one that was settled.

The rows of counters are committed without waiting for the disk, and answered after a wait for the log.
"""

import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.proofs.installation import Installation, installation

pytestmark = [pytest.mark.chaos, pytest.mark.prove]
CLIENTS, ROUNDS, SECONDS = 6, 3, 4.0


class Client(threading.Thread):
    """Reserves and settles in turn until the database is away; remembers what it was told."""

    def __init__(self, place: Installation, number: int) -> None:
        super().__init__()
        self._place, self._name = place, f"{number}-{time.time_ns()}"
        self.held: list[str] = []
        self.settled: list[str] = []

    def run(self) -> None:
        link = http.client.HTTPConnection("127.0.0.1", self._place.web.port, timeout=20)
        try:
            for number in range(100_000):
                name = f"{self._name}-{number}"
                self._post(link, "/api/reservations", {"id": name, "amount_usd": "0.01", "ttl_s": 3600})
                self.held.append(name)
                if number % 2:
                    call = {"provider": "openai", "model": "m", "cost_usd": "0.01", "input_tokens": 1}
                    self._post(link, "/api/usage", call | {"id": name, "output_tokens": 1, "reservation_id": name})
                    self.settled.append(name)
        except (OSError, http.client.HTTPException, _Refused):
            return
        finally:
            link.close()

    def _post(self, link: http.client.HTTPConnection, path: str, body: Any) -> None:
        headers = {"Authorization": f"Bearer {self._place.key}", "Content-Type": "application/json"}
        link.request("POST", path, json.dumps(body), headers)
        answer = link.getresponse()
        text = answer.read()
        if not 200 <= answer.status < 300:
            raise _Refused(answer.status, text[:200])


class _Refused(Exception):
    pass


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    with installation(tmp_path) as place:
        link = http.client.HTTPConnection("127.0.0.1", place.web.port, timeout=20)
        block = [{"percent": 100, "action": "block"}]
        budget = {"name": "Hot", "limit_usd": "100000", "period": "year", "scope": {}, "thresholds": block}
        Client(place, 0)._post(link, "/api/budgets", budget)
        link.close()
        held: set[str] = set()
        settled: set[str] = set()
        for _ in range(ROUNDS):
            clients = [Client(place, number) for number in range(CLIENTS)]
            for one in clients:
                one.start()
            time.sleep(SECONDS)
            place.database.kill9()
            for one in clients:
                one.join(timeout=60)
                held |= set(one.held)
                settled |= set(one.settled)
            place.database.start()
            time.sleep(3)
        assert_all_there(place.database.url, held, settled)


def assert_all_there(url: str, held: set[str], settled: set[str]) -> None:
    """Every answer stands, and counter, ledger and reservations say the same."""
    with psycopg.connect(url) as database:
        found: dict[str, int] = dict(database.execute("SELECT public_id, state FROM budgets_reservation").fetchall())
        records = {row[0] for row in database.execute("SELECT usage_id FROM costs_usagerecord").fetchall()}
        ((spent, reserved),) = database.execute("SELECT spent, reserved FROM budgets_counter").fetchall()
        ((ledger_spent, ledger_reserved),) = database.execute(
            "SELECT sum(spent), sum(reserved) FROM budgets_entry"
        ).fetchall()
        ((left,),) = database.execute('SELECT sum("left") FROM budgets_reservation').fetchall()
    print(f"{len(held):,} reservations and {len(settled):,} settlements were answered, {ROUNDS} kills, 0 lost")
    assert len(held) > 100
    assert [name for name in held if name not in found] == []
    assert [name for name in settled if found[name] != 1 or name not in records] == []
    assert (spent, reserved) == (ledger_spent, ledger_reserved)
    assert reserved == left
