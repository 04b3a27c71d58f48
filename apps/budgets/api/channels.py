"""`/api/channels`: list, make, change, rotate the secret, try, delete; `/api/deliveries`: list, resend."""

from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.api.preconditions import require_match, tagged
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Role, Scope
from apps.budgets.domain.webhooks import secret_text
from apps.budgets.models import Channel, ChannelKind, Delivery, DeliveryState
from apps.budgets.selectors.channels import channels_of, deliveries_of
from apps.budgets.services.alerting import channels
from apps.budgets.services.outbox import resending
from apps.budgets.services.outbox.posts import secret_of


class ChannelOut(serializers.ModelSerializer[Channel]):
    """A channel without its secret."""

    on = serializers.SerializerMethodField()

    class Meta:
        model = Channel
        fields = ("id", "kind", "name", "url", "on", "off_since", "off_why", "failing_since", "former_until", "made_at")

    def get_on(self, channel: Channel) -> bool:
        return channel.off_since is None


class ChannelWithSecretOut(ChannelOut):
    """A channel with the secret that signs: of webhooks alone."""

    secret = serializers.SerializerMethodField()

    class Meta(ChannelOut.Meta):
        fields = (*ChannelOut.Meta.fields, "secret")  # type: ignore[assignment]

    def get_secret(self, channel: Channel) -> str | None:
        return secret_text(secret_of(channel.nonce)) if channel.kind == ChannelKind.WEBHOOK else None


class ChannelIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(ChannelKind.values)
    name = serializers.CharField(max_length=128)
    url = serializers.CharField(max_length=2_000)


class ChannelChangeIn(serializers.Serializer[Any]):
    """What is left out stays."""

    name = serializers.CharField(max_length=128, required=False)
    url = serializers.CharField(max_length=2_000, required=False)
    on = serializers.BooleanField(required=False)


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    """A message. `alerts` are the ids of what it tells; `address` is empty for channels."""

    channel_id = serializers.IntegerField(allow_null=True)
    alerts = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = (
            "id",
            "purpose",
            "channel_id",
            "address",
            "message_id",
            "state",
            "made_at",
            "due_at",
            "tries",
            "sent_at",
            "error",
            "folded_into",
            "alerts",
        )

    def get_alerts(self, delivery: Delivery) -> list[int]:
        return sorted({item.announcement.alert_id for item in delivery.items.all()})


class DeliveryQuery(serializers.Serializer[Any]):
    state = serializers.ChoiceField(DeliveryState.values, required=False)
    channel_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class ChannelsView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}
    required_role = Role.ADMIN

    @extend_schema(operation_id="channels_list", responses=ChannelOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return page_of(channels_of(request.auth), request, self, ChannelOut)

    @extend_schema(operation_id="channels_create", request=ChannelIn, responses={201: ChannelWithSecretOut})
    def post(self, request: ApiRequest) -> Response:
        made = channels.create(caller=request.auth, now=timezone.now(), **valid(ChannelIn, request))
        return Response(ChannelWithSecretOut(made).data, status=201)


class ChannelView(APIView):
    required_scopes = {"GET": Scope.ADMIN, "PATCH": Scope.ADMIN, "DELETE": Scope.ADMIN}
    required_role = Role.ADMIN

    @extend_schema(operation_id="channels_retrieve", responses=ChannelOut)
    def get(self, request: ApiRequest, channel_id: int) -> HttpResponse:
        return tagged(ChannelOut(_channel(request, channel_id)).data)

    @extend_schema(operation_id="channels_update", request=ChannelChangeIn, responses=ChannelOut)
    def patch(self, request: ApiRequest, channel_id: int) -> HttpResponse:
        require_match(request, ChannelOut(_channel(request, channel_id)).data)
        wanted = valid(ChannelChangeIn, request)
        changed = channels.change(caller=request.auth, channel_id=channel_id, now=timezone.now(), **wanted)
        return tagged(ChannelOut(changed).data)

    @extend_schema(operation_id="channels_delete", responses={204: None})
    def delete(self, request: ApiRequest, channel_id: int) -> Response:
        _channel(request, channel_id)
        channels.delete(caller=request.auth, channel_id=channel_id, now=timezone.now())
        return Response(status=204)


class RotateChannelView(APIView):
    required_scopes = {"POST": Scope.ADMIN}
    required_role = Role.ADMIN

    @extend_schema(operation_id="channels_rotate", request=None, responses=ChannelWithSecretOut)
    def post(self, request: ApiRequest, channel_id: int) -> Response:
        _channel(request, channel_id)
        rotated = channels.rotate(caller=request.auth, channel_id=channel_id, now=timezone.now())
        return Response(ChannelWithSecretOut(rotated).data)


class TryChannelView(APIView):
    required_scopes = {"POST": Scope.ADMIN}
    required_role = Role.ADMIN

    @extend_schema(operation_id="channels_try", request=None, responses={202: DeliveryOut})
    def post(self, request: ApiRequest, channel_id: int) -> Response:
        _channel(request, channel_id)
        tried = channels.try_channel(caller=request.auth, channel_id=channel_id, now=timezone.now())
        return Response(DeliveryOut(tried).data, status=202)


class DeliveriesView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN}
    required_role = Role.ADMIN

    @extend_schema(operation_id="deliveries_list", parameters=[DeliveryQuery], responses=DeliveryOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        query = DeliveryQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return page_of(deliveries_of(request.auth, **query.validated_data), request, self, DeliveryOut)


class ResendView(APIView):
    required_scopes = {"POST": Scope.ADMIN}
    required_role = Role.ADMIN

    @extend_schema(operation_id="deliveries_resend", request=None, responses={202: DeliveryOut})
    def post(self, request: ApiRequest, delivery_id: int) -> Response:
        try:
            sent = resending.resend(caller=request.auth, delivery_id=delivery_id, now=timezone.now())
        except Delivery.DoesNotExist as error:
            raise Http404 from error
        return Response(DeliveryOut(sent).data, status=202)


def _channel(request: ApiRequest, channel_id: int) -> Channel:
    return get_object_or_404(channels_of(request.auth), id=channel_id)
