"""Accepts lines in microseconds, and gets them to the server however long that takes.

`accept` writes a line into the page cache, from where no kill of the process can take it, and returns. Two threads do
the rest: the keeper syncs, prunes and takes over what dead processes left; the sender talks to the server.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import forks
from .sending import RELEASE, Counts, TryLater, line_of, send
from .settings import Settings
from .spool import Dropped, Spool, note
from .transport import Transport

logger = logging.getLogger("bursar_client")
# The interpreter lets a thread wait for 5 ms for its turn, and a busy machine for longer, now and then. A disk is slow
# when it takes long several times in a row.
SLOW_WRITE_SECONDS = 0.02
SLOW_WRITES = 3
SLOW_DISK_SECONDS = 10.0
ADOPT_EVERY = 30.0
FIRST_WAIT = 0.5
OURS_WAIT = 30.0


@dataclass(frozen=True)
class Stats:
    """What became of everything that was accepted, since the process started."""

    accepted: int
    """By `report` and `outcome`."""
    stored: int
    """Acknowledged as new by the server."""
    duplicates: int
    """Acknowledged as already stored: harmless repeats."""
    refused: int
    """Kept in `refused.jsonl` with the reasons; never sent again."""
    dropped: int
    """Lost because the disk limit, or memory while the disk was away, was reached; each loss is logged."""
    waiting: int
    """On disk or in memory, still to be sent."""
    last_error: str
    """Why the last try to send failed; empty once one worked."""


class Reporter:
    """The background of a client. Nothing here raises into the agent."""

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.budgets: list[dict[str, Any]] = []
        """As the server told them with the last acknowledged batch; empty before."""
        self._begin()
        _reporters.add(self)
        forks.remember(self)

    def accept(self, kind: bytes, body: Mapping[str, Any]) -> None:
        """Take one record. Raises ValueError or TypeError for what is not JSON."""
        line = line_of(kind, json.dumps(body, allow_nan=False, separators=(",", ":")).encode())
        if not self._is_running:
            self.start()
        with self._counting:
            self._accepted += kind != RELEASE
            self._waiting += 1
        if self._spool is None or self._memory or time.monotonic() < self._slow_until or not self._write(line):
            self._remember(line)
        if not self._wake.is_set():
            self._wake.set()
        if self._waiting >= self.settings.batch_records and not self._hurry.is_set():
            self._hurry.set()

    def refuse(self, line: bytes, errors: list[dict[str, Any]]) -> None:
        """Keep a refused record beside the spool; each kind of reason is logged once."""
        with self._counting:
            self._refused += 1
        first = errors[0] if errors else {}
        reason = (str(first.get("path", "")), str(first.get("code", "")))
        path = self.settings.spool_folder / "refused.jsonl"
        if reason not in self._reasons:
            self._reasons.add(reason)
            logger.error(
                "Bursar refused a record: %s It and others refused for this are kept in %s.",
                first.get("message") or "no reason is given.", path,
            )  # fmt: skip
        try:
            record: Any = json.loads(line[2:])
        except ValueError:
            record = line.decode(errors="replace")
        with contextlib.suppress(OSError), self._noting:
            note(path, {"record": record, "errors": errors}, self.settings.refused_max_bytes)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was accepted before has been answered. False when time ran out."""
        deadline = time.monotonic() + seconds
        self._now.set()
        with self._progress:
            while (
                self._waiting > 0
                and any(one.is_alive() for one in self._threads)
                and (left := deadline - time.monotonic()) > 0
            ):
                self._wake.set()
                self._hurry.set()
                self._progress.wait(min(left, 0.05))
        return self._waiting <= 0

    def close(self, seconds: float) -> bool:
        """Flush, stop the threads, let go of the spool. A later record starts all of it again."""
        if not self._is_running:
            self.transport.close()
            return True
        is_done = self.flush(seconds)
        self._stop.set()
        for event in (self._wake, self._hurry, self._now, self._filled):
            event.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=1.0)
        self._empty_memory()
        with contextlib.suppress(OSError):
            if self._spool is not None:
                self._spool.close()
        if self._memory:
            logger.error("The spool cannot be written, so %d records end with this process.", len(self._memory))
        self.transport.close()
        self._begin_threads()
        return is_done

    def stats(self) -> Stats:
        """The counts so far."""
        return Stats(self._accepted, self._stored, self._duplicates, self._refused, self._dropped,
                     max(0, self._waiting), self._last_error)  # fmt: skip

    def _begin(self) -> None:
        self._accepted = self._stored = self._duplicates = self._refused = self._dropped = self._waiting = 0
        self._last_error = ""
        self._told_away = self._told_no_spool = False
        self._reasons: set[tuple[str, str]] = set()
        self._memory: deque[bytes] = deque()
        self._starting, self._counting = threading.Lock(), threading.Lock()
        self._writing, self._noting = threading.Lock(), threading.Lock()
        self._progress = threading.Condition()
        self._begin_threads()

    def _begin_threads(self) -> None:
        self._is_running = False
        self._slow_until, self._slow_writes = 0.0, 0
        self._spool: Spool | None = None
        self._threads: list[threading.Thread] = []
        self._stop, self._wake = threading.Event(), threading.Event()
        self._hurry, self._now, self._filled = threading.Event(), threading.Event(), threading.Event()

    def start(self) -> None:
        """Open the spool and start both threads, unless they run."""
        with self._starting:
            if self._is_running:
                return
            self.transport.open()
            self._open_spool()
            # What an earlier run of this client left on disk is counted again when it is taken over.
            self._waiting = len(self._memory)
            stop = self._stop
            self._threads = [
                threading.Thread(target=self._keep, args=(stop,), name="bursar-keeper", daemon=True),
                threading.Thread(target=self._send_all, args=(stop,), name="bursar-sender", daemon=True),
            ]
            try:
                for thread in self._threads:
                    thread.start()
            except RuntimeError as error:
                # The interpreter is ending: the record still reaches the disk, and the next start sends it.
                logger.warning("Records wait for the next start of the agent: %s.", error)
            self._is_running = True

    def _open_spool(self) -> None:
        try:
            self._spool = Spool(self.settings.spool_folder, self.settings.spool_max_bytes)
        except OSError as error:
            if not self._told_no_spool:
                self._told_no_spool = True
                logger.error("The spool cannot be opened (%s): up to %d records are kept in memory alone.",
                             error, self.settings.memory_records)  # fmt: skip

    def _write(self, line: bytes) -> bool:
        begin = time.perf_counter()
        try:
            self._spool.writer.append(line)  # type: ignore[union-attr]
        except OSError as error:
            if not self._memory:
                logger.error("The spool cannot be written (%s): records are kept in memory for now.", error)
            return False
        is_slow = time.perf_counter() - begin > SLOW_WRITE_SECONDS
        self._slow_writes = self._slow_writes + 1 if is_slow else 0
        if self._slow_writes >= SLOW_WRITES:
            self._slow_until, self._slow_writes = time.monotonic() + SLOW_DISK_SECONDS, 0
        return True

    def _remember(self, line: bytes) -> None:
        self._memory.append(line)
        if not self._filled.is_set():
            self._filled.set()
        if len(self._memory) > self.settings.memory_records:
            self._empty_memory()
        lost = 0
        while len(self._memory) > self.settings.memory_records:
            with contextlib.suppress(IndexError):
                self._memory.popleft()
                lost += 1
        if lost:
            with self._counting:
                if self._dropped == 0:
                    logger.error("Memory for %d records is full while the disk is away: the oldest are being dropped.",
                                 self.settings.memory_records)  # fmt: skip
                self._dropped += lost
                self._waiting -= lost

    def _empty_memory(self) -> None:
        """Move what is in memory to the disk, in order, if it can be written by now."""
        with self._writing:
            while self._memory and self._spool is not None:
                with contextlib.suppress(IndexError):
                    line = self._memory.popleft()
                    try:
                        self._spool.writer.append(line)
                    except OSError:
                        self._memory.appendleft(line)
                        return

    def _keep(self, stop: threading.Event) -> None:
        adopt_at = 0.0
        while not stop.is_set():
            with _logged("keeping the spool"):
                if self._spool is None:
                    self._open_spool()
                self._empty_memory()
                if self._spool is not None:
                    if time.monotonic() >= adopt_at:
                        adopt_at = time.monotonic() + ADOPT_EVERY
                        self._adopt(self._spool)
                    self._spool.writer.sync()
                    for dropped in self._spool.prune():
                        self._tell_dropped(dropped)
            if self._memory:
                stop.wait(0.05)
            else:
                self._filled.wait(self.settings.sync_every)
                self._filled.clear()

    def _adopt(self, spool: Spool) -> None:
        if added := spool.adopt():
            with self._counting:
                self._waiting += added
            logger.info("Sending %d records that another process left.", added)
            self._wake.set()

    def _tell_dropped(self, dropped: Dropped) -> None:
        with self._counting:
            self._dropped += dropped.lines
            self._waiting -= dropped.lines
        limit = self.settings.spool_max_bytes
        logger.error("The spool is over its limit of %d bytes: the oldest %d records were dropped, from %s to %s.",
                     limit, dropped.lines, dropped.first, dropped.last)  # fmt: skip
        entry = {"dropped": dropped.lines, "bytes": dropped.bytes, "first": dropped.first, "last": dropped.last}
        with contextlib.suppress(OSError):
            note(self.settings.spool_folder / "dropped.jsonl", entry, self.settings.refused_max_bytes)

    def _send_all(self, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            self._wake.wait()
            if stop.is_set():
                return
            self._hurry.wait(self.settings.linger)
            self._wake.clear()
            self._hurry.clear()
            self._now.clear()
            wait = 0.0
            try:
                while not stop.is_set() and self._send_one():
                    failures = 0
            except TryLater as reason:
                failures += 1
                wait = self._pause(reason, failures)
            except Exception as error:  # whatever it is, the lines are on disk and the next try may work
                failures += 1
                logger.exception("A batch could not be sent.")
                wait = self._pause(TryLater(repr(error)), failures)
            if wait:
                self._wake.set()
                self._now.wait(wait)
                self._now.clear()

    def _send_one(self) -> bool:
        """Send one batch. False when there was none. Raises TryLater."""
        self._empty_memory()
        spool = self._spool
        if spool is None:
            return self._send_from_memory()
        taken = spool.take(self.settings.batch_records, self.settings.batch_bytes)
        if taken is None:
            return False
        try:
            counts = send(taken.lines, self.transport, seconds=self.settings.timeout, refuse=self.refuse)
        except BaseException:
            spool.given_back()
            raise
        spool.done(taken)
        self._count(counts, len(taken.lines))
        return True

    def _send_from_memory(self) -> bool:
        """Without any disk: better from memory than not at all."""
        lines = list(self._memory)[: self.settings.batch_records]
        if not lines:
            return False
        counts = send(lines, self.transport, seconds=self.settings.timeout, refuse=self.refuse)
        # What was dropped, or moved to the disk, while it was on its way is not waited for here any more.
        answered = 0
        for line in lines:
            with contextlib.suppress(ValueError):
                self._memory.remove(line)
                answered += 1
        self._count(counts, answered)
        return True

    def _count(self, counts: Counts, lines: int) -> None:
        # Before the count: whoever waits for it may look at the budgets at once.
        if counts.budgets is not None:
            self.budgets = counts.budgets
        with self._counting:
            self._stored += counts.accepted
            self._duplicates += counts.duplicates
            self._waiting -= lines
        if self._told_away:
            logger.warning("Bursar answers again; %d records are on their way.", max(0, self._waiting))
        self._last_error, self._told_away = "", False
        with self._progress:
            self._progress.notify_all()

    def _pause(self, reason: TryLater, failures: int) -> float:
        """Seconds until the next try: doubling, spread at random, at least what the server asked for."""
        if not self._told_away:
            logger.warning("Bursar does not take records (%s). They are kept and sent later.", reason)
        self._last_error, self._told_away = str(reason), True
        most = min(self.settings.longest_wait, FIRST_WAIT * 2.0 ** min(failures - 1, 20))
        wait = random.uniform(most / 2, most)
        if reason.is_ours:
            wait = max(wait, min(OURS_WAIT, self.settings.longest_wait))
        return max(wait, min(reason.wait or 0.0, 300.0))

    def after_fork(self) -> None:
        """In the child: the threads are gone, and spool, locks and connections are the parent's."""
        if self._spool is not None:
            self._spool.abandon()
        self.transport.abandon()
        self._begin()


class _logged(contextlib.AbstractContextManager[None]):
    """Goes on after any error, once it is logged: a thread that dies would be silence."""

    def __init__(self, doing: str) -> None:
        self.doing = doing

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            logger.error("While %s: %r", self.doing, error)
            return True
        return False


_reporters: weakref.WeakSet[Reporter] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for reporter in list(_reporters):
        with contextlib.suppress(Exception):
            reporter.close(reporter.settings.at_exit)
