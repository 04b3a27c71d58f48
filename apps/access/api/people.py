"""`/api/people` and `/api/invitations`: who is here, who is invited. Owners only."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.api.preconditions import require_match, tagged
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Caller, Role, Scope
from apps.access.models import Invitation, User
from apps.access.models.places import NAME_LENGTH
from apps.access.selectors.people import open_invitations, people
from apps.access.services import people as services
from apps.access.services.bindings import project_ids

ROLE_CHOICES = [role.value for role in Role]


class PersonOut(serializers.ModelSerializer[User]):
    role = serializers.ChoiceField(ROLE_CHOICES)
    projects = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "email", "role", "projects", "is_active", "created_at", "last_login")

    def get_projects(self, person: User) -> list[str] | None:
        return _limit(person)


class InvitationOut(serializers.ModelSerializer[Invitation]):
    role = serializers.ChoiceField(ROLE_CHOICES)
    projects = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.email")

    class Meta:
        model = Invitation
        fields = ("id", "email", "role", "projects", "created_by", "created_at", "expires_at")

    def get_projects(self, invitation: Invitation) -> list[str] | None:
        return _limit(invitation)


class NewInvitationOut(InvitationOut):
    """An invitation just made, with its link: shown only in this answer."""

    link = serializers.URLField()

    class Meta(InvitationOut.Meta):
        fields = (*InvitationOut.Meta.fields, "link")  # type: ignore[assignment]


class StandingIn(serializers.Serializer[Any]):
    role = serializers.ChoiceField(ROLE_CHOICES)
    projects = serializers.ListField(
        child=serializers.CharField(max_length=NAME_LENGTH), allow_null=True, default=None, max_length=1_000
    )


class InviteIn(StandingIn):
    email = serializers.EmailField(max_length=254)


class PersonIn(StandingIn):
    is_active = serializers.BooleanField(required=False)


class PeopleView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}
    required_role = Role.OWNER

    @extend_schema(operation_id="people_list", responses=PersonOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return page_of(people(), request, self, PersonOut)

    @extend_schema(operation_id="people_invite", request=InviteIn, responses={201: NewInvitationOut})
    def post(self, request: ApiRequest) -> Response:
        wanted = valid(InviteIn, request)
        standing = _standing(request.auth, wanted["role"], wanted["projects"])
        new = services.invite(caller=request.auth, email=wanted["email"], standing=standing)
        new.invitation.link = request.build_absolute_uri(  # type: ignore[attr-defined]
            reverse("access:accept_invitation", args=[new.token])
        )
        return Response(NewInvitationOut(new.invitation).data, status=201)


class PersonView(APIView):
    required_scopes = {"GET": Scope.ADMIN, "PATCH": Scope.ADMIN, "DELETE": Scope.ADMIN}
    required_role = Role.OWNER

    @extend_schema(operation_id="people_retrieve", responses=PersonOut)
    def get(self, request: ApiRequest, user_id: int) -> HttpResponse:
        return tagged(PersonOut(get_object_or_404(people(), id=user_id)).data)

    @extend_schema(operation_id="people_change", request=PersonIn, responses=PersonOut)
    def patch(self, request: ApiRequest, user_id: int) -> HttpResponse:
        shown = PersonOut(get_object_or_404(people(), id=user_id)).data
        require_match(request, shown)
        wanted = valid(PersonIn, request, partial=True)
        standing = None
        if {"role", "projects"} & wanted.keys():
            role, names = wanted.get("role", shown["role"]), wanted.get("projects", shown["projects"])
            standing = _standing(request.auth, role, names)
        services.change_person(
            caller=request.auth, user_id=user_id, standing=standing, is_active=wanted.get("is_active")
        )
        return tagged(PersonOut(people().get(id=user_id)).data)

    @extend_schema(operation_id="people_remove", responses={204: None})
    def delete(self, request: ApiRequest, user_id: int) -> Response:
        services.remove_person(caller=request.auth, user_id=user_id)
        return Response(status=204)


class InvitationsView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN}
    required_role = Role.OWNER

    @extend_schema(operation_id="invitations_list", responses=InvitationOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return page_of(open_invitations(), request, self, InvitationOut)


class InvitationView(APIView):
    required_scopes = {"DELETE": Scope.ADMIN}
    required_role = Role.OWNER

    @extend_schema(operation_id="invitations_revoke", responses={204: None})
    def delete(self, request: ApiRequest, invitation_id: int) -> Response:
        services.revoke_invitation(caller=request.auth, invitation_id=invitation_id)
        return Response(status=204)


def _standing(caller: Caller, role: str, names: list[str] | None) -> services.Standing:
    return services.Standing(Role(role), None if names is None else project_ids(caller, names))


def _limit(limited: User | Invitation) -> list[str] | None:
    """Names of the projects somebody is limited to; None is no limit."""
    return sorted(project.name for project in limited.projects.all()) if limited.limited else None
