"""Tool executions: one record each. One that raised has no end: it is told as failed when the next begins."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from . import plane, zero
from .routing import known_of

RUNNING = "bursar_tool"


def begin(agent: Any, name: str) -> None:
    """A tool starts. One that never ended has failed."""
    if agent.get_data(RUNNING):
        _report(agent, failed=True)
    agent.set_data(RUNNING, (name, time.monotonic(), datetime.now(UTC).isoformat()))


def end(agent: Any, name: str) -> None:
    """It returned. The tool may have been a subordinate's whole work."""
    zero.working(agent)
    running = agent.get_data(RUNNING)
    if running and running[0] == name:
        _report(agent, failed=False)


def _report(agent: Any, *, failed: bool) -> None:
    name, began, occurred_at = agent.get_data(RUNNING)
    agent.set_data(RUNNING, None)
    options = zero.options_of(agent)
    known = known_of(agent, options, "chat", "tool")
    record = {
        "operation": "execute_tool",
        "tool": name,
        "occurred_at": occurred_at,
        "status": "error" if failed else "ok",
        "latency_ms": None if failed else round((time.monotonic() - began) * 1000),
        **{part: known[part] for part in ("agent", "conversation_id", "task_id")},
    }
    plane.report(options, record)
