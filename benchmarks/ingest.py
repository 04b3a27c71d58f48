"""How fast usage comes in: batches over HTTP into PostgreSQL with fsync on, beside raw COPY and a bare JSON echo.

    python -m benchmarks.ingest [--rounds 3] [--prefill 500000] [--clients 1,4,16] [--workers 2]

A private server is prefilled, then all cases run in random order, each round anew, on the growing table. COPY writes
the same rows into the same partitioned table with the same indexes, without keys, rollups, prices or HTTP. The load is
bounded: every case sends a fixed number of records to this machine and ends.
"""

import argparse
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks.processes import children, cpu_seconds
from benchmarks.traffic import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.access.domain.identity import Caller
    from controlplane.launch.postgres import PrivateServer

PORT = 8190
WARM_UP = 6
"""How often the largest batches are sent before anything is counted."""
RECORDS = {1000: 24_000, 100: 12_000, 1: 1_200}


@dataclass
class Measured:
    """Rates of one case over all rounds: records a second, and µs of CPU a record in the web and in PostgreSQL."""

    rates: list[float] = field(default_factory=list)
    web: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """What is sent and how: kind is "copy", "usage" or "echo"."""

    kind: str
    size: int
    clients: int

    @property
    def name(self) -> str:
        """As printed."""
        return f"{self.kind} x{self.size}"


class Bench:
    """The servers under test and what to reach them by."""

    def __init__(self, database: "PrivateServer", web_pid: int, key: str) -> None:
        self.database, self.web_pid, self.key = database, web_pid, key
        self.fleet = Fleet(7)

    def run(self, case: Case) -> tuple[float, float, float]:
        """Records a second, web and PostgreSQL CPU µs a record, of one case."""
        total = RECORDS[case.size]
        per_client = total // case.size // case.clients
        senders = [self._sender(case, per_client) for _ in range(case.clients)]
        sent = case.clients * per_client * case.size
        web, database = children(self.web_pid), [self.database.pid, *children(self.database.pid)]
        before = cpu_seconds(web), cpu_seconds(database)
        seconds = _together(senders)
        database = sorted({*database, *children(self.database.pid)})
        after = cpu_seconds(web), cpu_seconds(database)
        return sent / seconds, (after[0] - before[0]) / sent * 1e6, (after[1] - before[1]) / sent * 1e6

    def _sender(self, case: Case, batches: int) -> Callable[[], None]:
        if case.kind == "copy":
            return _copy_sender(self.database.url, [self._rows(case.size) for _ in range(batches)])
        bodies = [msgspec.json.encode({"records": self.fleet.batch(case.size)}) for _ in range(batches)]
        path = "/echo" if case.kind == "echo" else "/api/usage"
        return _http_sender(path, self.key, bodies)

    def _rows(self, size: int) -> tuple[tuple[str, ...], bytes]:
        from apps.costs.services.ingest import preview_rows

        columns, table = preview_rows(self.fleet.batch(size), caller=_caller(), now=datetime.now(UTC))
        return columns, _csv(table)


def _csv(table: Sequence[tuple[Any, ...]]) -> bytes:
    """JSON rows are CSV rows when quotes are escaped by backslash; these records have no control characters."""
    return bytes(msgspec.json.Encoder().encode_lines(table)[1:-2].replace(b"]\n[", b"\n") + b"\n")


def _together(senders: Sequence[Callable[[], None]]) -> float:
    """Seconds from a common start until the last sender is done."""
    barrier = threading.Barrier(len(senders) + 1)

    def started(send: Callable[[], None]) -> None:
        barrier.wait()
        send()

    with ThreadPoolExecutor(len(senders)) as pool:
        running = [pool.submit(started, send) for send in senders]
        barrier.wait()
        begin = time.perf_counter()
        for one in running:
            one.result(timeout=300)
        return time.perf_counter() - begin


def _http_sender(path: str, key: str, bodies: Sequence[bytes]) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send() -> None:
        for body in bodies:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}: {text[:300]!r}")
        connection.close()

    return send


def _copy_sender(url: str, batches: Sequence[tuple[tuple[str, ...], bytes]]) -> Callable[[], None]:
    import psycopg

    connection = psycopg.connect(url)

    def send() -> None:
        for columns, data in batches:
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    f"COPY costs_usagerecord ({', '.join(columns)}) FROM STDIN (FORMAT csv, ESCAPE '\\', NULL 'null')"
                ) as copy,
            ):
                copy.write(data)
            connection.commit()

    # Left open: what an ended server process has used can no longer be read.
    return send


