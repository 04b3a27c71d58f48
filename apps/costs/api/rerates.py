"""`/api/rerates`: runs of re-rating, from the dry run to the reversal."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.authentication import ApiRequest
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Scope
from apps.access.selectors.places import project_id_of
from apps.costs.api import schema
from apps.costs.models import RerateRun, RerateState
from apps.costs.selectors import rerates
from apps.costs.services import rerating

NAME = 256
MAX_ROWS = 1000


@extend_schema_field(schema.MONEY)
class MoneyField(serializers.ReadOnlyField):
    """USD, exact; the renderer writes it as a string."""


class RerateOut(serializers.ModelSerializer[RerateRun]):
    """One run: its filter, where it stands, and the totals of its preview."""

    state = serializers.ChoiceField(RerateState.choices)
    projects = serializers.SerializerMethodField(help_text="null: every project but those of demo data")
    models = serializers.ListField(source="models_named", child=serializers.CharField())
    name = serializers.CharField(source="name_sent")
    until = serializers.DateTimeField(source="end", allow_null=True)
    percent = serializers.SerializerMethodField()
    was_usd = MoneyField()
    is_usd = MoneyField()

    class Meta:
        model = RerateRun
        fields = (
            "id", "state", "why", "projects", "provider", "models", "name", "only_unpriced", "until",
            "include_reported", "asked_by", "asked_at", "previewed_at", "approved_by", "approved_at", "applied_at",
            "reversed_by", "reversed_at", "price_book_version", "percent", "seen", "changed", "unchanged",
            "still_unpriced", "reported", "dropped_calls", "was_usd", "is_usd", "applied", "gone", "reversed",
        )  # fmt: skip

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is no name a class can have."""
        return super().get_fields() | {"from": serializers.DateTimeField(source="start", allow_null=True)}

    @extend_schema_field({"type": ["array", "null"], "items": {"type": "string"}})
    def get_projects(self, run: RerateRun) -> list[str] | None:
        return None if run.project_ids is None else rerates.project_words(run)

    def get_percent(self, run: RerateRun) -> int:
        return rerates.percent(run)


