"""`/api/audit`: who changed what, newest first."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.paging import IdPages, page_of
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Role, Scope
from apps.access.models import AuditEntry
from apps.access.selectors.audit import AuditFilter, audit_entries


class AuditOut(serializers.ModelSerializer[AuditEntry]):
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "at",
            "actor",
            "action",
            "object_type",
            "object_id",
            "before",
            "after",
            "address",
            "request_id",
        )


class AuditQuery(serializers.Serializer[Any]):
    """Filters. `action` matches from the start: `key` finds `key.revoked`. The period is half-open."""

    actor = serializers.CharField(required=False, max_length=254)
    action = serializers.CharField(required=False, max_length=100)
    object_type = serializers.CharField(required=False, max_length=100)
    object_id = serializers.CharField(required=False, max_length=100)
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)


class AuditView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN}
    required_role = Role.ADMIN

    @extend_schema(operation_id="audit_list", parameters=[AuditQuery], responses=AuditOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        query = AuditQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return page_of(audit_entries(request.auth, AuditFilter(**query.validated_data)), request, self, AuditOut)
