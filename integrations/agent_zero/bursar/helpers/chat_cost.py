"""What a chat has cost so far, as Bursar tells it, for the line under the chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from . import answers, plane, tally, turns, zero
from .options import Options

SECONDS = 2.0


def cost_of(agent: Any, options: Options) -> dict[str, Any]:
    """The chat and its last turn: cost, tokens, marks, the tightest budget, and the address of its page.

    `state` is `off` without an address or key, `unknown` while Bursar has not heard of the chat, `away` when it does
    not answer, `forbidden` for a key that may not read costs, else `ok`. `answers` are those that can be judged,
    `preset` is what was chosen for the chat.
    """
    client = plane.client(options)
    if client is None:
        return {"state": "off"}
    told: dict[str, Any] = {"answers": answers.told(agent), "preset": zero.preset_of(agent)}
    context = str(agent.context.id)
    project = {"project": options.project} if options.project else {}
    scope = {**project, "conversation_id": context, "agent": zero.agent_name(agent, options)}
    try:
        client.flush(SECONDS)
        # Not by the client's own questions: when these are slow, decisions must not rest for it.
        chat = client._transport.ask("GET", f"/api/conversations/{quote(context)}", query=project, seconds=SECONDS)
        budgets = client._transport.ask("GET", "/api/budgets/status", query=scope, seconds=SECONDS)
    except Exception as error:
        return {"state": "away", "why": str(error), **told}
    told["budget"] = budget_line(budgets.json()) if budgets.status == 200 else None
    if chat.status == 404:
        return {"state": "unknown", **told}
    if chat.status in (401, 403):
        return {"state": "forbidden", **told}
    if chat.status != 200:
        return {"state": "away", "why": f"Bursar answered {chat.status}.", **told}
    page = f"{options.base_url}/c/{quote(options.project or 'default')}/{quote(context)}"
    return {"state": "ok", "page": page, **told, **summary(chat.json(), turns.task_of(agent))}


def summary(conversation: Mapping[str, Any], task_id: str) -> dict[str, Any]:
    """The figures of the whole chat, and those of the task of the last turn."""
    last: Mapping[str, Any] = next((task for task in conversation.get("tasks") or () if task.get("id") == task_id), {})
    return {
        "cost_usd": conversation.get("cost_usd"),
        "tokens": int(conversation.get("input_tokens") or 0) + int(conversation.get("output_tokens") or 0),
        "unpriced_calls": int(conversation.get("unpriced_calls") or 0),
        "estimated_calls": tally.of(str(conversation.get("id")))["estimated_calls"],
        "turn_cost_usd": last.get("cost_usd"),
        "turn_tokens": tally.of(task_id)["tokens"] or None,
    }


def budget_line(status: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tightest budget in USD that applies to the chat."""
    return next((dict(one) for one in status.get("results") or () if one.get("limit_usd") is not None), None)
