"""The line that says how much was heard of since a page on conversations was read. Nothing moves by itself."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from apps.costs.selectors.conversations import Conversation, heard_of_since
from apps.costs.selectors.metrics import UsageQuery
from controlplane.conversations.links import conversation_url
from controlplane.viewstate import ViewState


def live_list(view: ViewState, query: UsageQuery, since: datetime | None = None) -> dict[str, Any]:
    """Of the list: conversations with calls after the newest one that the page knew.

    Nothing with filters that look into the records: asking every few seconds would cost too much.
    """
    if set(query.filters) - {"project"}:
        return {"more_url": ""}
    newest, count = heard_of_since(query, since)
    known = since or newest
    more = {"since": known.isoformat()} if known else {}
    return {
        "newest": newest,
        "arrived": count,
        "show_url": view.url(),
        "more_url": view.url(reverse("conversations-more"), **more),
    }


def live_one(one: Conversation, seen: int | None = None) -> dict[str, Any]:
    """Of one conversation: steps that came after those the page knew."""
    steps = one.calls + one.tool_executions
    known = steps if seen is None else seen
    named = {"project": one.sent_project, "id": one.id, "seen": str(known)}
    return {
        "newest": one.last_at,
        "arrived": max(0, steps - known),
        "show_url": conversation_url(one.sent_project, one.id),
        "more_url": f"{reverse('conversation-more')}?{urlencode(named)}",
    }


def moment(text: str) -> datetime | None:
    """An instant from an address; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
