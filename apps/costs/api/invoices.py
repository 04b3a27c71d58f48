"""`/api/invoices`: what providers billed, beside what was counted."""

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.fields import MoneyField
from apps.access.api.paging import IdPages
from apps.access.api.preconditions import require_match, tagged
from apps.access.authentication import ApiRequest
from apps.access.domain.errors import NotAllowed
from apps.access.domain.identity import Scope
from apps.costs.domain.invoicing import MAX_NAME, MAX_NOTE, Billed
from apps.costs.domain.money_format import format_money
from apps.costs.models import InvoiceLine
from apps.costs.selectors.invoices import CheckedLine, checked, invoice_lines
from apps.costs.services import invoices as services


class InvoiceIn(serializers.Serializer[Any]):
    provider = serializers.CharField(max_length=MAX_NAME)
    model = serializers.CharField(max_length=MAX_NAME, default="", allow_blank=True)
    first_day = serializers.DateField()
    last_day = serializers.DateField(help_text="included")
    zone = serializers.CharField(max_length=64, default="UTC")
    amount_usd = MoneyField(help_text="a decimal string in USD")
    note = serializers.CharField(max_length=MAX_NOTE, default="", allow_blank=True)


class InvoiceOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    provider = serializers.CharField()
    model = serializers.CharField(allow_blank=True)
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    zone = serializers.CharField()
    amount_usd = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class CheckedInvoiceOut(InvoiceOut):
    our_usd = serializers.CharField(allow_null=True, help_text="null where retention dropped sums of its days")
    difference_usd = serializers.CharField(allow_null=True, help_text="billed less counted")
    difference_percent = serializers.CharField(allow_null=True)
    unpriced_calls = serializers.IntegerField()
    estimated_calls = serializers.IntegerField()


class InvoicesView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="invoices_list", responses=CheckedInvoiceOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        """Every line with our total of the same days."""
        _see_all(request)
        pages = IdPages()
        lines = pages.paginate_queryset(invoice_lines(), request, self) or []
        rows = checked(lines, now=timezone.now())
        return pages.get_paginated_response([_checked(row) for row in rows])

    @extend_schema(operation_id="invoices_enter", request=InvoiceIn, responses={201: InvoiceOut})
    def post(self, request: ApiRequest) -> Response:
        """Enter a line; entering the same again changes nothing."""
        line = services.enter_invoice(caller=request.auth, billed=_billed(valid(InvoiceIn, request)))
        return Response(_told(line), status=201)


class InvoiceView(APIView):
    required_scopes = {"GET": Scope.ADMIN, "PATCH": Scope.ADMIN, "DELETE": Scope.ADMIN}

    @extend_schema(operation_id="invoices_retrieve", responses=InvoiceOut)
    def get(self, request: ApiRequest, line_id: int) -> HttpResponse:
        _see_all(request)
        return tagged(_told(get_object_or_404(invoice_lines(), id=line_id)))

    @extend_schema(operation_id="invoices_change", request=InvoiceIn, responses=InvoiceOut)
    def patch(self, request: ApiRequest, line_id: int) -> HttpResponse:
        line = get_object_or_404(invoice_lines(), id=line_id)
        require_match(request, _told(line))
        typed = valid(InvoiceIn, request, partial=True)
        now = {name: getattr(line, name) for name in services.FIELDS} | {"amount_usd": str(line.amount_usd)}
        changed = services.change_invoice(
            caller=request.auth, line_id=line_id, billed=_billed(now | typed), version=line.version
        )
        return tagged(_told(changed))

    @extend_schema(operation_id="invoices_delete", responses={204: None})
    def delete(self, request: ApiRequest, line_id: int) -> Response:
        """Delete a line; `POST …/restore` puts it back."""
        get_object_or_404(invoice_lines(), id=line_id)
        services.delete_invoice(caller=request.auth, line_id=line_id)
        return Response(status=204)


class RestoreInvoiceView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="invoices_restore", request=None, responses=InvoiceOut)
    def post(self, request: ApiRequest, line_id: int) -> Response:
        """Put a deleted line back."""
        get_object_or_404(InvoiceLine, id=line_id)
        return Response(_told(services.restore_invoice(caller=request.auth, line_id=line_id)))


def _see_all(request: ApiRequest) -> None:
    if request.auth.is_limited:
        raise NotAllowed("A bill covers every project; this caller sees only some.", code="all_projects")


def _billed(typed: dict[str, Any]) -> Billed:
    return Billed(**{name: typed[name] for name in services.FIELDS} | {"amount_usd": Decimal(typed["amount_usd"])})


def _told(line: InvoiceLine) -> dict[str, Any]:
    shown = {name: getattr(line, name) for name in services.FIELDS if name != "amount_usd"}
    days = {name: shown[name].isoformat() for name in ("first_day", "last_day")}
    made = {"created_by": line.created_by, "created_at": line.created_at}
    return {"id": line.pk, **shown, **days, "amount_usd": format_money(line.amount_usd), **made}


def _checked(row: CheckedLine) -> dict[str, Any]:
    return {
        **_told(row.line),
        "our_usd": None if row.ours is None else format_money(row.ours),
        "difference_usd": None if row.difference is None else format_money(row.difference),
        "difference_percent": None if row.percent is None else str(row.percent),
        "unpriced_calls": row.totals.unpriced_calls,
        "estimated_calls": row.totals.estimated_calls,
    }
