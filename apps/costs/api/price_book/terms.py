"""`/api/adjustments` and `/api/subscriptions`: discounts and margins on lists, and flat fees that cover calls."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.fields import DecimalText
from apps.access.authentication import ApiRequest
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
    told_effect,
)
from apps.costs.api.price_book.prices import answers
from apps.costs.domain.calendars import day_of, day_start
from apps.costs.domain.money_format import format_money
from apps.costs.domain.pricing.plain import rate_text
from apps.costs.domain.providers import canonical_provider
from apps.costs.models import FeeEvery, PriceAdjustment, PriceChange, Subscription
from apps.costs.selectors.adjustments import AdjustmentRow, adjustment_rows
from apps.costs.selectors.price_effect import effect, seen_at
from apps.costs.selectors.price_table import LATELY
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.subscriptions import SubscriptionRow, flat_fee, subscription_rows
from apps.costs.services.price_book.adjustments import add_adjustment, end_adjustment
from apps.costs.services.price_book.rehearsing import rehearse
from apps.costs.services.price_book.subscriptions import add_subscription, end_subscription

_TERM: dict[str, dict[str, Any]] = {
    "state": {"enum": ["runs", "later", "over"]},
    "note": schema.TEXT,
    "created_by": schema.TEXT,
    "created_at": schema.MOMENT,
}
_ADJUSTMENT = {
    "id": schema.NUMBER,
    "provider": schema.TEXT,
    "model": schema.nullable(schema.TEXT),
    "percent": schema.TEXT,
    "effective_from": schema.nullable(schema.MOMENT),
    "effective_until": schema.nullable(schema.MOMENT),
    **_TERM,
}
_SUBSCRIPTION = {
    "id": schema.NUMBER,
    "provider": schema.TEXT,
    "name": schema.TEXT,
    "models": schema.listed(schema.TEXT),
    "fee_usd": schema.MONEY,
    "every": schema.TEXT,
    "first_day": schema.TEXT,
    "last_day": schema.nullable(schema.TEXT),
    "zone": schema.TEXT,
    "last_30_days_usd": schema.MONEY,
    **_TERM,
}
_ACT = schema.record(
    dry_run={"type": "boolean"}, book_version=schema.NUMBER, change=schema.nullable(CHANGE), effect=EFFECT
)


class AdjustmentIn(TermIn):
    """A percentage on the list prices of a provider, or of one model of it; -15 is a discount, 20 a margin."""

    provider = serializers.CharField(max_length=NAME)
    model = serializers.CharField(max_length=NAME, default="", allow_blank=True)
    percent = DecimalText(r"^-?\d{1,4}(\.\d{1,4})?$")


class SubscriptionIn(ActIn):
    """A flat fee and what it covers; days are those of the reporting zone, the first one today by default."""

    provider = serializers.CharField(max_length=NAME)
    name = serializers.CharField(max_length=128)
    models = serializers.ListField(child=serializers.CharField(max_length=NAME), default=list, max_length=1_000)
    fee_usd = DecimalText(r"^\d{1,10}(\.\d{1,6})?$")
    every = serializers.ChoiceField(FeeEvery.choices)
    first_day = serializers.DateField(required=False)
    last_day = serializers.DateField(required=False, allow_null=True, default=None, help_text="included")


class AdjustmentsView(APIView):
    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="adjustments_list", responses=answers(schema.results(_ADJUSTMENT), 200))
    def get(self, request: ApiRequest) -> Response:
        """Discounts and margins: those that run first, then the coming and the past ones."""
        return Response({"results": [_adjustment(one) for one in adjustment_rows(timezone.now())]})

    @extend_schema(operation_id="adjustments_add", request=AdjustmentIn, responses=answers(_ACT, 200, 201))
    def post(self, request: ApiRequest) -> Response:
        """Let one hold for some time; 409 when another with the same scope runs then."""
        typed, now = valid(AdjustmentIn, request), timezone.now()
        term = term_of(typed, now)

        def act() -> PriceChange:
            return add_adjustment(
                caller=request.auth, provider=canonical_provider(typed["provider"]), model=typed["model"],
                percent=Decimal(typed["percent"]), term=term, now=now, note=typed["note"],
            )  # fmt: skip

        refuse_another_book(typed)
        seen = rehearse(act)
        at = seen_at(term.start, term.end, now)
        looked = effect(seen.before, seen.after, at=at, now=now, project_ids=request.auth.project_ids)
        return done(typed, act, {"effect": told_effect(looked)})


class EndAdjustmentView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="adjustments_end", request=ActIn, responses=answers(_ACT, 200, 201))
    def post(self, request: ApiRequest, adjustment_id: int) -> Response:
        """Let one end now; one that has not begun is taken away. `change` is null where it had ended."""
        row = PriceAdjustment.objects.filter(id=adjustment_id).first()
        if row is None:
            raise Http404
        typed, now = valid(ActIn, request), timezone.now()

        def act() -> PriceChange | None:
            return end_adjustment(caller=request.auth, adjustment_id=row.pk, at=now.replace(microsecond=0))

        refuse_another_book(typed)
        seen = rehearse(act)
        at = seen_at(row.during.lower, row.during.upper, now)
        looked = effect(seen.before, seen.after, at=at, now=now, project_ids=request.auth.project_ids)
        return done(typed, act, {"effect": told_effect(looked)})


class SubscriptionsView(APIView):
    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="subscriptions_list", responses=answers(schema.results(_SUBSCRIPTION), 200))
    def get(self, request: ApiRequest) -> Response:
        """Flat fees, the newest first, with what they cost in the last 30 days."""
        now = timezone.now()
        return Response({"results": [_subscription(one) for one in subscription_rows(now, now - LATELY)]})

    @extend_schema(operation_id="subscriptions_add", request=SubscriptionIn, responses=answers(_ACT, 200, 201))
    def post(self, request: ApiRequest) -> Response:
        """Let a fee cover the calls of a provider, or of some of its models: while it runs they cost 0."""
        typed, now, zone = valid(SubscriptionIn, request), timezone.now(), reporting_zone()
        first_day = typed.get("first_day") or day_of(now, zone)

        def act() -> PriceChange:
            return add_subscription(
                caller=request.auth, provider=canonical_provider(typed["provider"]), name=typed["name"],
                models=typed["models"], fee_usd=Decimal(typed["fee_usd"]), every=typed["every"], first_day=first_day,
                last_day=typed["last_day"], zone=zone, now=now, note=typed["note"],
            )  # fmt: skip

        refuse_another_book(typed)
        seen = rehearse(act)
        end = day_start(typed["last_day"] + timedelta(days=1), zone) if typed["last_day"] else None
        at = seen_at(day_start(first_day, zone), end, now)
        looked = effect(seen.before, seen.after, at=at, now=now, project_ids=request.auth.project_ids)
        return done(typed, act, {"effect": told_effect(looked)})


class EndSubscriptionView(APIView):
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="subscriptions_end", request=ActIn, responses=answers(_ACT, 200, 201))
    def post(self, request: ApiRequest, subscription_id: int) -> Response:
        """Let one end with today; one that begins later is taken away. `change` is null where it ends no later."""
        row = Subscription.objects.filter(id=subscription_id).first()
        if row is None:
            raise Http404
        typed, now, zone = valid(ActIn, request), timezone.now(), flat_fee(row).zone
        today = day_of(now, zone)

        def act() -> PriceChange | None:
            return end_subscription(caller=request.auth, subscription_id=row.pk, last_day=today)

        refuse_another_book(typed)
        seen = rehearse(act)
        at = day_start(max(today + timedelta(days=1), row.first_day), zone)
        looked = effect(seen.before, seen.after, at=at, now=now, project_ids=request.auth.project_ids)
        return done(typed, act, {"effect": told_effect(looked)})


def _adjustment(one: AdjustmentRow) -> dict[str, Any]:
    row = one.row
    provider = row.model.provider_id if row.model else row.provider_id
    return {
        "id": row.pk,
        "provider": provider,
        "model": row.model.name if row.model else None,
        "percent": rate_text(row.percent),
        "effective_from": row.during.lower,
        "effective_until": row.during.upper,
        "state": one.state,
        **{name: getattr(row, name) for name in ("note", "created_by", "created_at")},
    }


def _subscription(one: SubscriptionRow) -> dict[str, Any]:
    row = one.row
    kept = ("name", "every", "first_day", "last_day", "zone", "note", "created_by", "created_at")
    return {
        "id": row.pk,
        "provider": row.provider_id,
        "models": one.models,
        "fee_usd": format_money(row.fee_usd),
        "last_30_days_usd": format_money(one.lately_usd),
        "state": one.state,
        **{name: getattr(row, name) for name in kept},
    }
