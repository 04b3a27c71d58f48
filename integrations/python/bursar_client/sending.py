"""One batch of the spool to the server: what is acknowledged, what is refused for good, and when to try again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .transport import Answer, Transport, Unreachable

USAGE, OUTCOME, RELEASE = b"u", b"o", b"r"
_PLACES = {USAGE: ("/api/usage", "records"), OUTCOME: ("/api/outcomes", "outcomes")}
_TOO_MUCH = (400, 413, 415, 422)
Refuse = Callable[[bytes, list[dict[str, Any]]], None]


class TryLater(Exception):
    """Nothing is lost: the same lines have to be sent again. `wait` is what the server asked for."""

    def __init__(self, why: str, *, wait: float | None = None, is_ours: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.is_ours = is_ours
        """Whether it needs somebody to change something: a wrong key, a wrong address."""


@dataclass
class Counts:
    """What became of the lines of a batch, and the budgets the server told about."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    budgets: list[dict[str, Any]] | None = field(default=None)


def line_of(kind: bytes, body: bytes) -> bytes:
    """A line of the spool: what it is, and the JSON that will be sent, to the byte."""
    return kind + b" " + body


def send(lines: Sequence[bytes], transport: Transport, *, seconds: float, refuse: Refuse) -> Counts:
    """Send lines in order. Records that are refused for good go to `refuse`. Raises TryLater."""
    counts = Counts()
    for kind, group in _by_kind(lines):
        if kind in _PLACES:
            _send_group(kind, group, transport, seconds, refuse, counts)
        elif kind == RELEASE:
            for line in group:
                _release(line, transport, seconds)
        else:
            for line in group:
                refuse(line, [{"code": "unreadable", "message": "This line of the spool is damaged."}])
                counts.refused += 1
    return counts


def _by_kind(lines: Sequence[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """Runs of lines of one kind; a damaged line, which is no JSON object, has the kind of none."""
    run: list[bytes] = []
    kind = b""
    for line in lines:
        this = line[:1] if line[1:3] == b" {" and line.endswith(b"}") else b""
        if run and this != kind:
            yield kind, run
            run = []
        kind = this
        run.append(line)
    if run:
        yield kind, run


def _send_group(
    kind: bytes, lines: list[bytes], transport: Transport, seconds: float, refuse: Refuse, counts: Counts
) -> None:
    path, name = _PLACES[kind]
    body = b'{"' + name.encode() + b'":[' + b",".join(line[2:] for line in lines) + b"]}"
    answer = _answered(transport, path, body, seconds)
    if answer.status == 200:
        _count(answer, lines, refuse, counts)
    elif answer.status in _TOO_MUCH and len(lines) > 1:
        # One of them makes the whole request impossible, or it is too large: halves find which.
        middle = len(lines) // 2
        _send_group(kind, lines[:middle], transport, seconds, refuse, counts)
        _send_group(kind, lines[middle:], transport, seconds, refuse, counts)
    elif answer.status in _TOO_MUCH:
        errors = answer.json().get("errors") or [{"code": str(answer.status), "message": answer.detail}]
        refuse(lines[0], errors)
        counts.refused += 1
    else:
        raise _try_later(answer)


def _count(answer: Answer, lines: list[bytes], refuse: Refuse, counts: Counts) -> None:
    told = answer.json()
    names = ("accepted", "duplicates", "conflicts", "rejected")
    # Only Bursar's own answer counts: a proxy's friendly page with 200 acknowledges nothing.
    if sum(told[name] if isinstance(told.get(name), int) else -len(lines) for name in names) != len(lines):
        raise TryLater("the answer is not Bursar's", is_ours=True)
    counts.accepted += told["accepted"]
    counts.duplicates += told["duplicates"]
    for one in told.get("results", ()):
        if one.get("status") in ("rejected", "conflict"):
            refuse(lines[one["index"]], one.get("errors", []))
            counts.refused += 1
    # A request of which nothing was stored says nothing of budgets.
    if told["accepted"] and isinstance(told.get("budgets"), list):
        counts.budgets = told["budgets"]


def _release(line: bytes, transport: Transport, seconds: float) -> None:
    told = json.loads(line[2:])
    body = json.dumps({"project": told["project"]} if told.get("project") else {}).encode()
    answer = _answered(transport, f"/api/reservations/{quote(str(told['id']), safe='')}/release", body, seconds)
    # 403, 404, 409 and their like: it was settled, released or has expired, or is not ours. Nothing to release then.
    if answer.status in (401, 429) or answer.status >= 500:
        raise _try_later(answer)


def _answered(transport: Transport, path: str, body: bytes, seconds: float) -> Answer:
    try:
        return transport.ask("POST", path, body=body, seconds=seconds)
    except Unreachable as error:
        raise TryLater(str(error)) from error


def _try_later(answer: Answer) -> TryLater:
    is_ours = answer.status < 500 and answer.status != 429
    return TryLater(f"{answer.status}: {answer.detail}", wait=answer.retry_after, is_ours=is_ours)
