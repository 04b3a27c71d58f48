"""What a person sees while Bursar starts and runs: steps with their time, and every service's lines under its name."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

COLOURS = {"postgres": 36, "web": 32, "worker": 33, "beat": 35, "bursar": 1}
NAME_WIDTH = 8
DOT_SECONDS = 1.0


class Console:
    """Writes whole lines, from any thread. A step keeps its line open until it ends."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._line_is_open = False
        self.is_closed = False
        self._coloured = self._stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str = "") -> None:
        """Write one line."""
        with self._lock:
            self._end_open_line()
            self._write(f"{text}\n")

    def service_line(self, name: str, text: str) -> None:
        """Write one line of a service under its name."""
        label = f"{name:<{NAME_WIDTH}} |"
        if self._coloured:
            label = f"\033[{COLOURS.get(name, 0)}m{label}\033[0m"
        self.line(f"{label} {text}")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say what begins, put a dot behind it every second, and say how long it took."""
        started = time.monotonic()
        with self._lock:
            self._end_open_line()
            self._write(f"{text} …")
            self._line_is_open = True
        ended = threading.Event()
        dots = threading.Thread(target=self._dots, args=(ended,), daemon=True)
        dots.start()
        outcome = "stopped after"
        try:
            yield
            outcome = "done in"
        finally:
            ended.set()
            dots.join()
            self._end_step(text, f"{outcome} {time.monotonic() - started:.1f} s")

    def _dots(self, ended: threading.Event) -> None:
        while not ended.wait(DOT_SECONDS):
            with self._lock:
                if self._line_is_open:
                    self._write(".")

    def _end_step(self, text: str, outcome: str) -> None:
        with self._lock:
            self._write(f" {outcome}\n" if self._line_is_open else f"{text} … {outcome}\n")
            self._line_is_open = False

    def _end_open_line(self) -> None:
        if self._line_is_open:
            self._write("\n")
            self._line_is_open = False

    def _write(self, text: str) -> None:
        """Once nobody reads any more, nothing is written; the services must still be stopped in order."""
        if self.is_closed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self.is_closed = True
