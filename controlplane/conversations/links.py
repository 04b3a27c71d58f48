"""Addresses of single conversations. Their ids are the agents' own, and may be any text."""

from urllib.parse import quote

from django.urls import reverse
from django.utils.http import urlencode

_DOTS = (".", "..")


def conversation_url(project: str, conversation_id: str, **more: str) -> str:
    """The page of one conversation.

    What a path cannot carry (browsers fold dots and servers fold slashes) goes into the query.
    """
    parts = [project, *conversation_id.split("/")]
    if "/" in project or any(not part or part in _DOTS for part in parts):
        named = {"project": project, "id": conversation_id, **more}
        return f"{reverse('conversation-by-id')}?{urlencode(named)}"
    path = f"{reverse('conversations')}/{'/'.join(quote(part, safe='') for part in parts)}"
    return f"{path}?{urlencode(more)}" if more else path
