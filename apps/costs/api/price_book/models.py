"""`/api/models`: the models of the price book, the names that mean them, and which price holds when."""

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.costs.api import schema
from apps.costs.api.price_book.acting import refuse_another_book, term_of
from apps.costs.api.price_book.prices import (
    PREVIEW,
    PRICE,
    PriceIn,
    answers,
    look_at,
    refuse_doubts,
    told_preview,
    told_price,
)
from apps.costs.api.price_book.rates import rates_of
from apps.costs.domain.price_schedule import holding
from apps.costs.domain.providers import canonical_provider
from apps.costs.models import LanguageModel, Price
from apps.costs.selectors.price_history import Segment, price_history
from apps.costs.selectors.rate_book import current_rate_book, current_version
from apps.costs.services.price_book.own import create_priced_model
from apps.costs.services.price_book.rehearsing import rehearse

_MODEL: dict[str, dict[str, Any]] = {
    "id": schema.NUMBER,
    "provider": schema.TEXT,
    "name": schema.TEXT,
    "title": schema.TEXT,
    "context_window": schema.nullable(schema.NUMBER),
    "is_deprecated": {"type": "boolean"},
    "aliases": schema.listed(schema.TEXT),
    "own_aliases": schema.listed(schema.TEXT),
    "rule": schema.nullable({"type": "object"}),
}
_LISTED = _MODEL | {"price": schema.nullable(schema.record(**PRICE))}
_SEGMENT = {
    "from": schema.nullable(schema.MOMENT),
    "until": schema.nullable(schema.MOMENT),
    "is_now": {"type": "boolean"},
    "note": schema.TEXT,
    "entered_by": schema.TEXT,
    "price": schema.nullable(schema.record(**PRICE)),
}
_WHOLE = schema.record(**_MODEL, history=schema.listed(schema.record(**_SEGMENT)))
_MADE = schema.record(
    dry_run={"type": "boolean"},
    book_version=schema.NUMBER,
    model=schema.nullable(schema.record(**_LISTED)),
    preview=PREVIEW,
)
_FILTERS = [
    OpenApiParameter("provider", str, description="Only models of this provider."),
    OpenApiParameter("q", str, description="Only models whose provider and name contain each of these words."),
]


class ModelsView(APIView):
    """What models there are and what they cost now."""

    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="models_list", parameters=_FILTERS, responses=answers(schema.results(_LISTED), 200))
    def get(self, request: ApiRequest) -> Response:
        """Every model with the price in force; null: no price holds now."""
        pages = IdPages()
        rows = pages.paginate_queryset(_models(request), request, self) or []
        return pages.get_paginated_response(_with_prices(rows, timezone.now()))

    @extend_schema(operation_id="models_make", request=PriceIn, responses=answers(_MADE, 200, 201))
    def post(self, request: ApiRequest) -> Response:
        """Make a model no list has, with its own price; 409 when the book has it."""
        typed, now = valid(PriceIn, request), timezone.now()
        term, rates = term_of(typed, now), rates_of(typed)

        def act() -> LanguageModel:
            return create_priced_model(
                caller=request.auth, provider=typed["provider"], name=typed["model"], rates=rates, term=term, now=now,
                note=typed["note"],
            )  # fmt: skip

        refuse_another_book(typed)
        seen = rehearse(act)
        looked = look_at(request, seen, seen.result.pk, term, now)
        refuse_doubts(typed, looked)
        made = None if typed["dry_run"] else _with_prices([act()], now)[0]
        told = {"dry_run": typed["dry_run"], "book_version": current_version(), "model": made}
        return Response({**told, "preview": told_preview(looked)}, status=201 if made else 200)


class ModelView(APIView):
    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="models_retrieve", responses=answers(_WHOLE, 200))
    def get(self, request: ApiRequest, model_id: int) -> Response:
        """One model, and which price held, holds and will hold when, oldest first; ends are open where null."""
        try:
            history = price_history(model_id, timezone.now())
        except LanguageModel.DoesNotExist as error:
            raise Http404 from error
        return Response({**_told(history.model), "history": [_segment(one) for one in history.segments]})


def _models(request: ApiRequest) -> QuerySet[LanguageModel]:
    rows = LanguageModel.objects.all()
    if provider := request.query_params.get("provider"):
        rows = rows.filter(provider_id=canonical_provider(provider))
    for word in request.query_params.get("q", "")[:128].split():
        rows = rows.filter(Q(provider__id__icontains=word) | Q(name__icontains=word))
    return rows


def _with_prices(rows: list[LanguageModel], now: datetime) -> list[dict[str, Any]]:
    book = current_rate_book()
    held = {row.pk: holding(book.prices_of(row.pk), now) for row in rows}
    ids = [version.id for version in held.values() if version]
    prices = {price.pk: price for price in Price.objects.filter(id__in=ids).select_related("model")}
    told = []
    for row in rows:
        version = held[row.pk]
        told.append(_told(row) | {"price": told_price(prices[version.id]) if version else None})
    return told


def _told(row: LanguageModel) -> dict[str, Any]:
    return {"provider": row.provider_id} | {name: getattr(row, name) for name in _MODEL if name != "provider"}


def _segment(one: Segment) -> dict[str, Any]:
    return {
        "from": one.start,
        "until": one.end,
        "is_now": one.is_now,
        "note": one.own.note if one.own else "",
        "entered_by": one.own.created_by if one.own else "",
        "price": told_price(one.price) if one.price else None,
    }
