"""A provider on this machine, and a Bursar client that keeps what it is told instead of sending it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bursar_client import Client
from bursar_client.sending import USAGE
from sdk_tests.provider import Provider, providing

Records = list[dict[str, Any]]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as one:
        yield one


@pytest.fixture
def records() -> Records:
    """What was reported, without the fields that differ from run to run."""
    return []


@pytest.fixture
def bursar(records: Records, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client whose reports end in `records`."""
    client = Client("http://127.0.0.1:9", "bsr_test", spool=tmp_path, agent="support")

    def accept(kind: bytes, body: dict[str, Any]) -> None:
        assert kind == USAGE
        assert body.pop("id")
        assert body.pop("occurred_at")
        assert body.pop("latency_ms") >= 0
        assert body.pop("agent") == "support"
        records.append(body)

    monkeypatch.setattr(client._reporter, "accept", accept)
    return client


MakeExpected = Callable[..., dict[str, Any]]
