"""`/api/provider-health`: how models do at the moment."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.routing.models import ModelHealth
from apps.routing.selectors.health import health_for


class HealthOut(serializers.ModelSerializer[ModelHealth]):
    class Meta:
        model = ModelHealth
        fields = (
            "provider", "model", "breaker", "since", "cause", "seen_at", "calls", "ok_calls", "fault_calls",
            "latency_ms", "errors", "minute_requests", "minute_input_tokens", "minute_output_tokens",
        )  # fmt: skip


class HealthListOut(serializers.Serializer[ModelHealth]):
    results = HealthOut(many=True)


class ProviderHealthView(APIView):
    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="provider_health", responses=HealthListOut)
    def get(self, request: ApiRequest) -> Response:
        """Every model that was reported in the last window, or whose breaker is not closed.

        A key bound to a project sees the models used there and those of the policy, with the calls of its project.
        """
        rows = health_for(now=timezone.now(), project_ids=request.auth.project_ids)
        rows.sort(key=lambda row: (row.provider, row.model))
        return Response({"results": HealthOut(rows, many=True).data})
