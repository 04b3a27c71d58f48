"""`/api/prices/estimate`: what a call would cost. Nothing is stored."""

from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.domain.identity import Scope
from apps.costs.api import schema
from apps.costs.api.asking import refusal
from apps.costs.domain import usage as records
from apps.costs.domain.usage import FieldError, Usage
from apps.costs.selectors.estimate import estimate
from apps.costs.services.ingest.reading import counted

FIELDS = frozenset(schema.ESTIMATE_FIELDS)


class EstimateView(APIView):
    """What a call would cost."""

    judges_each_record = True
    required_scopes: ClassVar = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="prices_estimate", request=schema.ESTIMATE_REQUEST, responses=schema.ESTIMATE_ANSWER)
    def post(self, request: Request) -> Response:
        """The cost of one call with its parts and the version of the price; null with a reason where none is known.

        Fields as in `POST /api/usage`; `occurred_at` may be any time, past or to come. Texts sent instead of counts
        are counted; where the model's vocabulary is not public, with a buffer on top.
        """
        raw = request.data
        if not isinstance(raw, dict) or request.stream is None:
            raise ParseError("Send one call as an object.")
        usage = _usage({name: value for name, value in raw.items() if name in FIELDS})
        told = estimate(usage, at=usage.occurred_at or timezone.now())
        return Response({**told, "warnings": [_unused(name) for name in sorted(raw.keys() - FIELDS)]})


def _usage(raw: dict[str, Any]) -> Usage:
    """The call, its texts counted. Raises ValidationError (422) naming every wrong field."""
    try:
        if odd := records.text_error(raw):
            raise refusal([odd])
        usage = counted(records.parse(raw), buffer=Decimal(settings.TOKEN_ESTIMATE_BUFFER))
        errors = records.rule_errors(usage)
    except msgspec.ValidationError as error:
        errors = records.field_errors(raw) or [FieldError("", "type", f"{error}.")]
    except RecursionError:
        errors = [FieldError("", "too_deep", "The call is nested too deeply.")]
    if errors:
        raise refusal(errors)
    return usage


def _unused(name: str) -> dict[str, str]:
    return {"path": name, "code": "unused_field", "message": f"{name} does not bear on what a call costs."}
