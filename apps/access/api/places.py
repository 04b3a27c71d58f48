"""`/api/projects` and `/api/agents`: list, make ahead of first sight, rename."""

from typing import Any

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
from apps.access.models import Agent, Project
from apps.access.models.places import NAME_LENGTH
from apps.access.selectors.places import agents_of, projects_of
from apps.access.services import bindings, renames


class ProjectOut(serializers.ModelSerializer[Project]):
    former_names = serializers.ListField(
        child=serializers.CharField(),
        source="called_before",
        read_only=True,
        help_text="names it had before, or projects that were merged into it had",
    )

    class Meta:
        model = Project
        fields = ("id", "name", "former_names", "is_demo", "created_at")


class AgentOut(serializers.ModelSerializer[Agent]):
    project = serializers.CharField(source="project.name")
    former_names: "serializers.Field[Any, Any, Any, Any]" = serializers.SlugRelatedField(
        "name", many=True, read_only=True, help_text="names it had before, or agents that were merged into it had"
    )

    class Meta:
        model = Agent
        fields = ("id", "project", "name", "former_names", "created_at")


class ProjectIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LENGTH)


class AgentIn(ProjectIn):
    project = serializers.CharField(max_length=NAME_LENGTH)


class ProjectsView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="projects_list", responses=ProjectOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        projects = projects_of(request.auth).prefetch_related("former_names", "merged__former_names")
        return page_of(projects, request, self, ProjectOut)

    @extend_schema(operation_id="projects_create", request=ProjectIn, responses={201: ProjectOut})
    def post(self, request: ApiRequest) -> Response:
        project = bindings.create_project(caller=request.auth, name=valid(ProjectIn, request)["name"])
        return Response(ProjectOut(project).data, status=201)


class ProjectView(APIView):
    required_scopes = {"GET": Scope.ADMIN, "PATCH": Scope.ADMIN}

    @extend_schema(operation_id="projects_retrieve", responses=ProjectOut)
    def get(self, request: ApiRequest, project_id: int) -> HttpResponse:
        return tagged(ProjectOut(get_object_or_404(projects_of(request.auth), id=project_id)).data)

    @extend_schema(operation_id="projects_rename", request=ProjectIn, responses=ProjectOut)
    def patch(self, request: ApiRequest, project_id: int) -> HttpResponse:
        require_match(request, ProjectOut(get_object_or_404(projects_of(request.auth), id=project_id)).data)
        name = valid(ProjectIn, request)["name"]
        return tagged(ProjectOut(renames.rename_project(caller=request.auth, project_id=project_id, name=name)).data)


class AgentsView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="agents_list", responses=AgentOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return page_of(agents_of(request.auth).prefetch_related("former_names"), request, self, AgentOut)

    @extend_schema(operation_id="agents_create", request=AgentIn, responses={201: AgentOut})
    def post(self, request: ApiRequest) -> Response:
        wanted = valid(AgentIn, request)
        agent = bindings.create_agent(caller=request.auth, project=wanted["project"], name=wanted["name"])
        return Response(AgentOut(agent).data, status=201)


class AgentView(APIView):
    required_scopes = {"GET": Scope.ADMIN, "PATCH": Scope.ADMIN}

    @extend_schema(operation_id="agents_retrieve", responses=AgentOut)
    def get(self, request: ApiRequest, agent_id: int) -> HttpResponse:
        return tagged(AgentOut(get_object_or_404(agents_of(request.auth), id=agent_id)).data)

    @extend_schema(operation_id="agents_rename", request=ProjectIn, responses=AgentOut)
    def patch(self, request: ApiRequest, agent_id: int) -> HttpResponse:
        require_match(request, AgentOut(get_object_or_404(agents_of(request.auth), id=agent_id)).data)
        name = valid(ProjectIn, request)["name"]
        return tagged(AgentOut(renames.rename_agent(caller=request.auth, agent_id=agent_id, name=name)).data)
