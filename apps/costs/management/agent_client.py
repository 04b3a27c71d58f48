"""A small client of the usage API for the simulated fleet: what an agent's own client does, and no more.

A batch that got no answer is sent again as it is: ids make that harmless.
"""

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

TRIES = 6
LONGEST_WAIT = 10.0
TIMEOUT = 30.0
_AGAIN = (429, 502, 503, 504)
COUNTED = ("accepted", "duplicates", "conflicts", "rejected", "unpriced")


class NoAnswer(Exception):
    """The API cannot be reached, or refuses the whole request; the message is for a person."""


class AgentClient:
    """Posts usage to one installation and adds up the answers. One connection, kept alive.

    Raises ValueError when the address is not http:// or https://.
    """

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not an address like http://127.0.0.1:8000")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.hostname, parts.port, timeout=TIMEOUT)
        self.path, self.url, self.sleep = f"{parts.path.rstrip('/')}/api/usage", url, sleep
        self.counts: Counter[str] = Counter()
        self.cost_usd = Decimal(0)
        self.refusals: list[str] = []

    def post(self, records: Sequence[dict[str, Any]], key: str) -> None:
        """Send one batch, at most 1,000 records. Raises NoAnswer after the last try, or for a refusal of all."""
        body = json.dumps({"records": list(records)}).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        for attempt in range(1, TRIES + 1):
            status, wait, answer = self._send(body, headers)
            if status == 200:
                self._add(json.loads(answer))
                return
            if status not in (0, *_AGAIN):
                raise NoAnswer(f"{self.url} answered {status}: {_detail(answer)}")
            if attempt < TRIES:
                self.sleep(min(wait or 0.5 * 2 ** (attempt - 1), LONGEST_WAIT))
        why = f"answered {status}" if status else f"cannot be reached: {answer.decode()}"
        raise NoAnswer(f"{self.url} {why}. Is Bursar running there? `make run` starts it; --url names another address.")

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    def _send(self, body: bytes, headers: dict[str, str]) -> tuple[int, float, bytes]:
        """Status, seconds to wait and body of the answer; status 0 when there was none."""
        try:
            self.connection.request("POST", self.path, body, headers)
            answer = self.connection.getresponse()
            wait = answer.getheader("Retry-After", "")
            return answer.status, float(wait) if wait.isdecimal() else 0.0, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return 0, 0.0, str(error).encode()

    def _add(self, answer: dict[str, Any]) -> None:
        self.counts.update({name: answer[name] for name in COUNTED})
        self.cost_usd += Decimal(answer["cost_usd"])
        for one in answer["results"]:
            if one["status"] == "rejected":
                self.refusals.append(f"{one['id']}: {one['errors'][0]['message']}")


def _detail(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["detail"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"
