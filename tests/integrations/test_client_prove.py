"""100,000 records, a server that is away and dies again, clients that are killed: everything arrives exactly once."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from bursar_client import Client

from tests.proofs.installation import Web, installation

pytestmark = pytest.mark.prove
RECORDS = int(os.environ.get("BURSAR_PROVE_RECORDS", "100000"))
ROOT = Path(__file__).resolve().parents[2]
AGENT = """
import sys, time
from bursar_client import Client
url, key, spool, accepted, number, records = sys.argv[1:]
client = Client(url, key, spool=spool, linger=0.05, longest_wait=1.0, timeout=5.0)
with open(accepted, "a", buffering=1) as journal:
    for n in range(int(records)):
        identity = client.report(provider="openai", model="gpt-4.1", agent=number, input_tokens=n, output_tokens=1)
        journal.write(identity + "\\n")
        if n % 100 == 99:
            time.sleep(0.002)
client.close(float(sys.stdin.readline() or 0))
"""


class Agents:
    """Processes that report and note each accepted id in a journal; when killed, the next run goes on."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        self.folder, self.url, self.key = folder, url, key
        self.journal = folder / "accepted"
        self.journal.touch()
        self.runs = 0

    def accepted(self) -> list[str]:
        """The ids of all records that `report` returned for, whole lines only."""
        return self.journal.read_text().rpartition("\n")[0].split("\n")

    def start(self, records: int) -> "subprocess.Popen[bytes]":
        self.runs += 1
        environment = {"PYTHONPATH": str(ROOT / "integrations" / "python"), "PATH": os.environ["PATH"]}
        arguments = [self.url, self.key, str(self.folder / "spool"), str(self.journal), str(self.runs), str(records)]
        return subprocess.Popen(
            [sys.executable, "-c", AGENT, *arguments], env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def report_and_be_killed(self, until: int, dice: random.Random) -> None:
        """One process that reports until the journal has so many ids, and is then killed at any moment."""
        process = self.start(until)
        while len(self.accepted()) < until - dice.randrange(500) and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)


def stored(database: str) -> dict[str, int]:
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT usage_id, count(*) FROM costs_usagerecord GROUP BY 1").fetchall()
    return {str(identity): int(count) for identity, count in rows}


def test_spooled_records_arrive_exactly_once(tmp_path: Path) -> None:
    dice = random.Random(7)
    with ExitStack() as stack:
        place = stack.enter_context(installation(tmp_path / "place"))
        # A second web server on the same database, which is not there yet.
        web = Web(place.web.environment, tmp_path / "web.log")
        stack.callback(web.stop)
        agents = Agents(tmp_path, f"http://127.0.0.1:{web.port}", place.key)
        while (done := len(agents.accepted())) < RECORDS * 9 // 10:
            agents.report_and_be_killed(min(RECORDS * 9 // 10, done + RECORDS // 5), dice)
        assert stored(place.database.url) == {}
        waiting = sum(path.stat().st_size for path in (tmp_path / "spool").rglob("*.log"))
        web.start()
        began = time.monotonic()
        # While the backlog is sent, clients and workers of the server are killed too.
        while (done := len(agents.accepted())) < RECORDS:
            agents.report_and_be_killed(min(RECORDS, done + RECORDS // 20), dice)
            web.kill_worker(dice)
        last = Client(agents.url, agents.key, spool=tmp_path / "spool", linger=0.05, longest_wait=1.0)
        last.report(provider="openai", model="gpt-4.1", input_tokens=1, output_tokens=1)
        deadline = time.monotonic() + 300
        while len(found := stored(place.database.url)) < len(agents.accepted()) and time.monotonic() < deadline:
            time.sleep(0.5)
        took = time.monotonic() - began
        assert last.close(60)
        found = stored(place.database.url)
        accepted = agents.accepted()
        print(f"{len(accepted)} accepted by {agents.runs} processes, {agents.runs} of them killed; {waiting >> 20} MiB"
              f" waited on disk; all stored {took:.0f} s after the server was back: {last.stats()}")  # fmt: skip
        assert set(found.values()) == {1}
        assert set(accepted) - set(found) == set()
        # A record may be on disk before its journal is: at most one a kill, and the last client's own.
        assert len(set(found) - set(accepted)) <= agents.runs + 1
        assert list((tmp_path / "spool").glob("*/*/*.log")) == []
