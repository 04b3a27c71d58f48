"""`/api/prices`: every price that was ever entered, and own prices: set, end, import, undo."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages
from apps.access.authentication import ApiRequest
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Scope
from apps.costs.api import schema
from apps.costs.api.price_book.acting import (
    CHANGE,
    EFFECT,
    NAME,
    ActIn,
    TermIn,
    done,
    refuse_another_book,
    term_of,
    told_change,
    told_effect,
)
from apps.costs.api.price_book.rates import PRICE_RATES_SCHEMA, RatesIn, rates_of, told_rates
from apps.costs.domain.money_format import format_money
from apps.costs.domain.pricing.plain import rate_text
from apps.costs.domain.providers import canonical_provider
from apps.costs.models import LanguageModel, Price, PriceChange
from apps.costs.selectors.price_effect import effect
from apps.costs.selectors.price_history import model_named
from apps.costs.selectors.price_preview import TYPICAL_INPUT, TYPICAL_OUTPUT, Preview, preview
from apps.costs.selectors.rate_book import rates_of as rates_of_row
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.price_book.changes import undo_change
from apps.costs.services.price_book.importing import ImportPlan, import_own_prices, plan_import
from apps.costs.services.price_book.own import Term, end_own_price, set_own_price
from apps.costs.services.price_book.rehearsing import Rehearsed, rehearse

MOST_CSV = 1_000_000
_RATE = schema.nullable(schema.TEXT)
PRICE = {
    "id": schema.NUMBER,
    "provider": schema.TEXT,
    "model": schema.TEXT,
    "model_id": schema.NUMBER,
    "source": schema.TEXT,
    "source_version": schema.TEXT,
    "source_date": schema.nullable(schema.TEXT),
    "effective_from": schema.nullable(schema.MOMENT),
    "factor": _RATE,
    "derived_from": schema.nullable(schema.NUMBER),
    **PRICE_RATES_SCHEMA,
}
_DOUBT = schema.record(unit=schema.TEXT, code=schema.TEXT, message=schema.TEXT, instead=_RATE)
PREVIEW = schema.record(
    units=schema.listed(schema.record(label=schema.TEXT, was=_RATE, will_be=_RATE)),
    typical_call=schema.record(
        input_tokens=schema.NUMBER,
        output_tokens=schema.NUMBER,
        was_usd=schema.nullable(schema.MONEY),
        will_be_usd=schema.nullable(schema.MONEY),
    ),
    doubts=schema.listed(_DOUBT),
    effect=EFFECT,
    past_calls=schema.NUMBER,
    loses_windows={"type": "boolean"},
)
_DONE: dict[str, dict[str, Any]] = {
    "dry_run": {"type": "boolean"},
    "book_version": schema.NUMBER,
    "change": schema.nullable(CHANGE),
}
ACT = schema.record(**_DONE, preview=PREVIEW)
_LINES = schema.listed(schema.record(line=schema.NUMBER, message=schema.TEXT))
_KINDS = dict.fromkeys(("added", "changed", "ended", "unchanged"), schema.NUMBER)
_IMPORT = schema.record(
    **_DONE, counts=schema.record(**_KINDS), left_out=schema.NUMBER, errors=_LINES, effect=schema.nullable(EFFECT)
)
FILTERS = [OpenApiParameter(name, str, description=f"Only this {name}.") for name in ("provider", "model", "source")]


def answers(told: dict[str, Any], *statuses: int) -> dict[tuple[int, str], dict[str, Any]]:
    """The same JSON with several codes."""
    return {(status, "application/json"): told for status in statuses}


class NamedModelIn(serializers.Serializer[Any]):
    """A model of the price book by its own name."""

    provider = serializers.CharField(max_length=NAME)
    model = serializers.CharField(max_length=NAME)


class PriceIn(NamedModelIn, RatesIn, TermIn):
    """An own price. `sure` says that rates which look wrong are meant so; without it they are refused (422)."""

    sure = serializers.BooleanField(default=False)


class EndIn(NamedModelIn, TermIn):
    """No own price of the model holds in this time: the lists hold there again."""


class ImportIn(ActIn):
    """A file of own prices, as `/prices.csv` writes it; its days are those of the reporting zone."""

    csv = serializers.CharField(max_length=MOST_CSV, trim_whitespace=False)
    sure = serializers.BooleanField(default=False)


class PricesView(APIView):
    """Prices are appended and never changed; which one holds when, `GET /api/models/{id}` says."""

    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="prices_list", parameters=FILTERS, responses=answers(schema.results(PRICE), 200))
    def get(self, request: ApiRequest) -> Response:
        """Every version of every price, the newest first."""
        pages = IdPages()
        rows = pages.paginate_queryset(_prices(request), request, self) or []
        return pages.get_paginated_response([told_price(row) for row in rows])

    @extend_schema(operation_id="prices_set", request=PriceIn, responses=answers(ACT, 200, 201))
    def post(self, request: ApiRequest) -> Response:
        """Let an own price hold for some time; it wins over every list. Calls that were billed keep their cost."""
        typed, now = valid(PriceIn, request), timezone.now()
        model, term, rates = _model(typed), term_of(typed, now), rates_of(typed)

        def act() -> PriceChange | None:
            return set_own_price(
                caller=request.auth, model_id=model.pk, rates=rates, term=term, now=now, note=typed["note"]
            )

        refuse_another_book(typed)
        looked = look_at(request, rehearse(act), model.pk, term, now)
        refuse_doubts(typed, looked)
        return done(typed, act, {"preview": told_preview(looked)})


class EndPriceView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="prices_end", request=EndIn, responses=answers(ACT, 200, 201))
    def post(self, request: ApiRequest) -> Response:
        """Let own prices hold no longer; `change` is null where there was none."""
        typed, now = valid(EndIn, request), timezone.now()
        model, term = _model(typed), term_of(typed, now)

        def act() -> PriceChange | None:
            return end_own_price(caller=request.auth, model_id=model.pk, term=term)

        refuse_another_book(typed)
        looked = look_at(request, rehearse(act), model.pk, term, now)
        return done(typed, act, {"preview": told_preview(looked)})


class ImportPricesView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="prices_import", request=ImportIn, responses=answers(_IMPORT, 200, 201))
    def post(self, request: ApiRequest) -> Response:
        """Make the own prices of a file hold, as one act. Nothing is imported while a line is wrong (422)."""
        typed, now, zone = valid(ImportIn, request), timezone.now(), reporting_zone()
        plan = plan_import(text=typed["csv"], zone=zone, now=now)

        def act() -> PriceChange | None:
            return import_own_prices(caller=request.auth, text=typed["csv"], zone=zone, now=now)

        refuse_another_book(typed)
        if plan.errors and typed["dry_run"]:
            return done(typed, act, _told_plan(plan))
        seen = rehearse(act)
        if plan.has_doubts and not (typed["sure"] or typed["dry_run"]):
            raise Refused(_UNSURE, code="doubtful", path="sure")
        looked = effect(seen.before, seen.after, at=now, now=now, project_ids=request.auth.project_ids)
        return done(typed, act, _told_plan(plan) | {"effect": told_effect(looked)})


class PriceChangesView(APIView):
    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="prices_changes", responses=answers(schema.results(CHANGE["properties"]), 200))
    def get(self, request: ApiRequest) -> Response:
        """What people did to the price book, the newest first."""
        pages = IdPages()
        rows = pages.paginate_queryset(PriceChange.objects.all(), request, self) or []
        return pages.get_paginated_response([told_change(row) for row in rows])


class UndoPriceChangeView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="prices_undo", request=None, responses=answers(CHANGE, 201))
    def post(self, request: ApiRequest, change_id: int) -> Response:
        """Put back what stood before an act; 409 when a later one changed the same."""
        try:
            return Response(told_change(undo_change(caller=request.auth, change_id=change_id)), status=201)
        except PriceChange.DoesNotExist as error:
            raise Http404 from error


_UNSURE = "Some rates look wrong; nothing was changed. `dry_run` tells which; `sure` says that they are right."


def _model(typed: dict[str, Any]) -> LanguageModel:
    """The model a body names. Raises Refused (422) for one the book does not have."""
    if (found := model_named(typed["provider"], typed["model"])) is None:
        raise Refused("The price book has no such model; POST /api/models makes it.", code="unknown", path="model")
    return found


def look_at(request: ApiRequest, seen: Rehearsed[Any], model_id: int, term: Term, now: datetime) -> Preview:
    """What an act on one model would change."""
    return preview(
        seen.before, seen.after, model_id=model_id, start=term.start, end=term.end, now=now,
        project_ids=request.auth.project_ids,
    )  # fmt: skip


def refuse_doubts(typed: dict[str, Any], looked: Preview) -> None:
    """Raises Refused (422) for rates that look wrong, unless the caller is sure or only looks."""
    if looked.doubts and not (typed["sure"] or typed["dry_run"]):
        words = "; ".join(f"{one.unit}: {one.message}" for one in looked.doubts)
        raise Refused(f"{_UNSURE} {words}", code="doubtful", path="rates")


def told_preview(looked: Preview) -> dict[str, Any]:
    """A preview as an answer has it."""
    return {
        "units": [{"label": one.label, "was": _money(one.was), "will_be": _money(one.will_be)} for one in looked.units],
        "typical_call": {
            "input_tokens": TYPICAL_INPUT,
            "output_tokens": TYPICAL_OUTPUT,
            "was_usd": _money(looked.typical_was),
            "will_be_usd": _money(looked.typical_will_be),
        },
        "doubts": [
            {"unit": one.unit, "code": one.code, "message": one.message, "instead": _money(one.instead)}
            for one in looked.doubts
        ],
        "effect": told_effect(looked.effect),
        "past_calls": looked.past_calls,
        "loses_windows": looked.loses_windows,
    }


def told_price(row: Price) -> dict[str, Any]:
    """One version of a price. `effective_from` null: from the beginning of time."""
    return {
        "id": row.pk,
        "provider": row.model.provider_id,
        "model": row.model.name,
        "model_id": row.model_id,
        **{name: getattr(row, name) for name in ("source", "source_version", "source_date", "effective_from")},
        "factor": None if row.factor is None else rate_text(row.factor),
        "derived_from": row.derived_from_id,
        **told_rates(rates_of_row(row)),
    }


def _money(usd: Decimal | None) -> str | None:
    return None if usd is None else format_money(usd)


def _prices(request: ApiRequest) -> QuerySet[Price]:
    rows = Price.objects.select_related("model")
    asked = request.query_params
    if provider := asked.get("provider"):
        rows = rows.filter(model__provider_id=canonical_provider(provider))
    if name := asked.get("model"):
        rows = rows.filter(model__name__iexact=name)
    if source := asked.get("source"):
        rows = rows.filter(source=source)
    return rows


def _told_plan(plan: ImportPlan) -> dict[str, Any]:
    return {
        "counts": {kind: len([one for one in plan.differences if one.kind == kind]) for kind in _KINDS},
        "left_out": plan.left_out,
        "errors": [{"line": one.line, "message": one.message} for one in plan.errors],
        "effect": None,
    }
