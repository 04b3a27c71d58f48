"""How fast decisions come: an open loop over HTTP while clients ingest, beside a bare JSON echo.

    python -m benchmarks.decisions [--rate 200] [--seconds 15] [--prefill 50000]

One web process, kept to one core, with fsync on. Decisions are sent at fixed instants whatever the answers take, and
timed from the instant they were due; each reserves its cost in the budget of its agent. Meanwhile four clients send a
batch of 100 records a second each. Then as many requests as the server takes: decisions and echoes in turns, with the
processor time of the web process and of PostgreSQL for each, which other work beside changes less than the rates; and
one client's 304 of the configuration and echo in turns. The load is bounded and goes to this machine alone.
"""

import argparse
import http.client
import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks import ingest
from benchmarks.processes import children, cpu_seconds
from benchmarks.traffic import Fleet

if TYPE_CHECKING:
    from controlplane.launch.postgres import PrivateServer

SENDERS = 24
ASK = (
    "Refactor the scheduler so that it cannot deadlock, explain step by step why each invariant holds, and write tests "
    "for it. It must not allocate and must keep the public API. "
)
MESSAGE = (ASK * 20)[:2048]


@dataclass
class Timed:
    """Seconds from when each request was due until its answer, and how many were refused."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def at(self, share: float) -> float:
        """A percentile in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, round(len(ordered) * share))] * 1000


