"""Which form an answer of the API has."""

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class Negotiation(DefaultContentNegotiation):
    """REST framework's own, with a short way for agents: nearly all of them take anything, or JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer and the media type of the answer. Raises NotAcceptable (406)."""
        possible = list(renderers)
        if len(possible) == 1 and not format_suffix:
            form = str(possible[0].media_type)
            if request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", form):
                return possible[0], form
        found: tuple[BaseRenderer, str] = super().select_renderer(request, possible, format_suffix)
        return found
