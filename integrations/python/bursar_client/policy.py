"""The routing policy of the server, kept for as long as it holds, on disk too, and what it says without the server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .fields import Decision, Model, as_model
from .transport import Transport, Unreachable


@dataclass(frozen=True)
class Config:
    """`GET /api/routing/config`. `raw` has all of it, with the names of the agent's own settings."""

    raw: Mapping[str, Any]
    etag: str

    @property
    def version(self) -> int:
        """Counts the changes of the policy."""
        return int(self.raw.get("version", 0))

    @property
    def ttl(self) -> float:
        """Seconds it may be used without asking again."""
        value = self.raw.get("ttl_s")
        return float(value) if isinstance(value, int | float) else 60.0

    @property
    def on_unreachable(self) -> Literal["open", "closed"]:
        """Whether an agent goes on without the server; "closed" only when the operator says so."""
        return "closed" if self.raw.get("on_unreachable") == "closed" else "open"


class Policies:
    """The last config: in memory for its ttl, on disk for when the server is away. Safe in threads."""

    def __init__(self, transport: Transport, folder: Path, seconds: float, whose: Mapping[str, str]) -> None:
        self._transport, self._seconds, self._whose = transport, seconds, whose
        # Projects and agents may have policies of their own, and share a key.
        mark = hashlib.sha256(json.dumps(whose, sort_keys=True).encode()).hexdigest()[:8]
        self._file = folder / f"config-{mark}.json"
        self._config: Config | None = None
        self._fresh_until = 0.0
        self._has_read_file = False
        self.lock = threading.Lock()

    def last(self) -> Config | None:
        """The last config that was ever received, also by an earlier process; None if there was none."""
        if self._config is None and not self._has_read_file:
            self._has_read_file = True
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                kept = json.loads(self._file.read_text(encoding="utf-8"))
                self._config = Config(dict(kept["config"]), str(kept["etag"]))
        return self._config

    @property
    def is_fresh(self) -> bool:
        """Whether the last config still holds by its ttl."""
        return self._config is not None and time.monotonic() < self._fresh_until

    def ask(self) -> Config | None:
        """The config as the server has it now; one that has not changed costs it a 304. Raises Unreachable."""
        known = self.last()
        headers = {"If-None-Match": known.etag} if known and known.etag else {}
        answer = self._transport.ask(
            "GET", "/api/routing/config", seconds=self._seconds, query=self._whose, headers=headers
        )
        if answer.status == 304 and known is not None:
            self._fresh_until = time.monotonic() + known.ttl
            return known
        raw = answer.json()
        if answer.status != 200 or "model_routing_enabled" not in raw:
            raise Unreachable(f"{answer.status}: {answer.detail}")
        config = Config(raw, answer.headers.get("etag", ""))
        with self.lock:
            self._config, self._fresh_until = config, time.monotonic() + config.ttl
            self._keep(config)
        return config

    def _keep(self, config: Config) -> None:
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            building = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            building.write_text(json.dumps({"etag": config.etag, "config": config.raw}), encoding="utf-8")
            building.replace(self._file)


def decide_alone(config: Config | None, question: Mapping[str, Any], why: str) -> Decision:
    """The server is away: a pinned model stays, else the default tier of the last config, else the agent's own."""
    pinned, current = as_model(question.get("pinned")), as_model(question.get("current"))
    if config is not None and config.on_unreachable == "closed":
        reason = f"Bursar cannot be reached ({why}), and its policy is to wait for it."
        return Decision("block", current, reason_code="unreachable_closed", reason=reason, source="config")
    own = Decision("keep", pinned or current, reason_code="unreachable", source="agent",
                   reason=f"Bursar cannot be reached ({why}); the agent keeps its own model.")  # fmt: skip
    if pinned or config is None or config.raw.get("model_routing_enabled") is not True:
        return own
    models = _usable(config, question)
    if not models or current in models:
        return own
    tier = str(config.raw.get("default_tier"))
    reason = f"Bursar cannot be reached ({why}); by its last config calls go to the tier {tier}."
    return Decision("route", models[0], tuple(models[1:]), "unreachable", reason, "config", tier=tier)


def _usable(config: Config, question: Mapping[str, Any]) -> list[Model]:
    """The models of the default tier that are healthy and can do what the call needs, in the operator's order."""
    tiers = config.raw.get("model_tiers")
    tier = tiers.get(config.raw.get("default_tier")) if isinstance(tiers, Mapping) else None
    entries = tier.get("models") if isinstance(tier, Mapping) else None
    needs = set(question.get("requires") or ())
    failed = {(one.get("provider"), one.get("name")) for one in question.get("failed_attempts") or ()}
    wanted = max(int(question.get("context_tokens") or 0), int(question.get("input_tokens") or 0))
    found = []
    for entry in entries if isinstance(entries, list) else ():
        model = as_model(entry)
        window = entry.get("context_window") if model else None
        if model is None or entry.get("healthy") is False or (model.provider, model.name) in failed:
            continue
        if needs <= set(entry.get("supports") or ()) and not (window and wanted > window):
            found.append(model)
    return found