class Client:
    """One kept connection that sends with the key."""

    def __init__(self, key: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", ingest.PORT, timeout=30)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """The status and the tag of the answer, which is read whole."""
        self.connection.request(method, path, body, self.headers | headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("ETag") or ""


def question(number: int) -> bytes:
    """A question of 2 KB in one of 500 conversations, with the cost to be held."""
    return msgspec.json.encode(
        {
            "message": f"{number} {MESSAGE}",
            "conversation_id": f"agent-{number % 50}-{number % 500}",
            "project": f"project-{number % 20}",
            "agent": f"agent-{number % 200}",
            "role": "chat",
            "task_type": f"task-{number % 40}",
            "context_tokens": 3000,
            "requires": ["tools"],
            "reserve": True,
        }
    )


def open_loop(key: str, rate: int, seconds: int) -> Timed:
    """Decisions due at fixed instants."""
    due: queue.Queue[tuple[float, int] | None] = queue.Queue()
    timed, lock = Timed(), threading.Lock()

    def sender() -> None:
        client = Client(key)
        while (one := due.get()) is not None:
            moment, number = one
            time.sleep(max(0.0, moment - time.perf_counter()))
            status, _ = client.send("POST", "/api/routing/decisions", question(number))
            with lock:
                timed.seconds.append(time.perf_counter() - moment)
                timed.refused += status != 201

    begin = time.perf_counter() + 0.5
    for number in range(rate * seconds):
        due.put((begin + number / rate, number))
    run([sender] * SENDERS, due)
    return timed


def run(jobs: Sequence[Callable[[], None]], due: "queue.Queue[Any]") -> None:
    """Run jobs in threads until the queue is done."""
    threads = [threading.Thread(target=job) for job in jobs]
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def ingesting(key: str, clients: int) -> Iterator[None]:
    """So many clients, each sending a batch of 100 a second."""
    stop = threading.Event()

    def sender(seed: int) -> None:
        client, fleet = Client(key), Fleet(seed)
        while not stop.is_set():
            client.send("POST", "/api/usage", msgspec.json.encode({"records": fleet.batch(100)}))
            stop.wait(1)

    threads = [threading.Thread(target=sender, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def capacity(key: str, path: str, seconds: float, clients: int = 8) -> float:
    """Requests a second of clients that send one after the other."""
    counts = [0] * clients
    until = time.perf_counter() + seconds

    def sender(place: int) -> None:
        client = Client(key)
        while time.perf_counter() < until:
            client.send("POST", path, question(place + counts[place] * clients))
            counts[place] += 1

    threads = [threading.Thread(target=sender, args=(place,)) for place in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


@dataclass(frozen=True)
class Taken:
    """Requests a second, and the microseconds of processors that each took in the web process and in PostgreSQL."""

    rate: float
    web: float
    database: float


def taken(key: str, path: str, seconds: float, web: list[int], database_pid: int) -> Taken:
    """What as many requests take as the server answers."""

    def used() -> tuple[float, float]:
        return cpu_seconds(web), cpu_seconds([database_pid, *children(database_pid)])

    before = used()
    rate = capacity(key, path, seconds)
    each = [(late - early) / (rate * seconds) * 1e6 for early, late in zip(before, used(), strict=True)]
    return Taken(rate, *each)


def config_beside_echo(key: str, times: int) -> tuple[float, float]:
    """Median milliseconds of a 304 and of an echo of the same client, asked in turns."""
    client = Client(key)
    _, tag = client.send("GET", "/api/routing/config")
    configs, echoes = Timed(), Timed()
    for _ in range(times):
        begin = time.perf_counter()
        status, _ = client.send("GET", "/api/routing/config", None, **{"If-None-Match": tag})
        configs.seconds.append(time.perf_counter() - begin)
        if status != 304:
            raise RuntimeError(f"the configuration answered {status}")
        begin = time.perf_counter()
        client.send("POST", "/echo", b'{"a":1}')
        echoes.seconds.append(time.perf_counter() - begin)
    return configs.at(0.5), echoes.at(0.5)


def prepared(database: "PrivateServer", prefill: int) -> tuple[dict[str, str], str]:
    """The ingest benchmark's installation with a policy, a budget each agent, and a key that may ask."""
    environment, _ = ingest.prepared(database, prefill)
    from django.utils import timezone

    from apps.access.domain import keys
    from apps.access.domain.identity import AGENT_SCOPES, Role, Scope
    from apps.access.models import ApiKey, User
    from apps.budgets.domain.drafts import checked_draft
    from apps.budgets.services.editing import create_budget
    from apps.routing.services.first_policy import publish_first_policy

    owner = User.objects.create(email="bench@localhost", role=Role.OWNER)
    if publish_first_policy(now=timezone.now()) is None:
        raise RuntimeError("the price book lacks the models of the first policy")
    sent = {"name": "Agents", "limit_usd": "1000000", "period": "month", "each": "agent"}
    draft = checked_draft(sent | {"thresholds": [{"percent": 100, "action": "block"}]})
    create_budget(caller=owner.caller(), draft=draft)
    key = keys.make_key()
    ApiKey.objects.create(
        name="decisions", prefix=key[:8], last4=key[-4:], digest=keys.digest(key), created_by=owner,
        scopes=sorted(scope.value for scope in AGENT_SCOPES - {Scope.METRICS_READ}),
    )  # fmt: skip
    return environment, key


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--prefill", type=int, default=50_000)
    chosen = parser.parse_args()
    from controlplane.launch.postgres import private_postgres

    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    with tempfile.TemporaryDirectory() as folder, private_postgres(Path(folder), settings=ingest.SERVER) as database:
        environment, key = prepared(database, chosen.prefill)
        with ingest.web_server(environment, workers=1) as web_pid:
            for pid in (web_pid, *children(web_pid)):
                os.sched_setaffinity(pid, {0})
            open_loop(key, 50, 3)  # warm up
            report(key, chosen.rate, chosen.seconds, children(web_pid), database.pid)


def report(key: str, rate: int, seconds: int, web: list[int], database_pid: int) -> None:
    """Print every figure with its goal."""
    quiet = open_loop(key, rate, seconds)
    with ingesting(key, 4):
        busy = open_loop(key, rate, seconds)
    rounds = [
        [taken(key, path, 3, web, database_pid) for path in ("/api/routing/decisions", "/echo")] for _ in range(3)
    ]
    config, echo = config_beside_echo(key, 400)
    print(f"{'what':52}{'p50 ms':>10}{'p99 ms':>10}{'refused':>9}")
    for name, timed in ((f"decisions, {rate}/s, nothing else", quiet), (f"decisions, {rate}/s, 4 ingesting", busy)):
        print(f"{name:52}{timed.at(0.5):>10.1f}{timed.at(0.99):>10.1f}{timed.refused:>9}")
    for decisions, echoes in rounds:
        print(
            f"capacity: {decisions.rate:.0f} decisions/s, {echoes.rate:.0f} echoes/s, ratio"
            f" {decisions.rate / echoes.rate:.2f} (goal 0.25); processor: {decisions.web:.0f} µs a decision, and"
            f" {decisions.database:.0f} of PostgreSQL, {echoes.web:.0f} µs an echo"
        )
    print(f"config 304: {config:.2f} ms, echo {echo:.2f} ms, ratio {config / echo:.2f} (goal 1.3)")


if __name__ == "__main__":
    main()
