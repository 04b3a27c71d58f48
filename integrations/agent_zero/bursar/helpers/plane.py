"""The way to Bursar: one client of the whole process for each address and key. Nothing here raises."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

from .options import Options

logger = logging.getLogger("bursar")
_HOLDER = "_bursar_agent_zero"


def kept() -> dict[str, Any]:
    """What outlives a reload of the plugin: Agent Zero forgets its modules whenever a file of it changes."""
    module = sys.modules.get(_HOLDER)
    if module is None:
        module = sys.modules.setdefault(_HOLDER, types.ModuleType(_HOLDER))
    values: dict[str, Any] = module.__dict__.setdefault("values", {})
    return values


def client(options: Options) -> Any | None:
    """The client for these settings; None while there is no Bursar to speak to."""
    if not options.is_on:
        return None
    clients = kept().setdefault("clients", {})
    key = (options.base_url, options.api_key, options.project, options.spool, options.decision_seconds)
    with kept().setdefault("lock", threading.Lock()):
        if key not in clients:
            try:
                clients[key] = _make(options)
            except Exception:
                logger.exception("Bursar's client could not be made; nothing is reported.")
                clients[key] = None
    return clients[key]


def report(options: Options, record: Mapping[str, Any]) -> None:
    """One usage record. Returns at once; it waits on disk while Bursar is away."""
    if (found := client(options)) is not None:
        found.report(**{name: value for name, value in record.items() if value is not None})


def outcome(options: Options, told: Mapping[str, Any]) -> None:
    """How a task went."""
    if (found := client(options)) is not None:
        found.outcome(**{name: value for name, value in told.items() if value is not None})


def heed_budgets(found: Any) -> None:
    """Ask anew for the next call when a budget began or ceased to hold calls up, as the last reports told.

    Decisions are remembered for minutes; a conversation whose budget is gone does not go on for as long.
    """
    actions: dict[str, str] = kept().setdefault("budget_actions", {})
    told = {f"{one.get('id')} {one.get('each')}": str(one.get("action", "none")) for one in found.budgets}
    if all(actions.get(name, "none") == action for name, action in told.items()):
        return
    actions.update(told)
    with found._decider.lock:
        found._decider._remembered.clear()


def _make(options: Options) -> Any:
    package = importlib.import_module(__package__.rsplit(".", 1)[0] + ".bursar_client")
    return package.Client(
        options.base_url,
        options.api_key,
        project=options.project or None,
        agent=options.agent or None,
        spool=options.spool or None,
        decision_timeout=options.decision_seconds,
    )
