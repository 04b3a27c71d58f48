"""`/api/price-lists`: the public lists, what newer editions would change, deciding on it, and where they disagree."""

from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.costs.api import schema
from apps.costs.api.price_book.acting import CHANGE, told_change
from apps.costs.api.price_book.prices import PRICE, answers, told_price
from apps.costs.domain.money_format import format_money
from apps.costs.models import ChangeState, ListChange, ListComparison, Price, PriceListEdition
from apps.costs.selectors import price_lists as lists
from apps.costs.services.price_lists import apply_changes, ask_for_check, decide, undo_changes, use_price_of

_STATE = {
    "source": schema.TEXT,
    "version": schema.TEXT,
    "taken_on": schema.nullable(schema.MOMENT),
    "age_days": schema.nullable(schema.NUMBER),
    "is_stale": {"type": "boolean"},
    "models": schema.NUMBER,
    "edition_id": schema.nullable(schema.NUMBER),
    "applied_at": schema.nullable(schema.MOMENT),
    "applied_by": schema.TEXT,
    "undoable": schema.NUMBER,
    "gone": schema.listed(schema.TEXT),
    "failed": {"type": "boolean"},
    "words": schema.TEXT,
}
_CHECK = schema.record(
    asked_by=schema.TEXT,
    asked_at=schema.MOMENT,
    finished_at=schema.nullable(schema.MOMENT),
    is_busy={"type": "boolean"},
)
_STATES = [state.value for state in ChangeState]
_LISTS = schema.record(
    lists=schema.listed(schema.record(**_STATE)),
    check=schema.nullable(_CHECK),
    counts=schema.record(**dict.fromkeys(_STATES, schema.NUMBER)),
)
_LINE = schema.record(
    unit=schema.TEXT, was=schema.nullable(schema.TEXT), will_be=schema.nullable(schema.TEXT), ratio=schema.TEXT
)
_PROPOSED = {
    "id": schema.NUMBER,
    "source": schema.TEXT,
    "edition": schema.TEXT,
    "kind": schema.TEXT,
    "state": {"enum": _STATES},
    "provider": schema.TEXT,
    "model": schema.TEXT,
    "effective_from": schema.nullable(schema.MOMENT),
    "rates": schema.listed(_LINE),
    "calls": schema.nullable(schema.NUMBER),
    "effect_usd": schema.nullable(schema.MONEY),
    "decided_by": schema.TEXT,
    "decided_at": schema.nullable(schema.MOMENT),
}
_DISAGREEMENT = {
    "id": schema.NUMBER,
    "provider": schema.TEXT,
    "model": schema.TEXT,
    "unit": schema.TEXT,
    "ratio": schema.TEXT,
    "calls": schema.NUMBER,
    "first": schema.record(**PRICE),
    "second": schema.record(**PRICE),
    "first_usd": schema.nullable(schema.MONEY),
    "second_usd": schema.nullable(schema.MONEY),
}


class PriceListsView(APIView):
    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="price_lists", responses=answers(_LISTS, 200))
    def get(self, request: ApiRequest) -> Response:
        """Both lists, the last look at them, and how many proposed prices are in which state."""
        now = timezone.now()
        states = [{name: getattr(one, name) for name in _STATE} for one in lists.list_states(now)]
        counts = lists.counts_by_state()
        told = {state: counts.get(state, 0) for state in _STATES}
        return Response({"lists": states, "check": _check(now), "counts": told})


class CheckListsView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="price_lists_check", request=None, responses=answers(_CHECK, 202))
    def post(self, request: ApiRequest) -> Response:
        """Look for newer prices in the background; 409 while that goes on. Nothing is applied."""
        now = timezone.now()
        ask_for_check(caller=request.auth, now=now)
        return Response(_check(now), status=202)


class ApplyListsView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(
        operation_id="price_lists_apply",
        request=None,
        responses=answers({"type": "object", "additionalProperties": schema.NUMBER}, 200),
    )
    def post(self, request: ApiRequest) -> Response:
        """Append every price that is open or accepted; how many of which list. They hold from now on."""
        applied = apply_changes(caller=request.auth, now=timezone.now())
        return Response({source: one.prices for source, one in applied.items()})


class ListChangesView(APIView):
    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(
        operation_id="price_lists_changes",
        parameters=[OpenApiParameter("state", str, enum=_STATES, description="Only those in this state.")],
        responses=answers(schema.results(_PROPOSED), 200),
    )
    def get(self, request: ApiRequest) -> Response:
        """Prices that a newer edition proposes, with old and new rates and what they would make of 30 days."""
        state = request.query_params.get("state")
        if state not in (None, *_STATES):
            raise ValidationError({"state": f"One of {', '.join(_STATES)}."})
        rows = ListChange.objects.select_related("edition").defer("edition__data")
        pages = IdPages()
        found = pages.paginate_queryset(rows.filter(state=state) if state else rows, request, self) or []
        return pages.get_paginated_response([_proposed(row) for row in found])


