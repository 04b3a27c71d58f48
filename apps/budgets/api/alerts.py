"""`/api/alerts`: list, one, acknowledge, silence, take back."""

from collections.abc import Callable
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.budgets.models import Alert, AlertState, Severity
from apps.budgets.selectors.inbox import ALL, OPEN, AlertFilter, alerts_of
from apps.budgets.services.alerting import acting


class FactOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField()


class AlertOut(serializers.ModelSerializer[Alert]):
    """An alert. `facts` are words and numbers for people, in their order."""

    facts = serializers.SerializerMethodField()

    class Meta:
        model = Alert
        fields = (
            "id",
            "kind",
            "subject",
            "occurrence",
            "severity",
            "title",
            "facts",
            "budget_id",
            "project_id",
            "state",
            "raised_at",
            "changed_at",
            "changed_by",
            "silenced_until",
            "resolved_at",
        )

    @extend_schema(responses=FactOut(many=True))
    def get_facts(self, alert: Alert) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in alert.facts]


class AlertQuery(serializers.Serializer[Any]):
    """Filters. Without `state`, those whose cause is not over."""

    state = serializers.ChoiceField([OPEN, *AlertState.values, ALL], default=OPEN)
    severity = serializers.ChoiceField(Severity.values, required=False)
    kind = serializers.CharField(required=False, max_length=32)
    budget_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class SilenceIn(serializers.Serializer[Any]):
    until = serializers.DateTimeField()


class AlertsView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="alerts_list", parameters=[AlertQuery], responses=AlertOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        query = AlertQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return page_of(alerts_of(request.auth, AlertFilter(**query.validated_data)), request, self, AlertOut)


class AlertView(APIView):
    required_scopes = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="alerts_retrieve", responses=AlertOut)
    def get(self, request: ApiRequest, alert_id: int) -> Response:
        return Response(AlertOut(get_object_or_404(Alert.objects.visible_to(request.auth), id=alert_id)).data)


class AcknowledgeView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="alerts_acknowledge", request=None, responses=AlertOut)
    def post(self, request: ApiRequest, alert_id: int) -> Response:
        return _acted(acting.acknowledge, request, alert_id)


class SilenceView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="alerts_silence", request=SilenceIn, responses=AlertOut)
    def post(self, request: ApiRequest, alert_id: int) -> Response:
        return _acted(acting.silence, request, alert_id, until=valid(SilenceIn, request)["until"])


class TakeBackView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="alerts_take_back", request=None, responses=AlertOut)
    def post(self, request: ApiRequest, alert_id: int) -> Response:
        return _acted(acting.fire_again, request, alert_id)


def _acted(act: Callable[..., Alert], request: ApiRequest, alert_id: int, **arguments: Any) -> Response:
    try:
        alert = act(caller=request.auth, alert_id=alert_id, now=timezone.now(), **arguments)
    except Alert.DoesNotExist as error:
        raise Http404 from error
    return Response(AlertOut(alert).data)
