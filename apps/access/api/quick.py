"""API views that agents ask all the time: the plain question of a known key, without the framework around it."""

from django.http import HttpRequest, HttpResponse
from rest_framework.views import APIView

from apps.access.authentication import may_ask
from apps.access.domain.errors import Refused
from apps.access.services.known_keys import KnownKey, known_key

_JSON = "application/json"


class QuickView(APIView):
    """An API view with a short way. Whatever is unusual goes the long one, which knows all refusals in their words."""

    def quick(self, request: HttpRequest, known: KnownKey) -> HttpResponse | None:
        """The answer, or None for the long way. Before the database confirms the key, nothing may be told or changed.

        Raises Refused for what the long way is to refuse.
        """
        raise NotImplementedError

    def answer_at_once(self, request: HttpRequest) -> HttpResponse | None:
        """The answer of the short way, None where it cannot be gone."""
        known = known_key(request.META.get("HTTP_AUTHORIZATION", ""))
        if known is None or not _is_plain(request) or not may_ask(known.caller, self, request.method or ""):
            return None
        try:
            return self.quick(request, known)
        except Refused:
            return None


def _is_plain(request: HttpRequest) -> bool:
    """Whether it sends and takes JSON, nothing that is packed, and no parameters beside a body."""
    meta = request.META
    accepted = meta.get("HTTP_ACCEPT", "*/*")
    if "*/*" not in accepted and _JSON not in accepted:
        return False
    if request.method == "GET":
        return True
    if meta.get("QUERY_STRING"):
        return False
    sent = meta.get("CONTENT_TYPE", "").partition(";")[0].strip()
    return sent == _JSON and not meta.get("HTTP_CONTENT_ENCODING")
