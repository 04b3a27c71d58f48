"""What a client can be told, with the defaults and the variables they are read from."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """All limits of a client. Seconds unless the name says otherwise."""

    url: str
    key: str
    project: str | None = None
    agent: str | None = None
    spool: Path | None = None
    """Where accepted records wait; unset, a folder of the user's state directory."""
    spool_max_bytes: int = 256 << 20
    """On disk, over all processes that share the folder; beyond it the oldest records are dropped, and told."""
    refused_max_bytes: int = 16 << 20
    """Of the file of refused records; a full one is kept once as `refused.jsonl.1`."""
    memory_records: int = 10_000
    """Kept in memory while the disk cannot be written or is slow; beyond it the oldest are dropped, and told."""
    batch_records: int = 1000
    batch_bytes: int = 1 << 20
    linger: float = 0.5
    """How long the first record waits for others before it is sent."""
    sync_every: float = 1.0
    """How often the spool is flushed to the disk itself: what a power failure may cost. A kill costs nothing."""
    timeout: float = 15.0
    """For reports, which nobody waits for."""
    decision_timeout: float = 0.3
    """For what an agent waits for: decisions, config, budgets, reservations."""
    longest_wait: float = 60.0
    """Between two tries to reach a server that is away."""
    at_exit: float = 2.0
    """How long a process that ends tries to send; the rest waits on disk for the next one."""

    @property
    def is_complete(self) -> bool:
        """Whether there is a server to talk to."""
        return bool(self.url and self.key)

    @property
    def spool_folder(self) -> Path:
        """The folder for this server and key: another key may write elsewhere, so their records never mix."""
        mark = hashlib.sha256(f"{self.url}\n{self.key}".encode()).hexdigest()[:16]
        return (self.spool or default_spool()) / mark


def default_spool() -> Path:
    """`BURSAR_SPOOL`, else `bursar` in the user's state directory, else in the temporary one."""
    if named := os.environ.get("BURSAR_SPOOL"):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    if os.path.isabs(state):
        return Path(state) / "bursar"
    return Path(tempfile.gettempdir()) / "bursar"


def url_and_key(url: str | None, key: str | None) -> tuple[str, str]:
    """What was given, else `BURSAR_URL` and `BURSAR_KEY`."""
    return (url or os.environ.get("BURSAR_URL", "")).rstrip("/"), key or os.environ.get("BURSAR_KEY", "")
