"""Agents that never lose a record: each batch is sent until it is acknowledged, with the same ids every time."""

import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

BATCH = 100
PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 20.0


@dataclass
class Story:
    """What one client lived through. `failures` holds (when, seconds it took, status or exception's name)."""

    acknowledged: dict[str, Decimal] = field(default_factory=dict)
    acks: list[float] = field(default_factory=list)
    failures: list[tuple[float, float, int | str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Agent(threading.Thread):
    """Sends batches one after another until told to stop; now and then an acknowledged one again."""

    def __init__(self, number: int, port: int, key: str, enough: Callable[[], bool]) -> None:
        super().__init__(name=f"agent-{number}", daemon=True)
        self.story = Story()
        self._dice = random.Random(number)
        self._number = number
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._enough = enough
        self._connection: http.client.HTTPConnection | None = None
        self._sent: list[dict[str, Any]] = []

    def run(self) -> None:
        try:
            self._report()
        finally:
            self._hang_up()

    def _report(self) -> None:
        while not self._enough():
            if self._sent and self._dice.random() < 0.1:
                self._expect(self._deliver(self._sent), accepted=0, duplicates=BATCH)
                continue
            self._sent = [self._record() for _ in range(BATCH)]
            told = self._deliver(self._sent)
            self._expect(told, accepted=None, duplicates=None)
            if told is not None:
                self.story.acknowledged |= {record["id"]: _cost(record) for record in self._sent}
                self.story.acks.append(time.monotonic())

    def _deliver(self, records: list[dict[str, Any]]) -> dict[str, Any] | None:
        body = json.dumps({"records": records})
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            begin = time.monotonic()
            status, answer, retry_after = self._try(body)
            if status == 200:
                return dict(json.loads(answer))
            self.story.failures.append((begin, time.monotonic() - begin, status))
            if isinstance(status, int) and (status != 503 or not retry_after):
                self.story.wrong.append(f"{status} {retry_after}: {answer[:200]!r}")
            time.sleep(PAUSE_SECONDS)
        self.story.wrong.append("a batch was not acknowledged within 120 s")
        return None

    def _try(self, body: str) -> tuple[int | str, bytes, str | None]:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
            self._connection.request("POST", "/api/usage", body, self._headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read(), answer.headers["Retry-After"]
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            return type(error).__name__, b"", None

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _expect(self, told: dict[str, Any] | None, *, accepted: int | None, duplicates: int | None) -> None:
        if told is None:
            return
        whole = told["accepted"] + told["duplicates"] == BATCH
        as_expected = accepted in (None, told["accepted"]) and duplicates in (None, told["duplicates"])
        # A batch is one transaction: it was stored whole before, or not at all.
        if not whole or told["accepted"] not in (0, BATCH) or not as_expected:
            self.story.wrong.append(f"expected {accepted} new and {duplicates} old: {told}")

    def _record(self) -> dict[str, Any]:
        dice = self._dice
        record = {
            "id": str(uuid.UUID(int=dice.getrandbits(128))),
            "occurred_at": (datetime.now(UTC) - timedelta(seconds=dice.randrange(3600))).isoformat(),
            "provider": "openai",
            "model": "gpt-4.1",
            "agent": f"agent-{self._number % 3}",
            "user": f"user-{dice.randrange(20)}",
            "conversation_id": f"c{dice.randrange(50)}",
            "input_tokens": dice.randrange(10_000),
            "output_tokens": dice.randrange(1_000),
            "latency_ms": dice.randrange(20_000),
        }
        if dice.random() < 0.2:
            record["tool"] = f"tool-{dice.randrange(5)}"
        if dice.random() < 0.3:
            record["tags"] = {"team": f"t{dice.randrange(4)}"}
        return record


def _cost(record: dict[str, Any]) -> Decimal:
    """By the small price book: 2 $/M in, 8 $/M out."""
    return Decimal(2 * record["input_tokens"] + 8 * record["output_tokens"]).scaleb(-6)


def wait_for_all(agents: list[Agent], seconds: float) -> None:
    """Wait until every agent has ended. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    for agent in agents:
        agent.join(max(0.0, deadline - time.monotonic()))
        if agent.is_alive():
            raise TimeoutError(f"{agent.name} is still sending after {seconds} s")
