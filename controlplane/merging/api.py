"""`/api/agents/{id}/merge`: what merging an agent into another would do, doing it, and how far it is."""

from collections.abc import Sequence
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
from apps.access.models import Agent, AgentMerge, ProjectMerge
from apps.access.selectors.places import agents_of
from apps.budgets.services.merge_effects import BudgetEffect
from apps.costs.domain.money_format import format_money
from controlplane.merging.preview import Preview, Side, preview
from controlplane.merging.progress import state_of
from controlplane.merging.services import merge_as_previewed


class MergeIn(serializers.Serializer[Any]):
    into = serializers.IntegerField(min_value=1, help_text="the id of the agent of the same project that it goes into")
    dry_run = serializers.BooleanField(default=False, help_text="only say what it would do")
    fingerprint = serializers.CharField(
        max_length=64, required=False, help_text="of the dry run: it is merged only if that still holds, else 409"
    )


class MergeSide(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    project = serializers.CharField()
    name = serializers.CharField()
    former_names = serializers.ListField(child=serializers.CharField())
    calls = serializers.IntegerField()
    tool_executions = serializers.IntegerField()
    unpriced_calls = serializers.IntegerField()
    cost_usd = serializers.CharField()
    keys = serializers.ListField(child=serializers.CharField(), help_text="names of the keys bound to it")
    subordinates = serializers.ListField(child=serializers.CharField(), help_text="agents `name/…`, which stay")


class MergeBudget(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    unit = serializers.CharField()
    limit = serializers.CharField()
    spent = serializers.CharField(allow_null=True, help_text="in its present period; null: counted anew by the merge")
    merged = serializers.CharField(allow_null=True, help_text="of a budget of every agent: what the merged one spent")
    after = serializers.CharField(allow_null=True)
    reached = serializers.ListField(child=serializers.CharField(), help_text="thresholds that begin to hold")


class MergeOut(serializers.Serializer[Any]):
    """How far a merge is."""

    agent_id = serializers.IntegerField()
    name = serializers.CharField(help_text="of the merged agent before")
    into_id = serializers.IntegerField()
    into = serializers.CharField()
    merged_by = serializers.CharField()
    merged_at = serializers.DateTimeField()
    state = serializers.ChoiceField(
        choices=["counting", "settling", "done"],
        help_text="Usage reads as one at once. counting: past periods of budgets are counted anew; settling: until no"
        " process goes by what it knew before",
    )


class MergeAnswer(serializers.Serializer[Any]):
    """What merging does, with `dry_run`; else the merge."""

    dry_run = serializers.BooleanField()
    fingerprint = serializers.CharField(required=False)
    agent = MergeSide(required=False)
    into = MergeSide(required=False)
    budgets = MergeBudget(many=True, required=False)
    routing = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="what the policy says of either: then of both"
    )
    can_be_undone = serializers.BooleanField(required=False)
    merge = MergeOut(required=False)


class AgentMergeView(APIView):
    """Merging an agent into another of its project."""

    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="agents_merge_retrieve", responses=MergeOut)
    def get(self, request: ApiRequest, agent_id: int) -> Response:
        """How far the merge of an agent that was merged is."""
        merges = AgentMerge.objects.filter(into__in=agents_of(request.auth).order_by()).select_related("into")
        return Response(merge_told(get_object_or_404(merges, agent=agent_id), "agent", MergeOut))

    @extend_schema(operation_id="agents_merge", request=MergeIn, responses=MergeAnswer)
    def post(self, request: ApiRequest, agent_id: int) -> Response:
        """Say with `dry_run` what merging would do; with the `fingerprint` of that, merge. It cannot be undone.

        All usage of the agent reads as that of the other from then on, and so does what is still sent under its name.
        """
        wanted = valid(MergeIn, request)
        try:
            if wanted["dry_run"]:
                seen = preview(caller=request.auth, agent_id=agent_id, into_id=wanted["into"])
                return Response(_preview(seen))
            if "fingerprint" not in wanted:
                raise ValidationError({"fingerprint": "Ask with dry_run first, and send its fingerprint."})
            merge = merge_as_previewed(
                caller=request.auth, agent_id=agent_id, into_id=wanted["into"], fingerprint=wanted["fingerprint"]
            )
        except Agent.DoesNotExist as error:
            raise Http404 from error
        return Response({"dry_run": False, "merge": merge_told(merge, "agent", MergeOut)})


def _preview(seen: Preview) -> dict[str, Any]:
    return {
        "dry_run": True,
        "fingerprint": seen.fingerprint,
        "agent": _side(seen.agent),
        "into": _side(seen.into),
        "budgets": budgets_told(seen.budgets),
        "routing": list(seen.routing),
        "can_be_undone": False,
    }


def budgets_told(budgets: Sequence[BudgetEffect]) -> list[dict[str, Any]]:
    """What a merge does to budgets, as the API tells it."""
    return [
        {
            "id": one.budget_id, "name": one.name, "unit": one.unit, "limit": format_money(one.limit),
            "spent": _amount(one.spent), "merged": _amount(one.merged), "after": _amount(one.after),
            "reached": list(one.reached),
        }
        for one in budgets
    ]  # fmt: skip


def _amount(amount: Any) -> str | None:
    return None if amount is None else format_money(amount)


def _side(side: Side) -> dict[str, Any]:
    return {
        "id": side.agent.pk,
        "project": side.agent.project.name,
        "name": side.agent.name,
        "former_names": list(side.former_names),
        "calls": side.totals.calls,
        "tool_executions": side.totals.tool_executions,
        "unpriced_calls": side.totals.unpriced_calls,
        "cost_usd": format_money(side.totals.cost_usd),
        "keys": list(side.keys),
        "subordinates": list(side.subordinates),
    }


def merge_told(merge: AgentMerge | ProjectMerge, kind: str, out: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """A merge and how far it is, as the API tells it."""
    told: dict[str, Any] = out(
        {
            f"{kind}_id": merge.pk,
            "name": merge.name,
            "into_id": merge.into_id,
            "into": merge.into.name,
            "merged_by": merge.merged_by,
            "merged_at": merge.merged_at,
            "state": state_of(merge),
        }
    ).data
    return told
