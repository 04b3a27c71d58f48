"""`/api/baselines`: what savings are measured against."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.costs.api.schema import MONEY
from apps.routing.models import BaselineRow
from apps.routing.selectors.baselines import declared_of, every_baseline
from apps.routing.services.savings.declaring import as_typed, declare, withdraw

USD = r"^[0-9]{1,12}(\.[0-9]{1,15})?\Z"


@extend_schema_field(MONEY)
class MoneyField(serializers.ReadOnlyField):
    """USD, exact; the renderer writes it as a string."""


class BaselineOut(serializers.ModelSerializer[BaselineRow]):
    words = serializers.SerializerMethodField()
    monthly_usd = MoneyField()

    class Meta:
        model = BaselineRow
        fields = (
            "id", "words", "models_by_role", "policy_version", "starts_at", "monthly_usd", "note", "declared_by",
            "declared_at", "withdrawn_by", "withdrawn_at",
        )  # fmt: skip

    def get_words(self, row: BaselineRow) -> str:
        return declared_of(row).baseline.words


class BaselineIn(serializers.Serializer[Any]):
    """One model, others by role (lines `role = provider/name`), or a published version; from a local day on."""

    model = serializers.CharField(max_length=260, required=False, allow_blank=True, default="")
    by_role = serializers.CharField(max_length=8000, required=False, allow_blank=True, default="")
    policy_version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    first_day = serializers.DateField(required=False)
    monthly_usd = serializers.RegexField(USD, required=False, default="0")
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class BaselinesView(APIView):
    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="baselines_list", responses=BaselineOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        """Every baseline that was declared, newest first, withdrawn ones too."""
        return page_of(every_baseline(), request, self, BaselineOut)

    @extend_schema(operation_id="baselines_declare", request=BaselineIn, responses={201: BaselineOut})
    def post(self, request: ApiRequest) -> Response:
        """Declare what was in use before. Days from its first on are compared with it, in the background."""
        given, now = valid(BaselineIn, request), timezone.now()
        wanted = as_typed(**{"first_day": now.date(), **given})
        row = declare(caller=request.auth, wanted=wanted, now=now)
        return Response(BaselineOut(row).data, status=201)


class WithdrawBaselineView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="baselines_withdraw", request=None, responses=BaselineOut)
    def post(self, request: ApiRequest, baseline_id: int) -> Response:
        """Withdraw a declaration; what was declared before it holds again."""
        return Response(BaselineOut(withdraw(caller=request.auth, baseline_id=baseline_id, now=timezone.now())).data)
