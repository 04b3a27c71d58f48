"""One attempt at a model call: what is measured of it, and the record that is reported, once, whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import plane, tally
from .errors import error_type, status_of
from .options import Options

TAG = "bursar_call"
Count = Callable[[str], int]


@dataclass(frozen=True)
class Call:
    """What all attempts of one call share. `known` are fields of the record: agent, role, task type, and so on."""

    options: Options
    known: Mapping[str, Any]
    count: Count
    prompt: Callable[[], str]
    reservation: str | None = None
    """What the decision holds for it: the last attempt's record settles it."""


@dataclass
class Attempt:
    """Measures, and reports when the provider's counts arrive or their time is over."""

    call: Call
    id: str
    model: tuple[str, str]
    number: int = 1
    is_final: bool = True
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    answer: str = ""
    first_token_at: float | None = None
    _began: float = field(default_factory=time.monotonic)
    _took_ms: int | None = None
    _ended: dict[str, Any] | None = None
    _usage: dict[str, Any] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_told: bool = False

    def chunk(self, full: str) -> None:
        """A piece of the answer came; `full` is the answer so far."""
        if self.first_token_at is None:
            self.first_token_at = time.monotonic()
        self.answer = full or self.answer

    def usage(self, fields: Mapping[str, Any]) -> None:
        """The provider's own counts. They may come before the call returns, or after."""
        if not fields:
            return
        with self._lock:
            self._usage = dict(fields)
        if self._ended is not None:
            self._tell()

    def end(self, error: BaseException | None = None, *, is_final: bool = True) -> None:
        """The call is over. Reports now if the counts are there, else waits for them in the background.

        `is_final` is false where another attempt follows.
        """
        self.is_final = is_final
        self._took_ms = round((time.monotonic() - self._began) * 1000)
        status = {"status": "ok"} if error is None else {"status": status_of(error), "error_type": error_type(error)}
        with self._lock:
            self._ended = status
        waits = error is None or self.first_token_at is not None
        if self._usage is not None or not waits:
            self._tell()
            return
        waiting()[self.id] = self
        timer = threading.Timer(self.call.options.usage_seconds, self._tell)
        timer.daemon = True
        timer.start()

    def _tell(self) -> None:
        with self._lock:
            if self._is_told or self._ended is None:
                return
            self._is_told = True
        try:
            record = self.record()
            tally.add(record)
            plane.report(self.call.options, record)
        except Exception:
            plane.logger.exception("A model call could not be reported.")
        finally:
            # Not before: whoever waits for what is under way may end the process then.
            waiting().pop(self.id, None)

    def record(self) -> dict[str, Any]:
        """The usage record; counts are an estimate where the provider sent none."""
        provider, name = self.model
        counts = self._usage if self._usage is not None else self._estimate()
        first = self.first_token_at
        held = {"reservation_id": self.call.reservation, "reservation_final": self.is_final}
        return {
            **self.call.known,
            **(held if self.call.reservation else {}),
            "id": self.id,
            "occurred_at": self.occurred_at.isoformat(),
            "provider": provider,
            "model": name,
            "attempt": self.number,
            "latency_ms": self._took_ms,
            "time_to_first_token_ms": None if first is None else round((first - self._began) * 1000),
            **(self._ended or {}),
            **counts,
        }

    def _estimate(self) -> dict[str, Any]:
        """Nothing was answered: nothing is known to have been billed but the prompt of an answer that began."""
        if self._ended and self._ended["status"] == "error" and self.first_token_at is None:
            return {"input_tokens": 0, "output_tokens": 0, "usage_source": "estimate"}
        return {
            "input_tokens": self.call.count(self.call.prompt()),
            "output_tokens": self.call.count(self.answer),
            "usage_source": "estimate",
        }


def release(call: Call) -> None:
    """Give back what is held for a call of which no attempt follows."""
    try:
        if call.reservation and (found := plane.client(call.options)) is not None:
            found.release(call.reservation)
    except Exception:
        plane.logger.exception("What a decision holds could not be given back; its time will end.")


def waiting() -> dict[str, Attempt]:
    """Attempts whose counts may still come, by their id. Kept over a reload of the plugin, as the tap is."""
    found: dict[str, Attempt] = plane.kept().setdefault("waiting", {})
    return found
