"""`/api/prices/match`: which price a name means at an instant, and why."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.domain.identity import Scope
from apps.costs.api import schema
from apps.costs.api.asking import moment
from apps.costs.domain.rate_book import Tried
from apps.costs.domain.usage import MAX_NAME
from apps.costs.selectors.match_test import match_test


class MatchView(APIView):
    """The match test of the price book."""

    required_scopes: ClassVar = {"GET": Scope.ADMIN}

    @extend_schema(operation_id="prices_match", parameters=schema.MATCH_PARAMETERS, responses=schema.MATCH_ANSWER)
    def get(self, request: Request) -> Response:
        """What `model` of `provider` would be billed by at `at`: every look of the resolver, and near misses."""
        provider, name = (_name(request, parameter) for parameter in ("provider", "model"))
        if not name:
            raise ValidationError({"model": "model is required."})
        at = moment(request.query_params, "at") or timezone.now()
        tested = match_test(provider, name, at=at)
        found, example = tested.found, tested.example
        return Response(
            {
                "provider": found.provider,
                "model": found.name,
                "match": example["match"] if example else None,
                "reason_code": found.reason,
                "explanation": found.sentence,
                "price": example["price"] if example else None,
                "tried": [_tried(step) for step in found.tried],
                "near_misses": [
                    {"provider": miss.provider, "model": miss.model, "differs": miss.differs}
                    for miss in found.near_misses
                ],
                "listed_at": list(tested.elsewhere),
            }
        )


def _name(request: Request, parameter: str) -> str:
    text = request.query_params.get(parameter, "").strip()
    if len(text) > MAX_NAME:
        raise ValidationError({parameter: f"Expected at most {MAX_NAME} characters."})
    return text


def _tried(step: Tried) -> dict[str, Any]:
    return {
        "provider": step.provider,
        "by": step.by,
        "spellings": [spelling.name for spelling in step.spellings],
        "found": step.model,
        "refused": step.refused,
    }
