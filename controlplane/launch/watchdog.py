"""A process of its own that stops the others when the one that started them dies, however it dies.

It runs by path, with the standard library alone, and reads its orders from a pipe:

    watch PID SIGNAL STAGE     stop this process group with this signal; later stages first
    forget PID                 it has ended, or is no longer ours to stop

The pipe's end is the death of its writer. Then every group still watched gets its signal, stage by stage, and after
GRACE_SECONDS SIGQUIT or SIGKILL; all of it is over within ten seconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

GRACE_SECONDS = 4.0


def main() -> None:
    """Read orders until the writer is gone, then stop what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stop_all(read_orders(sys.stdin))


def read_orders(lines: Iterable[str]) -> dict[int, tuple[int, int]]:
    """Follow the orders to their end; returns {process group: (signal, stage)} of those still watched."""
    watched: dict[int, tuple[int, int]] = {}
    for line in lines:
        order, *numbers = line.split()
        if order == "watch":
            group, number, stage = map(int, numbers)
            watched[group] = (number, stage)
        else:
            watched.pop(int(numbers[0]), None)
    return watched


def stop_all(watched: dict[int, tuple[int, int]]) -> None:
    """Stop the groups, those of the highest stage first."""
    for stage in sorted({stage for _, stage in watched.values()}, reverse=True):
        stop_groups({group: number for group, (number, of) in watched.items() if of == stage}, GRACE_SECONDS)


def stop_groups(signals: dict[int, int], seconds: float) -> None:
    """Send each group its signal and, after `seconds`, SIGKILL to those that are still there.

    A group whose signal is SIGINT is PostgreSQL's: SIGQUIT ends it at once without leaving shared memory behind.
    """
    for group, number in signals.items():
        signal_group(group, number)
    if not wait_for_end(signals, seconds):
        for group, number in signals.items():
            signal_group(group, signal.SIGQUIT if number == signal.SIGINT else signal.SIGKILL)
        wait_for_end(signals, 0.5)
        for group in signals:
            signal_group(group, signal.SIGKILL)


def wait_for_end(groups: Iterable[int], seconds: float) -> bool:
    """Wait until none of the groups has a process left; False when `seconds` were not enough."""
    deadline = time.monotonic() + seconds
    while any(is_alive(group) for group in groups):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_alive(group: int) -> bool:
    """Whether the process group still has a member."""
    return signal_group(group, 0)


def signal_group(group: int, number: int) -> bool:
    """Send a signal; False when there is nobody to get it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class Watchdog:
    """The writer's end: starts the process and gives it orders. It lives as long as this object's pipe is open."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[int, int]] = {}
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The watching process."""
        return self._process.pid

    def watch(self, group: int, number: int, stage: int) -> None:
        """Stop this process group with this signal should we die."""
        self._watched[group] = (number, stage)
        self._order(f"watch {group} {number} {stage}")

    def forget(self, group: int) -> None:
        """The group has ended."""
        self._watched.pop(group, None)
        self._order(f"forget {group}")

    def is_alive(self) -> bool:
        """Whether the watching process still runs."""
        return self._process.poll() is None

    def renew(self) -> None:
        """Start the watching process again after somebody killed it."""
        self._let_go()
        self._process = self._start()
        for group, (number, stage) in self._watched.items():
            self._order(f"watch {group} {number} {stage}")

    def close(self) -> None:
        """End the watch; whatever is still watched is stopped now."""
        self._let_go()
        self._process.wait(timeout=4 * GRACE_SECONDS)

    def _let_go(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-S", "-E", str(Path(__file__).resolve())]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/", text=True, start_new_session=True
        )

    def _order(self, text: str) -> None:
        # A killed watchdog is no error here: its owner sees that and renews it with everything watched.
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{text}\n")
                self._process.stdin.flush()


if __name__ == "__main__":
    main()
