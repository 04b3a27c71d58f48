import signal
import subprocess
import sys
import threading

import pytest

from controlplane.launch.watchdog import Watchdog, read_orders
from tests.launch.conftest import eventually, is_running

SLEEP = "import time; print(flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def start(code: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


@pytest.mark.parametrize(
    "orders, watched",
    [
        ([], {}),
        (["watch 5 15 1", "watch 6 2 0"], {5: (15, 1), 6: (2, 0)}),
        (["watch 5 15 1", "forget 5", "forget 7"], {}),
        (["watch 5 15 1", "watch 5 2 0"], {5: (2, 0)}),
    ],
)
def test_orders_are_followed(orders: list[str], watched: dict[int, tuple[int, int]]) -> None:
    assert read_orders(orders) == watched


def test_it_stops_what_it_watches_when_its_writer_is_gone(started: list[int]) -> None:
    process, stubborn = start(SLEEP), start(STUBBORN)
    forgotten = start(SLEEP)
    started += [process.pid, stubborn.pid, forgotten.pid]
    watchdog = Watchdog()
    for group in started:
        watchdog.watch(group, signal.SIGTERM, 1)
    watchdog.forget(forgotten.pid)

    watchdog.close()

    assert process.wait(1) == -signal.SIGTERM
    assert stubborn.wait(1) == -signal.SIGKILL
    assert forgotten.poll() is None
    forgotten.kill()
    forgotten.wait(5)


def test_a_killed_watchdog_is_renewed_with_what_it_watched(started: list[int]) -> None:
    process = start(SLEEP)
    started.append(process.pid)
    watchdog = Watchdog()
    watchdog.watch(process.pid, signal.SIGTERM, 1)

    subprocess.run(["kill", "-9", str(watchdog.pid)], check=True)
    assert eventually(lambda: not watchdog.is_alive(), 5)
    watchdog.renew()
    reaper = threading.Thread(target=process.wait, daemon=True)  # an uncollected child counts as one that goes on
    reaper.start()
    watchdog.close()

    reaper.join(1)
    assert process.returncode == -signal.SIGTERM
    assert not is_running(watchdog.pid)
