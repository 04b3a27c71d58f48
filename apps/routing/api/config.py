"""`/api/routing/config`: the routing policy, for agents."""

from http import HTTPStatus
from typing import ClassVar

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.access.api.quick import QuickView
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Caller, Scope
from apps.access.selectors.callers import holder_of
from apps.access.services.known_keys import KnownKey, confirmed
from apps.access.services.places import DEFAULT_PROJECT
from apps.routing.api import schema
from apps.routing.selectors.config import config_for

_WHOSE = frozenset({"project", "agent"})
_PARAMETERS = [
    OpenApiParameter(name, str, description=f"whose configuration; default: the {name} of the key")
    for name in sorted(_WHOSE)
]


class ConfigView(QuickView):
    """The policy in force."""

    required_scopes: ClassVar = {"GET": Scope.ROUTING_USE}

    def quick(self, request: HttpRequest, known: KnownKey) -> HttpResponse | None:
        """The configuration, or 304, for a key that the database knows as it was."""
        if not _WHOSE.issuperset(request.GET):
            return None
        return _told(known.caller, request) if confirmed(known, holder_of(known.digest)) else None

    @extend_schema(operation_id="routing_config", parameters=_PARAMETERS, responses=schema.CONFIG)
    def get(self, request: ApiRequest) -> HttpResponse:
        """Tiers, models, prices, limits and settings, with a strong `ETag`; `If-None-Match` gives 304."""
        answer = _told(request.auth, request._request)
        if _WHOSE.issuperset(request.GET) or answer.status_code != HTTPStatus.OK:
            return answer
        # With a warning of what is misspelt it is another representation than the one of the tag.
        return Response(msgspec.json.decode(answer.content), headers={"Cache-Control": "no-store"})


def _told(caller: Caller, request: HttpRequest) -> HttpResponse:
    project = caller.project_name or request.GET.get("project") or DEFAULT_PROJECT
    agent = caller.agent_name or request.GET.get("agent") or ""
    config = config_for(project, agent, now=timezone.now())
    headers = {"ETag": config.tag, "Cache-Control": "private, no-cache"}
    if _matches(request.META.get("HTTP_IF_NONE_MATCH", ""), config.tag):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(config.told, content_type="application/json", headers=headers)


def _matches(sent: str, tag: str) -> bool:
    """Whether one of the tags sent is this one; a proxy may have made them weak."""
    return sent.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in sent.split(",")]
