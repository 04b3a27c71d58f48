"""`/api/tiers` and `/api/policies`: drafts, publishing, rolling back, and what differs."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.api.preconditions import require_match, tagged
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.routing.api import schema
from apps.routing.api.replays import told_quality
from apps.routing.domain.policy import policy_of
from apps.routing.domain.policy_diff import differences
from apps.routing.models import PolicyVersion
from apps.routing.selectors.policies import checked, current_version
from apps.routing.selectors.tiers import tiers_told
from apps.routing.selectors.what_if import preview_draft
from apps.routing.services import policies

ADMIN = Scope.ADMIN


class PolicyOut(serializers.ModelSerializer[PolicyVersion]):
    class Meta:
        model = PolicyVersion
        fields = ("id", "version", "note", "based_on", "made_by", "made_at", "published_by", "published_at", "document")


class PolicyIn(serializers.Serializer[Any]):
    document = serializers.JSONField()
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000)

    def validate_document(self, value: Any) -> Any:
        """A policy is an object."""
        if not isinstance(value, dict):
            raise serializers.ValidationError("The document must be a JSON object.")
        return value


class NewPolicyIn(PolicyIn):
    document = serializers.JSONField(required=False)
    based_on = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


def policy_rows() -> QuerySet[PolicyVersion]:
    """Drafts and versions, newest first."""
    return PolicyVersion.objects.standing().order_by("-id")


class TiersView(APIView):
    """The tiers in force."""

    required_scopes: ClassVar = {"GET": ADMIN}

    @extend_schema(operation_id="tiers_list", responses=schema.ANY_OBJECT)
    def get(self, request: ApiRequest) -> Response:
        """The tiers in force in their order: range, cap, models with prices, and what leaves a model out."""
        return Response({"results": tiers_told(now=timezone.now())})


class PoliciesView(APIView):
    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": ADMIN, "POST": ADMIN}

    @extend_schema(operation_id="policies_list", responses=PolicyOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        """Drafts and published versions, newest first."""
        return page_of(policy_rows(), request, self, PolicyOut)

    @extend_schema(operation_id="policies_create", request=NewPolicyIn, responses={201: PolicyOut})
    def post(self, request: ApiRequest) -> HttpResponse:
        """A new draft: of a document, or of version `based_on` (default: the one in force)."""
        wanted = valid(NewPolicyIn, request)
        based_on, document = wanted.get("based_on"), wanted.get("document")
        if document is None:
            source = _version(based_on) if based_on else current_version()
            if source is None:
                raise Http404
            document, based_on = source.document, source.version
        draft = policies.make_draft(
            caller=request.auth, document=document, note=wanted.get("note", ""), based_on=based_on
        )
        return tagged(_told(draft), status=201)


class PolicyView(APIView):
    required_scopes: ClassVar = {"GET": ADMIN, "PATCH": ADMIN, "DELETE": ADMIN}

    @extend_schema(operation_id="policies_retrieve", responses=PolicyOut)
    def get(self, request: ApiRequest, policy_id: int) -> HttpResponse:
        """A draft or version with its problems at today's prices."""
        return tagged(_told(get_object_or_404(policy_rows(), id=policy_id)))

    @extend_schema(operation_id="policies_update", request=PolicyIn, responses=PolicyOut)
    def patch(self, request: ApiRequest, policy_id: int) -> HttpResponse:
        """Replace what a draft says."""
        require_match(request, _told(get_object_or_404(policy_rows(), id=policy_id)))
        wanted = valid(PolicyIn, request)
        draft = policies.change_draft(
            caller=request.auth, draft_id=policy_id, document=wanted["document"], note=wanted.get("note")
        )
        return tagged(_told(draft))

    @extend_schema(operation_id="policies_discard", responses={204: None})
    def delete(self, request: ApiRequest, policy_id: int) -> Response:
        """Discard a draft; `POST …/restore` brings it back."""
        get_object_or_404(policy_rows(), id=policy_id)
        policies.discard_draft(caller=request.auth, draft_id=policy_id, now=timezone.now())
        return Response(status=204)


