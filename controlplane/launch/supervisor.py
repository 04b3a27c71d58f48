"""The process manager of `make run`: starts services, shows their lines, restarts those that die, stops them all."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

from controlplane.launch.console import Console
from controlplane.launch.leftovers import write_record
from controlplane.launch.watchdog import Watchdog, signal_group, wait_for_end

POLL_SECONDS = 0.2
RESTARTS = 5
TROUBLE = re.compile(r"FATAL|PANIC|[Ee]rror\b")
"""In lines that may say why a service dies."""
RESTART_WINDOW_SECONDS = 60.0
STOP_SECONDS = 15.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):
    """Ctrl-C, SIGTERM, a closed terminal, or nobody left to read the output."""


class ServiceFailed(Exception):
    """A service dies again and again, or a step went wrong."""


@dataclass(frozen=True)
class Service:
    """One long-running process. Services of stage 0 start first and stop last."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stage: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    options: Mapping[str, Any] = field(default_factory=dict)
    before_start: Callable[[], object] = lambda: None
    routine: re.Pattern[str] | None = None  # lines nobody needs to see


@dataclass
class Running:
    """A service and its present process."""

    service: Service
    process: "subprocess.Popen[bytes]"
    reader: threading.Thread
    deaths: deque[float] = field(default_factory=deque)
    start_again_at: float | None = None


class Supervisor:
    """Keeps services running until it is told to stop. Children are never left behind: a watchdog outlives a kill."""

    def __init__(self, console: Console, record: Path) -> None:
        self._console = console
        self._record = record
        self._watchdog = Watchdog()
        self._running: dict[str, Running] = {}
        self._last_words: dict[str, str] = {}
        self._stop = threading.Event()
        self._impatient = False

    def listen_for_signals(self) -> None:
        """From now on the usual signals ask for a clean stop; a second one makes it immediate."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)

    def start(self, service: Service) -> None:
        """Start a service; from now on it is restarted when it dies."""
        service.before_start()
        process = self._spawn(service.command, service.environment, service.options, stdout=subprocess.PIPE)
        self._watchdog.watch(process.pid, service.stop_signal, service.stage)
        reader = threading.Thread(target=self._read, args=(service, process.stdout), daemon=True)
        reader.start()
        previous = self._running.get(service.name)
        deaths = previous.deaths if previous else deque()
        self._running[service.name] = Running(service, process, reader, deaths)
        self._write_record()

    def step(self, command: Sequence[str], environment: Mapping[str, str], seconds: float, **options: Any) -> None:
        """Run a command to its end. Raises ServiceFailed when it fails or takes longer than `seconds`."""
        process = self._spawn(command, environment, options)
        self._watchdog.watch(process.pid, signal.SIGTERM, 1)
        try:
            self.wait(lambda: process.poll() is not None, seconds, " ".join(command[-2:]))
        finally:
            if process.poll() is None:
                signal_group(process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
            self._watchdog.forget(process.pid)
        if process.returncode != 0:
            raise ServiceFailed(f"The step failed ({_ending(process.returncode)}).")

    def wait(self, until: Callable[[], bool], seconds: float, what: str) -> None:
        """Look after the services until a condition holds.

        Raises StopRequested, ServiceFailed when a service cannot be kept up or `seconds` have passed.
        """
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                raise ServiceFailed(f"{what} is not ready after {seconds:.0f} s.")
            self._look_after_services()

    def run(self) -> None:
        """Look after the services for ever; ends with StopRequested or ServiceFailed."""
        while True:
            self._look_after_services()

    def stop(self) -> None:
        """Stop everything, stage by stage, each with a deadline; a second signal shortens it to nothing."""
        stages = {running.service.stage for running in self._running.values()}
        for stage in sorted(stages, reverse=True):
            self._stop_stage([running for running in self._running.values() if running.service.stage == stage])
        self._running.clear()
        self._watchdog.close()
        self._record.unlink(missing_ok=True)

    def has_started(self) -> bool:
        """Whether there is any service to stop."""
        return bool(self._running)

    def _look_after_services(self) -> None:
        if self._stop.wait(POLL_SECONDS) or self._console.is_closed:
            raise StopRequested
        if not self._watchdog.is_alive():
            self._watchdog.renew()
        for running in list(self._running.values()):
            self._look_after(running)

    def _look_after(self, running: Running) -> None:
        if running.start_again_at is not None:
            if time.monotonic() >= running.start_again_at:
                self.start(running.service)
            return
        if running.process.poll() is not None:
            self._note_death(running)

    def _note_death(self, running: Running) -> None:
        """Start it again after 0, 1, 2, 4 and 8 seconds; then it is no accident any more."""
        name, now = running.service.name, time.monotonic()
        self._clear(running)
        while running.deaths and running.deaths[0] < now - RESTART_WINDOW_SECONDS:
            running.deaths.popleft()
        running.deaths.append(now)
        ending = _ending(running.process.returncode)
        if len(running.deaths) > RESTARTS:
            words = f" It said: {said}" if (said := self._last_words.get(name)) else ""
            raise ServiceFailed(f"{name} died {len(running.deaths)} times within a minute, last with {ending}.{words}")
        delay = 0 if len(running.deaths) == 1 else 2 ** (len(running.deaths) - 2)
        running.start_again_at = now + delay
        self._console.service_line("bursar", f"{name} has died ({ending}); starting it again")

    def _stop_stage(self, stage: list[Running]) -> None:
        stage = [running for running in stage if running.start_again_at is None]
        alive = [running for running in stage if running.process.poll() is None]
        for running in alive:
            signal_group(running.process.pid, running.service.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        while any(running.process.poll() is None for running in alive):
            if self._impatient or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        for running in stage:
            self._end(running)

    def _end(self, running: Running) -> None:
        if running.process.poll() is None:
            self._console.service_line("bursar", f"{running.service.name} does not stop; killing it")
            # PostgreSQL ends at once on SIGQUIT and cleans up its memory; the others do not know it.
            last = signal.SIGQUIT if running.service.stop_signal == signal.SIGINT else signal.SIGKILL
            signal_group(running.process.pid, last)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.process.wait(5)
        self._clear(running)

    def _clear(self, running: Running) -> None:
        """Nothing of the service's process group outlives it."""
        signal_group(running.process.pid, signal.SIGKILL)
        running.process.wait()
        wait_for_end([running.process.pid], 2)
        self._watchdog.forget(running.process.pid)
        running.reader.join(2)

    def _spawn(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        options: Mapping[str, Any],
        stdout: int | None = None,
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT if stdout is not None else None,
            start_new_session=True,
            **options,
        )

    def _read(self, service: Service, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = raw.decode(errors="replace").rstrip()
                if line and (service.routine is None or not service.routine.match(line)):
                    self._console.service_line(service.name, line)
                    if TROUBLE.search(line):
                        self._last_words[service.name] = line

    def _write_record(self) -> None:
        running = self._running.values()
        write_record(self._record, [(r.process.pid, r.service.stop_signal, r.service.stage) for r in running])

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            self._impatient = True
        self._stop.set()


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"signal {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"


def virtual_environment() -> dict[str, str]:
    """The environment for children: ours, with this Python's programs first and output unbuffered."""
    programs = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}", "PYTHONUNBUFFERED": "1"}
