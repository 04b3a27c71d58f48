"""`/api/keys`: list, make, rotate with a grace time, revoke."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.access.models import ApiKey
from apps.access.models.places import NAME_LENGTH
from apps.access.selectors.keys import keys_of, why_orphaned
from apps.access.services import keys
from apps.access.services.bindings import bind

SCOPE_CHOICES = [scope.value for scope in Scope]


class KeyOut(serializers.ModelSerializer[ApiKey]):
    """A key as lists show it, without its secret. `orphaned` says why nobody answers for it, if so."""

    project = serializers.CharField(source="project.name", allow_null=True, default=None)
    agent = serializers.CharField(source="agent.name", allow_null=True, default=None)
    created_by = serializers.CharField(source="created_by_name")
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPE_CHOICES))
    orphaned = serializers.SerializerMethodField()

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "name",
            "prefix",
            "last4",
            "scopes",
            "project",
            "agent",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "rotated_to",
            "orphaned",
        )

    def get_orphaned(self, key: ApiKey) -> str:
        return why_orphaned(key)


class NewKeyOut(KeyOut):
    """A key just made, with its secret: shown only in this answer."""

    key = serializers.CharField()

    class Meta(KeyOut.Meta):
        fields = (*KeyOut.Meta.fields, "key")  # type: ignore[assignment]


class KeyIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LENGTH)
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPE_CHOICES), allow_empty=False)
    project = serializers.CharField(max_length=NAME_LENGTH, allow_null=True, default=None)
    agent = serializers.CharField(max_length=NAME_LENGTH, allow_null=True, default=None)
    expires_at = serializers.DateTimeField(allow_null=True, default=None)


class RotateIn(serializers.Serializer[Any]):
    grace_seconds = serializers.IntegerField(
        min_value=0, max_value=int(keys.GRACE_MOST.total_seconds()), default=int(keys.GRACE_DEFAULT.total_seconds())
    )


class KeysView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="keys_list", responses=KeyOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return page_of(keys_of(request.auth), request, self, KeyOut)

    @extend_schema(operation_id="keys_create", request=KeyIn, responses={201: NewKeyOut})
    def post(self, request: ApiRequest) -> Response:
        wanted = valid(KeyIn, request)
        project_id, agent_id = bind(request.auth, project=wanted["project"], agent=wanted["agent"])
        new = keys.create_key(
            caller=request.auth,
            name=wanted["name"],
            scopes=[Scope(scope) for scope in wanted["scopes"]],
            project_id=project_id,
            agent_id=agent_id,
            expires_at=wanted["expires_at"],
        )
        return _shown_once(new)


class KeyView(APIView):
    required_scopes = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="keys_retrieve", responses=KeyOut)
    def get(self, request: ApiRequest, key_id: int) -> Response:
        return Response(KeyOut(get_object_or_404(keys_of(request.auth), id=key_id)).data)


class RotateView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="keys_rotate", request=RotateIn, responses={201: NewKeyOut})
    def post(self, request: ApiRequest, key_id: int) -> HttpResponse:
        grace = timedelta(seconds=valid(RotateIn, request)["grace_seconds"])
        return _shown_once(keys.rotate_key(caller=request.auth, key_id=key_id, grace=grace))


class RevokeView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="keys_revoke", request=None, responses=KeyOut)
    def post(self, request: ApiRequest, key_id: int) -> Response:
        return Response(KeyOut(keys.revoke_key(caller=request.auth, key_id=key_id)).data)


def _shown_once(new: keys.NewKey) -> Response:
    new.key.key = new.secret  # type: ignore[attr-defined]
    return Response(NewKeyOut(new.key).data, status=201)