class DecideView(APIView):
    """Accepting and rejecting share what they do."""

    required_scopes: ClassVar = {"POST": Scope.ADMIN}
    accepts: ClassVar[bool]

    def _decide(self, request: ApiRequest, change_id: int) -> Response:
        try:
            row = decide(caller=request.auth, change_id=change_id, accept=self.accepts, now=timezone.now())
        except ListChange.DoesNotExist as error:
            raise Http404 from error
        return Response(_proposed(row))


class AcceptView(DecideView):
    accepts = True

    @extend_schema(operation_id="price_lists_accept", request=None, responses=answers(schema.record(**_PROPOSED), 200))
    def post(self, request: ApiRequest, change_id: int) -> Response:
        """Let a price that waits for a decision be written with the next application."""
        return self._decide(request, change_id)


class RejectView(DecideView):
    accepts = False

    @extend_schema(operation_id="price_lists_reject", request=None, responses=answers(schema.record(**_PROPOSED), 200))
    def post(self, request: ApiRequest, change_id: int) -> Response:
        """Refuse a price; the same value is not asked again."""
        return self._decide(request, change_id)


class UndoEditionView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(
        operation_id="price_lists_undo", request=None, responses=answers(schema.record(prices=schema.NUMBER), 200)
    )
    def post(self, request: ApiRequest, edition_id: int) -> Response:
        """Set every price that an edition changed back to what it was, from now on."""
        try:
            prices = undo_changes(caller=request.auth, edition_id=edition_id, now=timezone.now())
        except PriceListEdition.DoesNotExist as error:
            raise Http404 from error
        return Response({"prices": prices})


class DisagreementsView(APIView):
    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="price_lists_disagreements", responses=answers(schema.results(_DISAGREEMENT), 200))
    def get(self, request: ApiRequest) -> Response:
        """Models on whose price the lists disagree, and the last 30 days at either price."""
        pages = IdPages()
        rows = pages.paginate_queryset(ListComparison.objects.all(), request, self) or []
        prices = Price.objects.select_related("model").in_bulk(
            {id for row in rows for id in (row.first_price_id, row.second_price_id)}
        )
        told = [_disagreement(one, prices) for one in lists.disagreements(rows)]
        return pages.get_paginated_response(told)


class UseIn(serializers.Serializer[Any]):
    """The list whose price is to hold."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`source` is a name that a serializer keeps for itself."""
        return super().get_fields() | {"source": serializers.ChoiceField(lists.LISTS)}


class UsePriceView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(
        operation_id="price_lists_use",
        request=UseIn,
        responses=answers(schema.record(change=schema.nullable(CHANGE)), 200, 201),
    )
    def post(self, request: ApiRequest, comparison_id: int) -> Response:
        """Take one list's price as an own price from now on; `change` is null where it holds already."""
        source = valid(UseIn, request)["source"]
        try:
            change = use_price_of(caller=request.auth, comparison_id=comparison_id, source=source, now=timezone.now())
        except ListComparison.DoesNotExist as error:
            raise Http404 from error
        return Response({"change": told_change(change)}, status=201 if change else 200)


def _check(now: datetime) -> dict[str, Any] | None:
    check = lists.last_check(now)
    names = ("asked_by", "asked_at", "finished_at", "is_busy")
    return None if check is None else {name: getattr(check, name) for name in names}


def _proposed(row: ListChange) -> dict[str, Any]:
    [shown] = lists.change_rows([row])
    lines = [{"unit": one.unit, "was": one.old, "will_be": one.new, "ratio": one.ratio} for one in shown.lines]
    return {
        **{name: getattr(row, name) for name in ("id", "source", "kind", "state", "provider")},
        "edition": row.edition.version,
        "model": row.name,
        "effective_from": row.starts,
        "rates": lines,
        "calls": row.calls,
        "effect_usd": None if row.effect_usd is None else format_money(row.effect_usd),
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
    }


def _disagreement(one: lists.Disagreement, prices: dict[int, Price]) -> dict[str, Any]:
    row = one.row
    usd = {name: getattr(row, name) for name in ("first_usd", "second_usd")}
    return {
        **{name: getattr(row, name) for name in ("id", "provider", "unit", "calls")},
        "model": row.name,
        "ratio": one.ratio,
        "first": told_price(prices[row.first_price_id]),
        "second": told_price(prices[row.second_price_id]),
        **{name: None if value is None else format_money(value) for name, value in usd.items()},
    }
