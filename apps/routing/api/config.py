"""`/api/routing/config`: the routing policy, for agents."""

from typing import ClassVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.access.services.places import DEFAULT_PROJECT
from apps.routing.api import schema
from apps.routing.selectors.config import config_for

_PARAMETERS = [
    OpenApiParameter(name, str, description=f"whose configuration; default: the {name} of the key")
    for name in ("project", "agent")
]


class ConfigView(APIView):
    """The policy in force."""

    required_scopes: ClassVar = {"GET": Scope.ROUTING_USE}

    @extend_schema(operation_id="routing_config", parameters=_PARAMETERS, responses=schema.CONFIG)
    def get(self, request: ApiRequest) -> HttpResponse:
        """Tiers, models, prices, limits and settings, with a strong `ETag`; `If-None-Match` gives 304."""
        caller = request.auth
        project = caller.project_name or request.query_params.get("project") or DEFAULT_PROJECT
        agent = caller.agent_name or request.query_params.get("agent") or ""
        config = config_for(project, agent, now=timezone.now())
        headers = {"ETag": config.tag, "Cache-Control": "private, no-cache"}
        if _matches(request.META.get("HTTP_IF_NONE_MATCH", ""), config.tag):
            return HttpResponse(status=304, headers=headers)
        return Response(config.told, headers=headers)


def _matches(sent: str, tag: str) -> bool:
    """Whether one of the tags sent is this one; a proxy may have made them weak."""
    return sent.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in sent.split(",")]
