"""`/api/settings/reporting` and `/api/currency-rates`: how numbers are read."""

from decimal import Decimal
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
from apps.costs.models import CurrencyRate
from apps.costs.selectors.currencies import currency_rates
from apps.costs.selectors.reporting import WEEKDAYS, reporting
from apps.costs.services import reporting as services

READING = frozenset({Scope.METRICS_READ, Scope.ADMIN})
RATE = r"^\d{1,9}(\.\d{1,10})?$"


class ReportingBody(serializers.Serializer[Any]):
    zone = serializers.CharField(max_length=64, help_text="IANA time zone")
    week_start = serializers.ChoiceField(list(WEEKDAYS))
    currency = serializers.CharField(max_length=3, help_text="shown beside US dollars on pages; USD: none")


class RateIn(serializers.Serializer[Any]):
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    first_day = serializers.DateField()
    per_dollar = serializers.RegexField(RATE, help_text="a decimal string: what one US dollar is worth")
    note = serializers.CharField(max_length=500, default="", allow_blank=True)


class RateOut(serializers.ModelSerializer[CurrencyRate]):
    per_dollar = serializers.SerializerMethodField()

    class Meta:
        model = CurrencyRate
        fields = ("id", "currency", "first_day", "per_dollar", "note", "created_by", "created_at")

    def get_per_dollar(self, rate: CurrencyRate) -> str:
        return f"{rate.per_dollar.normalize():f}"


class ReportingView(APIView):
    required_scopes = {"GET": READING, "PATCH": Scope.ADMIN}

    @extend_schema(operation_id="settings_reporting", responses=ReportingBody)
    def get(self, request: ApiRequest) -> HttpResponse:
        return tagged(_told())

    @extend_schema(operation_id="settings_reporting_change", request=ReportingBody, responses=ReportingBody)
    def patch(self, request: ApiRequest) -> HttpResponse:
        """Change where days and weeks begin, or the currency shown beside US dollars. No total changes."""
        require_match(request, _told())
        wanted = valid(ReportingBody, request, partial=True)
        if "week_start" in wanted:
            wanted["week_start"] = WEEKDAYS.index(wanted["week_start"])
        services.change_reporting(caller=request.auth, version=reporting().version, **wanted)
        return tagged(_told())


class CurrencyRatesView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": READING, "POST": Scope.ADMIN}

    @extend_schema(operation_id="currency_rates_list", responses=RateOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return page_of(currency_rates(), request, self, RateOut)

    @extend_schema(operation_id="currency_rates_add", request=RateIn, responses={201: RateOut})
    def post(self, request: ApiRequest) -> Response:
        """Say what a US dollar is worth from a day on; the same again changes nothing."""
        typed = valid(RateIn, request)
        rate = services.add_rate(caller=request.auth, **typed | {"per_dollar": Decimal(typed["per_dollar"])})
        return Response(RateOut(rate).data, status=201)


class CurrencyRateView(APIView):
    required_scopes = {"DELETE": Scope.ADMIN}

    @extend_schema(operation_id="currency_rates_delete", responses={204: None})
    def delete(self, request: ApiRequest, rate_id: int) -> Response:
        """Delete a rate; `POST …/restore` puts it back."""
        get_object_or_404(currency_rates(), id=rate_id)
        services.delete_rate(caller=request.auth, rate_id=rate_id)
        return Response(status=204)


class RestoreCurrencyRateView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="currency_rates_restore", request=None, responses=RateOut)
    def post(self, request: ApiRequest, rate_id: int) -> Response:
        """Put a deleted rate back."""
        get_object_or_404(CurrencyRate, id=rate_id)
        return Response(RateOut(services.restore_rate(caller=request.auth, rate_id=rate_id)).data)


def _told() -> dict[str, Any]:
    now = reporting()
    return {"zone": now.zone.key, "week_start": WEEKDAYS[now.week_start], "currency": now.currency}
