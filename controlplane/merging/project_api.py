"""`/api/projects/{id}/merge`: what merging a project into another would do, doing it, and how far it is."""

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.access.models import Project, ProjectMerge
from apps.access.selectors.places import projects_of
from apps.access.services.project_merges import SIGHTS
from apps.costs.domain.money_format import format_money
from controlplane.merging.api import MergeBudget, budgets_told, merge_told
from controlplane.merging.project_preview import ProjectPreview, ProjectSide, project_preview
from controlplane.merging.services import merge_projects_as_previewed


class ProjectMergeIn(serializers.Serializer[Any]):
    into = serializers.IntegerField(min_value=1, help_text="the id of the project that it goes into")
    dry_run = serializers.BooleanField(default=False, help_text="only say what it would do")
    fingerprint = serializers.CharField(
        max_length=64, required=False, help_text="of the dry run: it is merged only if that still holds, else 409"
    )
    sight = serializers.ChoiceField(
        choices=SIGHTS,
        required=False,
        help_text="what becomes of people and keys that see the merged project and not the other: `give` them sight of"
        " both, or `take` theirs away. Required where there are any; people's sight only owners change",
    )


class ProjectMergeSide(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    former_names = serializers.ListField(child=serializers.CharField())
    agents = serializers.IntegerField()
    calls = serializers.IntegerField()
    tool_executions = serializers.IntegerField()
    unpriced_calls = serializers.IntegerField()
    cost_usd = serializers.CharField()


class ProjectMergeBudget(MergeBudget):
    agent = serializers.CharField(help_text='of a budget of every agent: the agent of both projects; else ""')


class Watchers(serializers.Serializer[Any]):
    """Whose sight changes."""

    people = serializers.IntegerField(help_text="how many people and open invitations")
    people_named = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="their addresses; null: only owners are told"
    )
    keys = serializers.ListField(child=serializers.CharField(), help_text="names of keys that read")


class ProjectMergeOut(serializers.Serializer[Any]):
    """How far a merge is."""

    project_id = serializers.IntegerField()
    name = serializers.CharField(help_text="of the merged project before; what is sent under it still belongs to it")
    into_id = serializers.IntegerField()
    into = serializers.CharField()
    merged_by = serializers.CharField()
    merged_at = serializers.DateTimeField()
    state = serializers.ChoiceField(
        choices=["counting", "settling", "done"],
        help_text="Usage reads as one at once. counting: past periods of budgets are counted anew; settling: until no"
        " process goes by what it knew before",
    )


class ProjectMergeAnswer(serializers.Serializer[Any]):
    """What merging does, with `dry_run`; else the merge."""

    dry_run = serializers.BooleanField()
    fingerprint = serializers.CharField(required=False)
    project = ProjectMergeSide(required=False)
    into = ProjectMergeSide(required=False)
    agents_in_both = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="agents of one name, which are one then; 20 at most"
    )
    agents_in_both_count = serializers.IntegerField(required=False)
    agent_names = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="former names of agents that mean somebody else then"
    )
    calls_in_both = serializers.IntegerField(
        required=False, allow_null=True, help_text="ids sent to both: each stays two calls; null: too many to look for"
    )
    conversations_in_both = serializers.IntegerField(required=False, allow_null=True)
    gaining = Watchers(required=False, help_text="they are limited to the other project, and see the merged one too")
    asked_about = Watchers(required=False, help_text="they are limited to the merged project: `sight` decides")
    budgets = ProjectMergeBudget(many=True, required=False)
    routing = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="what the policy says of either: then of both"
    )
    can_be_undone = serializers.BooleanField(required=False)
    merge = ProjectMergeOut(required=False)


class ProjectMergeView(APIView):
    """Merging a project into another."""

    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="projects_merge_retrieve", responses=ProjectMergeOut)
    def get(self, request: ApiRequest, project_id: int) -> Response:
        """How far the merge of a project that was merged is."""
        merges = ProjectMerge.objects.filter(into__in=projects_of(request.auth).order_by()).select_related("into")
        return Response(merge_told(get_object_or_404(merges, project=project_id), "project", ProjectMergeOut))

    @extend_schema(operation_id="projects_merge", request=ProjectMergeIn, responses=ProjectMergeAnswer)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Say with `dry_run` what merging would do; with the `fingerprint` of that, merge. It cannot be undone.

        All usage of the project reads as that of the other from then on, and so does what is still sent under its name.
        """
        wanted = valid(ProjectMergeIn, request)
        try:
            if wanted["dry_run"]:
                seen = project_preview(caller=request.auth, project_id=project_id, into_id=wanted["into"])
                return Response(_preview(seen))
            if "fingerprint" not in wanted:
                raise ValidationError({"fingerprint": "Ask with dry_run first, and send its fingerprint."})
            merge = merge_projects_as_previewed(
                caller=request.auth, project_id=project_id, into_id=wanted["into"], fingerprint=wanted["fingerprint"],
                sight=wanted.get("sight"),
            )  # fmt: skip
        except Project.DoesNotExist as error:
            raise Http404 from error
        return Response({"dry_run": False, "merge": merge_told(merge, "project", ProjectMergeOut)})


def _preview(seen: ProjectPreview) -> dict[str, Any]:
    budgets = zip(seen.budgets, budgets_told(seen.budgets), strict=True)
    watched, named = seen.onlookers, seen.may_decide
    return {
        "dry_run": True,
        "fingerprint": seen.fingerprint,
        "project": _side(seen.project),
        "into": _side(seen.into),
        "agents_in_both": list(seen.agents_in_both),
        "agents_in_both_count": seen.agents_in_both_count,
        "agent_names": list(seen.names_that_move),
        "calls_in_both": seen.in_both.calls,
        "conversations_in_both": seen.in_both.conversations,
        "gaining": _watchers(watched.gaining, watched.keys_gaining, named),
        "asked_about": _watchers(watched.asked_about, watched.keys_asked_about, named),
        "budgets": [{**told, "agent": one.value} for one, told in budgets],
        "routing": list(seen.routing),
        "can_be_undone": False,
    }


def _watchers(people: tuple[str, ...], keys: tuple[str, ...], named: bool) -> dict[str, Any]:
    return {"people": len(people), "people_named": list(people) if named else None, "keys": list(keys)}


def _side(side: ProjectSide) -> dict[str, Any]:
    return {
        "id": side.project.pk,
        "name": side.project.name,
        "former_names": list(side.former_names),
        "agents": side.agents,
        "calls": side.totals.calls,
        "tool_executions": side.totals.tool_executions,
        "unpriced_calls": side.totals.unpriced_calls,
        "cost_usd": format_money(side.totals.cost_usd),
    }