class RestorePolicyView(APIView):
    required_scopes: ClassVar = {"POST": ADMIN}

    @extend_schema(operation_id="policies_restore", request=None, responses=PolicyOut)
    def post(self, request: ApiRequest, policy_id: int) -> HttpResponse:
        """Bring back a draft that was discarded, as long as it is kept."""
        get_object_or_404(PolicyVersion.objects.discarded(), id=policy_id)
        return tagged(_told(policies.bring_back(caller=request.auth, draft_id=policy_id)))


class PublishView(APIView):
    required_scopes: ClassVar = {"POST": ADMIN}

    @extend_schema(operation_id="policies_publish", request=None, responses=PolicyOut)
    def post(self, request: ApiRequest, policy_id: int) -> HttpResponse:
        """Make a draft the version in force."""
        get_object_or_404(policy_rows(), id=policy_id)
        return tagged(_told(policies.publish(caller=request.auth, draft_id=policy_id, now=timezone.now())))


class RollBackView(APIView):
    required_scopes: ClassVar = {"POST": ADMIN}

    @extend_schema(operation_id="policies_roll_back", request=None, responses={201: PolicyOut})
    def post(self, request: ApiRequest, policy_id: int) -> HttpResponse:
        """Publish again what this version said, as the next version."""
        version = get_object_or_404(policy_rows(), id=policy_id).version
        if version is None:
            raise Http404
        again = policies.roll_back(caller=request.auth, version=version, now=timezone.now())
        return tagged(_told(again), status=201)


class PreviewView(APIView):
    required_scopes: ClassVar = {"GET": ADMIN}

    @extend_schema(operation_id="policies_preview", responses=schema.ANY_OBJECT)
    def get(self, request: ApiRequest, policy_id: int) -> Response:
        """The decisions of the last seven days asked again under this draft or version, beside the one in force."""
        one = get_object_or_404(policy_rows(), id=policy_id)
        current, now = current_version(), timezone.now()
        if current is None:
            raise Http404
        policies.refuse_problems(one.document, now=now)
        found = preview_draft(
            policy_of(current.document), policy_of(one.document), now=now, project_ids=request.auth.project_ids
        )
        told = found.told
        moves = [
            {"before": before, "after": after, "decisions": count} for (before, after), count in told.moves.items()
        ]
        return Response(
            {
                "days": found.days,
                "decisions": found.of,
                "looked_at": told.asked,
                "moved": told.moved,
                "changed_models": told.changed_models,
                "unpriced": told.unpriced,
                "cost_before_usd": found.before_usd,
                "exploring_usd": found.exploring_usd,
                "cost_after_usd": found.after_usd,
                "moves": moves,
                "quality": None if found.quality is None else told_quality(found.quality),
            }
        )


class DiffView(APIView):
    required_scopes: ClassVar = {"GET": ADMIN}

    @extend_schema(
        operation_id="policies_diff",
        parameters=[OpenApiParameter("against", int, description="a version; default: the one in force")],
        responses=schema.ANY_OBJECT,
    )
    def get(self, request: ApiRequest, policy_id: int) -> Response:
        """What this draft or version changes against another version."""
        one = get_object_or_404(policy_rows(), id=policy_id)
        text = request.query_params.get("against", "")
        other = _version(int(text)) if text.isdecimal() and len(text) < 9 else current_version()
        if other is None:
            raise Http404
        found = differences(other.document, one.document)
        changes = [{"path": each.path, "before": each.before, "after": each.after} for each in found]
        return Response({"against": other.version, "differences": changes})


def _version(number: int) -> PolicyVersion:
    return get_object_or_404(PolicyVersion.objects.all(), version=number)


def _told(row: PolicyVersion) -> dict[str, Any]:
    problems = checked(row.document, now=timezone.now())[1]
    listed = [{"path": one.path, "code": one.code, "message": one.message, "blocks": one.blocks} for one in problems]
    return {**PolicyOut(row).data, "problems": listed}
