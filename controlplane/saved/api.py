"""`/api/views`: the views people saved, within what the caller may see."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.api.preconditions import require_match, tagged
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.access.models import User
from controlplane.models import VIEW_NAME_LENGTH, SavedView
from controlplane.saved import services
from controlplane.saved.selectors import deleted_views_of, views_of

READING = frozenset({Scope.METRICS_READ, Scope.ADMIN})
URL = "the address of a state of a page, like /explore?group=agent"


class SavedViewOut(serializers.ModelSerializer[SavedView]):
    url = serializers.CharField(help_text=URL)
    owner = serializers.SerializerMethodField()

    class Meta:
        model = SavedView
        fields = ("id", "name", "url", "owner", "is_shared", "version", "created_at", "changed_at")

    def get_owner(self, view: SavedView) -> str:
        return cast(User, view.owner).email if view.owner_id is not None else view.created_by


class SavedViewIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=VIEW_NAME_LENGTH)
    url = serializers.CharField(max_length=5000, help_text=URL)
    is_shared = serializers.BooleanField(default=False)


class SavedViewsView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": READING, "POST": Scope.ADMIN}

    @extend_schema(operation_id="views_list", responses=SavedViewOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        """Own views, and shared ones that speak of no project the caller may not see. A key acts for its maker."""
        return page_of(views_of(request.auth), request, self, SavedViewOut)

    @extend_schema(operation_id="views_save", request=SavedViewIn, responses={201: SavedViewOut})
    def post(self, request: ApiRequest) -> Response:
        """Save a view; saving the same again changes nothing, another of the same name is a conflict."""
        view = services.save_view(caller=request.auth, **valid(SavedViewIn, request))
        return Response(SavedViewOut(view).data, status=201)


class SavedViewView(APIView):
    required_scopes = {"GET": READING, "PATCH": Scope.ADMIN, "DELETE": Scope.ADMIN}

    @extend_schema(operation_id="views_retrieve", responses=SavedViewOut)
    def get(self, request: ApiRequest, view_id: int) -> HttpResponse:
        return tagged(SavedViewOut(_one(views_of(request.auth), view_id)).data)

    @extend_schema(operation_id="views_change", request=SavedViewIn, responses=SavedViewOut)
    def patch(self, request: ApiRequest, view_id: int) -> HttpResponse:
        """Rename a view, share it or take it back, or let it stand for another address."""
        view = _one(views_of(request.auth), view_id)
        require_match(request, SavedViewOut(view).data)
        wanted = valid(SavedViewIn, request, partial=True)
        changed = services.change_view(caller=request.auth, view_id=view_id, version=view.version, **wanted)
        return tagged(SavedViewOut(changed).data)

    @extend_schema(operation_id="views_delete", responses={204: None})
    def delete(self, request: ApiRequest, view_id: int) -> Response:
        """Delete a view; `POST …/restore` puts it back within 30 days."""
        services.delete_view(caller=request.auth, view_id=view_id)
        return Response(status=204)


class RestoreSavedViewView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="views_restore", request=None, responses=SavedViewOut)
    def post(self, request: ApiRequest, view_id: int) -> Response:
        """Put a deleted view back."""
        _one(views_of(request.auth) | deleted_views_of(request.auth), view_id)
        return Response(SavedViewOut(services.restore_view(caller=request.auth, view_id=view_id)).data)


def _one(rows: QuerySet[SavedView], view_id: int) -> SavedView:
    return get_object_or_404(rows, id=view_id)
