"""What the Python client costs an agent: reporting with the server up and down, and a decision from memory.

    python -m benchmarks.client [--records 20000] [--decisions 20000]

The server is the small one of the tests, in a process of its own. Busy threads of the agent are part of one case,
since they share the interpreter's lock with the client.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "integrations" / "python"))

from bursar_client import Client  # noqa: E402

from tests.integrations.server import KEY, Fake, serving  # noqa: E402

CALL: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4.1",
    "agent": "support",
    "conversation_id": "42",
    "task_type": "answer",
    "input_tokens": 1200,
    "cache_read_input_tokens": 800,
    "output_tokens": 300,
    "latency_ms": 840,
}
SERVER = "from tests.integrations.server import *\nwith serving(Fake()) as f: print(f.port, flush=True); input()"


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a server in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate(b"\n", timeout=20)


@contextlib.contextmanager
def busy(threads: int) -> Iterator[None]:
    """So many threads of the agent that compute all the time."""
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(1000))

    running = [threading.Thread(target=compute, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join()


def timed(act: Callable[[], object], times: int, pause: float = 0.0) -> list[int]:
    """Nanoseconds of each call, sorted."""
    took = []
    for _ in range(times):
        begin = time.perf_counter_ns()
        act()
        took.append(time.perf_counter_ns() - begin)
        if pause:
            time.sleep(pause)
    return sorted(took)


def show(name: str, took: list[int]) -> None:
    """One line of the table."""
    at = [took[int(len(took) * share)] / 1000 for share in (0.5, 0.99, 0.999)]
    print(f"{name:<44}{len(took):>9}" + "".join(f"{value:>10.1f}" for value in (*at, took[-1] / 1000)))


def reporting(name: str, url: str, records: int, pause: float = 0.0) -> None:
    """How long `report` takes."""
    with tempfile.TemporaryDirectory() as folder:
        client = Client(url, KEY, spool=folder)
        client.report(**CALL)
        show(name, timed(lambda: client.report(**CALL), records, pause))
        client.close(60)


def deciding(name: str, url: str, decisions: int) -> None:
    """How long `decide` takes when the last answer still holds."""
    with tempfile.TemporaryDirectory() as folder:
        client = Client(url, KEY, spool=folder, decision_timeout=5.0)
        question: Any = {
            "conversation_id": "42",
            "role": "chat",
            "current": ("openai", "gpt-4.1"),
            "message": "x" * 500,
        }
        assert client.decide(**question).source == "server"
        show(name, timed(lambda: client.decide(**question), decisions))
        assert client.decide(**question).source == "cache"
        client.close(0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--decisions", type=int, default=20_000)
    given = parser.parse_args()
    with serving(Fake()) as gone:
        away = gone.url
    print(f"{'µs':<44}{'calls':>9}{'p50':>10}{'p99':>10}{'p99.9':>10}{'worst':>10}")
    with server() as url:
        reporting("report, server up, one after another", url, given.records)
        reporting("report, server up, every 2 ms", url, given.records // 10, pause=0.002)
        reporting("report, server down", away, given.records)
        with busy(2):
            reporting("report, server up, two busy threads", url, given.records // 20)
            reporting("report, every 2 ms, two busy threads", url, given.records // 60, pause=0.002)
        deciding("decide, answered from memory", url, given.decisions)


if __name__ == "__main__":
    main()
