"""A server that speaks the contract, and clients of it that are closed at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bursar_client import Client

from tests.integrations.server import KEY, Fake, serving

QUICK: dict[str, Any] = {
    "linger": 0.0,
    "longest_wait": 0.1,
    "sync_every": 0.05,
    "at_exit": 0.0,
    "decision_timeout": 5.0,
}
MakeClient = Callable[..., Client]


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A server that is there."""
    with serving(Fake()) as state:
        yield state


@pytest.fixture
def away() -> Fake:
    """A server that is not there yet: `with serving(away)` starts it on the port it will have."""
    with serving(Fake()) as state:
        pass
    return state


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[MakeClient]:
    """Makes clients whose spool is a folder of the test."""
    made: list[Client] = []

    def make(server: Fake, key: str = KEY, **limits: Any) -> Client:
        made.append(Client(server.url, key, spool=tmp_path / "spool", **{**QUICK, **limits}))
        return made[-1]

    yield make
    for client in made:
        client.close(0)
