"""`POST /api/outcomes`: how it went."""

from typing import Any, ClassVar, cast

import msgspec
from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller, Scope
from apps.costs.api import outcome_schema, schema
from apps.costs.api.asking import refusal
from apps.costs.services.outcomes.recording import OutcomeResult, Told, record_outcomes


class OutcomesView(APIView):
    """Post how tasks, conversations, decisions or single calls went."""

    judges_each_record = True
    required_scopes: ClassVar = {"POST": Scope.USAGE_WRITE}

    @extend_schema(
        operation_id="outcomes_record",
        parameters=schema.RESULTS_PARAMETER,
        request=outcome_schema.REQUEST,
        responses={(200, "application/json"): outcome_schema.ANSWER},
    )
    def post(self, request: Request) -> Response:
        """Store one outcome, or `{"outcomes": […]}`; answers after the database has committed."""
        items, alone = _items(request)
        result = record_outcomes(items, caller=cast(Caller, request.auth), now=timezone.now())
        if alone:
            _refuse(result.told[0])
        return Response(_answer(result, every=request.query_params.get("results") == "all"))


def _items(request: Request) -> tuple[list[Any], bool]:
    data = request.data
    if not isinstance(data, dict) or request.stream is None:
        raise ParseError('Send one outcome as an object, or {"outcomes": [ … ]}.')
    if "outcomes" not in data:
        return [data], True
    items = data["outcomes"]
    if not isinstance(items, list) or not items:
        raise ParseError('"outcomes" must be a list of at least one outcome.')
    limit = settings.INGEST_MAX_RECORDS
    if len(items) > limit:
        raise ParseError(f"At most {limit} outcomes a request (BURSAR_INGEST_MAX_RECORDS); this one has {len(items)}.")
    return items, False


def _refuse(one: Told) -> None:
    """An outcome sent alone is answered by its status: 409 for a conflict, 422 for a refusal."""
    if one.status == "conflict":
        raise Conflict(one.errors[0].message, code="conflict", path="id")
    if one.status == "rejected":
        raise refusal(one.errors)


def _answer(result: OutcomeResult, *, every: bool) -> dict[str, Any]:
    return {
        "accepted": result.count("accepted"),
        "duplicates": result.count("duplicate"),
        "conflicts": result.count("conflict"),
        "rejected": result.count("rejected"),
        "waiting": result.waiting,
        "results": [_told(one) for one in result.told if every or _is_remarkable(one)],
    }


def _is_remarkable(one: Told) -> bool:
    return one.status != "accepted" or one.waits or bool(one.unknown)


def _told(one: Told) -> dict[str, Any]:
    told: dict[str, Any] = {"index": one.index, "id": one.id, "status": one.status}
    if one.waits:
        told["waiting"] = True
    if one.errors:
        told["errors"] = [msgspec.structs.asdict(error) for error in one.errors]
    if one.unknown:
        told["warnings"] = [
            {
                "path": name,
                "code": "unknown_field",
                "message": f"{name} is not a field of an outcome; it was not stored.",
            }
            for name in one.unknown
        ]
    return told