@contextmanager
def web_server(environment: dict[str, str], workers: int) -> "Iterator[int]":
    """The product under gunicorn as in production; yields its process id."""
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{PORT}", "--workers", str(workers), "--threads", "8",
        "--keep-alive", "30", "--log-level", "warning", *_server_config(),
        "controlplane.wsgi",
    ]  # fmt: skip
    process = subprocess.Popen(command, env=environment)
    try:
        _wait_until_up(process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _server_config() -> list[str]:
    has_config = Path(__file__).parent.parent.joinpath("controlplane", "gunicorn_conf.py").exists()
    return ["--config", "python:controlplane.gunicorn_conf"] if has_config else []


def _wait_until_up(process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
            connection.request("POST", "/echo", b"1")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the web server did not start")


def prepared(database: "PrivateServer", prefill: int) -> tuple[dict[str, str], str]:
    """Migrate, load prices, make a key and prefill; returns the environment of the server and the key."""
    os.environ.update(DATABASE_URL=database.url, DJANGO_SETTINGS_MODULE="benchmarks.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_prices", verbosity=0)
    key = _make_key()
    _prefill(prefill)
    return dict(os.environ), key


def _make_key() -> str:
    from apps.access.domain import keys
    from apps.access.models import ApiKey

    key = keys.make_key()
    ApiKey.objects.create(
        name="benchmark", prefix=key[:8], last4=key[-4:], digest=keys.digest(key), scopes=["usage:write"]
    )
    return key


def _caller() -> "Caller":
    from apps.access.domain.identity import AGENT_SCOPES, Caller

    return Caller("key", "benchmark", 1, None, AGENT_SCOPES, None, None)


def _prefill(records: int) -> None:
    from django.db import connection

    from apps.costs.services.ingest import record_usage

    caller = _caller()
    fleet, now = Fleet(1), datetime.now(UTC)
    for number in range(records // 1000):
        moment = now - timedelta(minutes=15 + number * 20 % (30 * 1440))
        record_usage(fleet.batch(1000, moment), caller=caller, now=now, odd_text_possible=False)
        if number % 50 == 0:
            print(f"\rprefilled {number * 1000:,} of {records:,}", end="", file=sys.stderr, flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(f"\rprefilled {records:,} records" + " " * 20, file=sys.stderr)


def report(results: dict[Case, Measured]) -> None:
    """Print one line a case, with its ratio to the anchor of the same number of clients."""
    print(f"{'case':14}{'clients':>8}{'records/s (min-max)':>26}{'vs anchor':>11}{'web µs/rec':>12}{'PG µs/rec':>11}")
    for case, measured in sorted(results.items(), key=lambda item: (item[0].clients, item[0].kind, -item[0].size)):
        anchor = Case("echo", 1, case.clients) if case.size == 1 else Case("copy", 1000, case.clients)
        rate = statistics.median(measured.rates)
        against = rate / statistics.median(results[anchor].rates) if anchor in results else float("nan")
        spread = f"{rate:,.0f} ({min(measured.rates):,.0f}-{max(measured.rates):,.0f})"
        web, database = statistics.median(measured.web), statistics.median(measured.database)
        print(f"{case.name:14}{case.clients:>8}{spread:>26}{against:>11.2f}{web:>12.1f}{database:>11.1f}")
    print("anchors: copy x1000 for batches, echo x1 for single records, of the same number of clients")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prefill", type=int, default=500_000)
    parser.add_argument("--clients", default="1,4,16")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    from controlplane.launch.postgres import private_postgres

    counts = [int(count) for count in chosen.clients.split(",")]
    cases = [Case(kind, size, count) for count in counts for kind, size in
             (("copy", 1000), ("copy", 100), ("usage", 1000), ("usage", 100), ("usage", 1), ("echo", 1))]  # fmt: skip
    results: dict[Case, Measured] = {case: Measured() for case in cases}
    with tempfile.TemporaryDirectory() as folder, private_postgres(Path(folder), settings=SERVER) as database:
        environment, key = prepared(database, chosen.prefill)
        with web_server(environment, chosen.workers) as web_pid:
            _measure(Bench(database, web_pid, key), cases, results, chosen.rounds)
    report(results)


SERVER: dict[str, Any] = {"max_wal_size": "4GB", "shared_buffers": "512MB", "max_connections": "100"}


def _measure(bench: Bench, cases: Sequence[Case], results: dict[Case, Measured], rounds: int) -> None:
    shuffled = random.Random(3)
    # Warm up: statements are planned, and each worker knows the names of the fleet, as after its first minutes.
    for case in (*[Case("usage", 1000, 4)] * WARM_UP, Case("usage", 100, 4), Case("usage", 1, 4)):
        bench.run(case)
    for number in range(rounds):
        order = list(cases)
        shuffled.shuffle(order)
        for case in order:
            rate, web, database = bench.run(case)
            results[case].rates.append(rate)
            results[case].web.append(web)
            results[case].database.append(database)
            print(
                f"\rround {number + 1} {case.name} {case.clients} clients: {rate:,.0f}/s" + " " * 20,
                end="",
                file=sys.stderr,
            )
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
