"""What this process reported for each task and chat: tokens, and how many counts are estimates. Money is Bursar's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from . import plane

MOST = 2000


def add(record: Mapping[str, Any]) -> None:
    """Count a reported call under its task and its conversation."""
    if record.get("operation") == "execute_tool":
        return
    kept: OrderedDict[str, dict[str, int]] = plane.kept().setdefault("tally", OrderedDict())
    for name in (record.get("task_id"), record.get("conversation_id")):
        if name:
            sums = kept.setdefault(str(name), {"tokens": 0, "calls": 0, "estimated_calls": 0})
            sums["tokens"] += int(record.get("input_tokens") or 0) + int(record.get("output_tokens") or 0)
            sums["calls"] += 1
            sums["estimated_calls"] += record.get("usage_source") == "estimate"
            kept.move_to_end(str(name))
    if record.get("task_type") == "main_loop" and record.get("status") == "ok" and record.get("conversation_id"):
        # A provider that reads its cache has the whole of this prompt in it for the next call.
        is_cached = record.get("cache_read_input_tokens")
        kept[str(record["conversation_id"])]["cached"] = int(record.get("input_tokens") or 0) if is_cached else 0
    while len(kept) > MOST:
        kept.popitem(last=False)


def of(name: str) -> dict[str, int]:
    """The sums of a task or conversation since this process began."""
    found: Mapping[str, dict[str, int]] = plane.kept().get("tally", {})
    return dict(found.get(name, {"tokens": 0, "calls": 0, "estimated_calls": 0}))


def cached_of(chat: str) -> int:
    """How much of the prompt the provider has in its cache, as far as is known."""
    return of(chat).get("cached", 0)
