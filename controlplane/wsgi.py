"""The WSGI entry point that gunicorn serves."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")


class Handler(WSGIHandler):
    """Django's handler, which keeps what addresses without parameters lead to.

    Django tries one pattern after the other, at every request: for an agent's address near the end of the list that was
    a fifth of the whole request. A pattern without parameters fits one address only, so there are as many as patterns.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, ResolverMatch] = {}

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """The view of a request, as Django finds it."""
        match = self._known.get(request.path_info)
        if match is None:
            match = super().resolve_request(request)
            if not (match.args or match.kwargs):
                self._known[request.path_info] = match
        request.resolver_match = match
        return match


django.setup(set_prefix=False)
application = Handler()
