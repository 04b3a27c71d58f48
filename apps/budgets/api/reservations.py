"""`/api/reservations`: an amount held ahead of a call."""

from decimal import Decimal
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.fields import MoneyField, Text, Whole
from apps.access.authentication import ApiRequest
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller, Scope
from apps.access.selectors.places import project_rows_of
from apps.access.services import places
from apps.budgets.models import Reservation
from apps.budgets.services import reserving
from apps.budgets.services.facts import Told, facts_of
from apps.budgets.services.reserving import Reserved
from apps.costs.domain.money_format import format_money

_ID = r"^[\x21-\x7e]{1,64}\Z"
MAX_TAGS = 16
_NAMED = ("project", "agent", "user", "role", "task_type", "tool", "provider", "model", "tier", "conversation_id")


def _name() -> Text:
    return Text(max_length=128, required=False, allow_null=True)


class ReservationIn(serializers.Serializer[Any]):
    id = serializers.RegexField(_ID, required=False, allow_null=True, help_text="makes a retry harmless")
    amount_usd = MoneyField(help_text="a decimal string: the most the call may cost")
    tokens = Whole(required=False, allow_null=True, min_value=0, max_value=10**12, help_text="for budgets of tokens")
    project, agent, user, role, task_type = _name(), _name(), _name(), _name(), _name()
    tool, provider, model, tier, conversation_id = _name(), _name(), _name(), _name(), _name()
    tags = serializers.DictField(child=Text(max_length=128, allow_blank=True), required=False, allow_null=True)
    parent_reservation_id = serializers.RegexField(_ID, required=False, allow_null=True)
    ttl_s = Whole(required=False, allow_null=True, min_value=1, max_value=3600)


class ExtendIn(serializers.Serializer[Any]):
    project = _name()
    ttl_s = Whole(required=False, allow_null=True, min_value=1, max_value=3600)


class ReleaseIn(serializers.Serializer[Any]):
    project = _name()


class ReservationOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    amount_usd = serializers.CharField()
    expires_at = serializers.DateTimeField()
    warnings = serializers.ListField(child=serializers.DictField(child=serializers.CharField()), required=False)


class DeniedOut(serializers.Serializer[Any]):
    """Why: beside the fields of every problem."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    limit_source = serializers.ChoiceField(choices=("budget", "reservation"))
    budget_id = serializers.CharField(allow_null=True)
    limit_usd = serializers.CharField(required=False)
    spent_usd = serializers.CharField(required=False)
    reserved_usd = serializers.CharField(required=False)
    resets_at = serializers.DateTimeField(required=False, allow_null=True)
    raise_contacts = serializers.ListField(child=serializers.CharField())


class ReleasedOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    released = serializers.BooleanField(help_text="false: it had ended already")


class ReservationsView(APIView):
    required_scopes = {"POST": Scope.ROUTING_USE}

    @extend_schema(
        operation_id="reservations_create",
        request=ReservationIn,
        responses={201: ReservationOut, (402, "application/problem+json"): DeniedOut},
    )
    def post(self, request: ApiRequest) -> Response:
        """Hold an amount in every budget that applies, or draw it from a parent; 402 says which one has no room."""
        sent = valid(ReservationIn, request)
        tags = sent.get("tags") or {}
        if len(tags) > MAX_TAGS:
            raise Refused(f"At most {MAX_TAGS} tags.", code="too_many", path="tags")
        named = {name: sent[name] for name in _NAMED if sent.get(name)}
        made = reserving.reserve(
            facts=facts_of(told=Told(**named, tags=tags), caller=request.auth),
            amount_usd=Decimal(sent["amount_usd"]),
            id=sent.get("id"),
            parent_id=sent.get("parent_reservation_id"),
            ttl_seconds=sent.get("ttl_s"),
            tokens=sent.get("tokens") or 0,
            key_id=request.auth.key_id,
        )
        return Response(_told(made), status=201)


class ExtendReservationView(APIView):
    required_scopes = {"POST": Scope.ROUTING_USE}

    @extend_schema(operation_id="reservations_extend", request=ExtendIn, responses=ReservationOut)
    def post(self, request: ApiRequest, public_id: str) -> Response:
        """Let it last for `ttl_s` seconds from now on, never longer than its parent."""
        sent = valid(ExtendIn, request)
        found = _reservation(request.auth, sent.get("project"), public_id)
        extended = reserving.extend(
            project_id=found.project_id, public_id=found.public_id, ttl_seconds=sent.get("ttl_s")
        )
        return Response(_told(extended))


class ReleaseReservationView(APIView):
    required_scopes = {"POST": Scope.ROUTING_USE}

    @extend_schema(operation_id="reservations_release", request=ReleaseIn, responses=ReleasedOut)
    def post(self, request: ApiRequest, public_id: str) -> Response:
        """Free what it still holds."""
        found = _reservation(request.auth, valid(ReleaseIn, request).get("project"), public_id)
        released = reserving.release(project_id=found.project_id, public_id=found.public_id)
        return Response({"id": found.public_id, "released": released})


def _reservation(caller: Caller, project: str | None, public_id: str) -> Reservation:
    """A reservation of the project that is named, or the key's; a bound key finds those of keys of its project."""
    rows = project_rows_of(caller, project or caller.project_name or places.DEFAULT_PROJECT)
    found = Reservation.objects.filter(project_id__in=rows, public_id=public_id)
    one = min(found, key=lambda reservation: rows.index(reservation.project_id), default=None)
    if one is None:
        raise Http404
    return one


def _told(made: Reserved) -> dict[str, Any]:
    return {"id": made.id, "amount_usd": format_money(made.amount_usd), "expires_at": made.expires_at}
