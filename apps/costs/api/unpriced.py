"""`/api/unpriced`: names that calls wait under without a price, and the names people said mean a model."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.authentication import ApiRequest
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Scope
from apps.costs.api import schema
from apps.costs.api.asking import visible_projects
from apps.costs.models import LanguageModel
from apps.costs.selectors.unpriced import Reason, Waiting, lost_calls, own_names, reasons, waiting_names
from apps.costs.services.price_book.aliases import MAX_LENGTH, add_alias, remove_alias

_MODEL = schema.record(provider=schema.TEXT, name=schema.TEXT)
_WAITING = {
    "provider": schema.TEXT,
    "name": schema.TEXT,
    **dict.fromkeys(("records", "calls", "input_tokens", "output_tokens"), schema.NUMBER),
    "first_at": schema.MOMENT,
    "last_at": schema.MOMENT,
    "projects": schema.listed(schema.TEXT),
    "reason_code": schema.TEXT,
    "reason": schema.TEXT,
    "near": schema.listed(_MODEL),
}
_NAMES = schema.results({"provider": schema.TEXT, "name": schema.TEXT, "model": schema.TEXT})


class UnpricedView(APIView):
    """What waits for a price."""

    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(
        operation_id="unpriced_list",
        responses={(200, "application/json"): schema.results(_WAITING, lost_calls=schema.NUMBER)},
    )
    def get(self, request: ApiRequest) -> Response:
        """Every name, most calls first. `reason_code` `has_price`: re-rating is all that is left to do.

        `lost_calls` are those whose records retention dropped: their cost stays unknown.
        """
        projects = visible_projects(request.auth)
        rows = waiting_names(projects)
        told = [_told(one, reason) for one, reason in zip(rows, reasons(rows), strict=True)]
        return Response({"results": told, "lost_calls": lost_calls(projects)})


class NameIn(serializers.Serializer[Any]):
    """A name as agents send it, and the model of the price book it means, by the model's own name."""

    provider = serializers.CharField(max_length=MAX_LENGTH)
    name = serializers.CharField(max_length=MAX_LENGTH)
    model_provider = serializers.CharField(max_length=MAX_LENGTH)
    model = serializers.CharField(max_length=MAX_LENGTH)


class GoneNameIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_LENGTH)
    model_provider = serializers.CharField(max_length=MAX_LENGTH)
    model = serializers.CharField(max_length=MAX_LENGTH)


class NamesView(APIView):
    """Names that people said mean a model; price lists never touch them."""

    required_scopes: ClassVar = {"GET": Scope.ADMIN, "POST": Scope.ADMIN, "DELETE": Scope.ADMIN}

    @extend_schema(operation_id="unpriced_names_list", responses={(200, "application/json"): _NAMES})
    def get(self, request: ApiRequest) -> Response:
        return Response(_names())

    @extend_schema(operation_id="unpriced_names_add", request=NameIn, responses={(200, "application/json"): _NAMES})
    def post(self, request: ApiRequest) -> Response:
        """Say that a name means a model. Calls that wait are priced once a run of `/api/rerates` is approved."""
        wanted = valid(NameIn, request)
        model = _model(wanted)
        add_alias(caller=request.auth, provider=wanted["provider"], name=wanted["name"], model_id=model.pk)
        return Response(_names())

    @extend_schema(
        operation_id="unpriced_names_remove", request=GoneNameIn, responses={(200, "application/json"): _NAMES}
    )
    def delete(self, request: ApiRequest) -> Response:
        """Take a name back. Calls that were priced by it keep their cost."""
        wanted = valid(GoneNameIn, request)
        try:
            remove_alias(caller=request.auth, model_id=_model(wanted).pk, name=wanted["name"])
        except LanguageModel.DoesNotExist as error:
            raise Refused("The model has no such name.", code="unknown_name", path="name") from error
        return Response(_names())


def _told(one: Waiting, reason: Reason) -> dict[str, Any]:
    near = [{"provider": miss.provider, "name": miss.model} for miss in reason.near]
    extra = {"reason_code": reason.code, "reason": reason.sentence, "near": near}
    return {name: extra[name] if name in extra else getattr(one, name) for name in _WAITING}


def _names() -> dict[str, Any]:
    rows = [{"provider": model.provider_id, "name": name, "model": model.name} for model, name in own_names()]
    return {"results": rows}


def _model(wanted: dict[str, Any]) -> LanguageModel:
    found = LanguageModel.objects.filter(provider_id=wanted["model_provider"], name=wanted["model"]).first()
    if found is None:
        raise Refused("The price book has no such model.", code="unknown_model", path="model")
    return found