class RerateIn(serializers.Serializer[Any]):
    """The filter of a run; what is left out limits nothing. The period is half-open."""

    project = serializers.CharField(max_length=NAME, required=False)
    provider = serializers.CharField(max_length=NAME, required=False, default="", allow_blank=True)
    models = serializers.ListField(
        child=serializers.CharField(max_length=NAME), max_length=1000, required=False, default=list
    )
    name = serializers.CharField(max_length=NAME, required=False, default="", trim_whitespace=False, allow_blank=True)
    only_unpriced = serializers.BooleanField(required=False, default=False)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    include_reported = serializers.BooleanField(required=False, default=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is no name a class can have."""
        start = serializers.DateTimeField(required=False, allow_null=True, default=None)
        return super().get_fields() | {"from": start}


class ReratesView(APIView):
    """Runs, newest first; asking for one makes its dry run in the background."""

    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="rerates_list", responses=RerateOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return page_of(rerates.runs_of(request.auth), request, self, RerateOut)

    @extend_schema(operation_id="rerates_create", request=RerateIn, responses={202: RerateOut})
    def post(self, request: ApiRequest) -> Response:
        """Nothing is changed until the run is approved; read it again until its state is `previewed`."""
        wanted = valid(RerateIn, request)
        project = wanted.get("project")
        chosen = rerating.Filter(
            project_ids=None if project is None else [_project(request, project)],
            provider=wanted["provider"],
            models=wanted["models"],
            name=wanted["name"],
            only_unpriced=wanted["only_unpriced"],
            start=wanted["from"],
            end=wanted["until"],
            include_reported=wanted["include_reported"],
        )
        return Response(RerateOut(rerating.ask(caller=request.auth, wanted=chosen)).data, status=202)


class RerateView(APIView):
    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="rerates_retrieve", responses=RerateOut)
    def get(self, request: ApiRequest, run_id: int) -> Response:
        return Response(RerateOut(_run(request, run_id)).data)


_ROW = {
    "name": schema.TEXT,
    "project": schema.TEXT,
    **dict.fromkeys(("records", "calls", "priced_calls", "unpriced_calls"), schema.NUMBER),
    **dict.fromkeys(("was_usd", "is_usd", "difference_usd"), schema.MONEY),
}
_LINE = {
    "line": schema.NUMBER,
    **dict.fromkeys(("id", "project", "model", "state"), schema.TEXT),
    "occurred_at": schema.MOMENT,
    "conversation_id": schema.nullable(schema.TEXT),
    "calls": schema.NUMBER,
    **{name: schema.nullable(schema.MONEY) for name in ("was_usd", "is_usd")},
    **{name: schema.nullable(schema.NUMBER) for name in ("was_price_id", "is_price_id")},
}


class DifferencesView(APIView):
    """What a run changes by model, project or conversation."""

    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(
        operation_id="rerates_differences",
        parameters=[OpenApiParameter("by", str, enum=list(rerates.BY), description="Default: model.")],
        responses={(200, "application/json"): schema.results(_ROW)},
    )
    def get(self, request: ApiRequest, run_id: int) -> Response:
        """The largest 1,000 differences first."""
        run, by = _run(request, run_id), request.query_params.get("by", "model")
        if by not in rerates.BY:
            raise ValidationError({"by": f"Expected one of {', '.join(rerates.BY)}."})
        rows = rerates.differences(run, by, limit=MAX_ROWS)
        return Response({"results": [{name: getattr(row, name) for name in _ROW} for row in rows]})


class LinesView(APIView):
    """The records a run changes: what each was, and what it is then."""

    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(
        operation_id="rerates_records",
        parameters=[OpenApiParameter("after", int, description="`line` of the last record of the page before.")],
        responses={(200, "application/json"): schema.results(_LINE)},
    )
    def get(self, request: ApiRequest, run_id: int) -> Response:
        """Up to 1,000 records at a time, in a stable order."""
        run, after = _run(request, run_id), request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal() and len(after) < 19):
            raise ValidationError({"after": "Expected a whole number."})
        rows = rerates.lines_after(run, int(after), MAX_ROWS)
        return Response({"results": [{name: row[name] for name in _LINE} for row in rows]})


class _Decision(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}
    act: ClassVar[Callable[..., RerateRun]]

    def decided(self, request: ApiRequest, run_id: int) -> Response:
        _run(request, run_id)
        return Response(RerateOut(type(self).act(caller=request.auth, run_id=run_id)).data)


class ApproveView(_Decision):
    act = rerating.approve

    @extend_schema(operation_id="rerates_approve", request=None, responses=RerateOut)
    def post(self, request: ApiRequest, run_id: int) -> Response:
        """Let a previewed run be applied, in the background."""
        return self.decided(request, run_id)


class AbandonView(_Decision):
    act = rerating.abandon

    @extend_schema(operation_id="rerates_abandon", request=None, responses=RerateOut)
    def post(self, request: ApiRequest, run_id: int) -> Response:
        """End a run of which nothing was applied."""
        return self.decided(request, run_id)


class ReverseView(_Decision):
    act = rerating.ask_to_reverse

    @extend_schema(operation_id="rerates_reverse", request=None, responses=RerateOut)
    def post(self, request: ApiRequest, run_id: int) -> Response:
        """Put back what a run applied, in the background; later runs over the same records come first."""
        return self.decided(request, run_id)


def _run(request: ApiRequest, run_id: int) -> RerateRun:
    try:
        return rerates.run_of(request.auth, run_id)
    except RerateRun.DoesNotExist as error:
        raise Http404 from error


def _project(request: ApiRequest, name: str) -> int:
    found = project_id_of(name)
    if found is None or not request.auth.sees_project(found):
        raise Refused("There is no such project, or you do not see it.", code="unknown_project", path="project")
    return found
