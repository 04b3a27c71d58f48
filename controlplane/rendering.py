"""JSON out: money as decimal strings, times in UTC with Z."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

from apps.access.api.bodies import UNKNOWN_FIELDS
from apps.costs.domain.money_format import format_money

_AS_THEY_ARE = (bool, int, float, type(None))


class JSONRenderer(BaseRenderer):
    """Renders plain values with msgspec. Every Decimal is money or a rate and becomes a string, exactly."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if isinstance(data, dict) and renderer_context:
            data = _with_warnings(data, renderer_context)
        return b"" if data is None else to_json(data)


def _with_warnings(data: dict[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, with a warning for each query parameter and each field of the body that is not known."""
    request, view = context.get("request"), context.get("view")
    if request is None or view is None:
        return data
    if not (request.META.get("QUERY_STRING") or request.parser_context.get(UNKNOWN_FIELDS)):
        return data
    # REST framework loads this module before its own views can be imported.
    from controlplane.parameters import warnings

    found = warnings(request, view)
    return {**data, "warnings": [*data.get("warnings", ()), *found]} if found else data


def to_json(data: Any) -> bytes:
    """The answer's bytes. Raises TypeError for a type that has no meaning in the API."""
    return msgspec.json.encode(_plain(data))


def _plain(value: Any) -> Any:
    if type(value) is str or isinstance(value, _AS_THEY_ARE):
        return value
    if isinstance(value, Decimal):
        return format_money(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return _plain(msgspec.structs.asdict(value))
    if isinstance(value, (str, UUID, date, time)):
        return str(value)
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be rendered as JSON")


def _instant(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise TypeError("a time without a zone cannot be rendered")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
