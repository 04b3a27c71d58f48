"""`/api/routing/decisions`: which model for this call, and why."""

from typing import Any, ClassVar

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.quick import QuickView
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.access.selectors.places import project_rows_of, sent_names_of
from apps.access.services.known_keys import KnownKey
from apps.access.services.places import DEFAULT_PROJECT
from apps.costs.api.asking import refusal
from apps.routing.api import schema
from apps.routing.domain.asked import FIELDS, Asked, read
from apps.routing.selectors.decisions import calls_of, decision
from apps.routing.selectors.told_to import told_to
from apps.routing.services.decisions import Decided, decide, decide_for_key


class DecisionsView(QuickView):
    """Ask which model takes a call."""

    required_scopes: ClassVar = {"POST": Scope.ROUTING_USE}

    def quick(self, request: HttpRequest, known: KnownKey) -> HttpResponse | None:
        """The answer to a question without faults, of a key and a place that this process has met before."""
        try:
            raw = msgspec.json.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        asked = read(raw) if isinstance(raw, dict) else None
        if not isinstance(asked, Asked):
            return None
        decided = decide_for_key(known=known, asked=asked, now=timezone.now())
        if decided is None:
            return None
        told = msgspec.json.encode(_told(decided, raw))
        return HttpResponse(told, status=_status(decided), content_type="application/json")

    @extend_schema(operation_id="routing_decide", request=schema.DECISION_REQUEST, responses=schema.DECISION_ANSWER)
    def post(self, request: ApiRequest) -> Response:
        """The model, the fallbacks and the reason; 201, or 200 when this id was answered before.

        The message is used and not stored.
        """
        if not isinstance(request.data, dict) or request.stream is None:
            raise ParseError("Send the question as a JSON object.")
        asked = read(request.data)
        if not isinstance(asked, Asked):
            raise refusal(asked)
        decided = decide(caller=request.auth, asked=asked, now=timezone.now())
        return Response(_told(decided, request.data), status=_status(decided))


class DecisionView(APIView):
    """One decision."""

    required_scopes: ClassVar = {"GET": Scope.ROUTING_USE}

    @extend_schema(
        operation_id="routing_decision",
        parameters=[OpenApiParameter("project", str, description='default: the key\'s, or "default"')],
        responses=schema.ANY_OBJECT,
    )
    def get(self, request: ApiRequest, decision_id: str) -> Response:
        """The answer as it was given, what was asked without the message, and the calls it led to."""
        caller = request.auth
        project = request.query_params.get("project") or caller.project_name or DEFAULT_PROJECT
        found = decision(project_rows_of(caller, project.replace("\0", "")), decision_id.replace("\0", ""))
        if found is None or not caller.may_report_as(found.asked.get("agent") or ""):
            raise Http404
        sent = sent_names_of([found.project_id])[found.project_id].sent_project
        calls = [_call(one) for one in calls_of(found, project=sent)]
        return Response(
            {**told_to(caller, found.answer), "created_at": found.created_at, "asked": found.asked, "calls": calls}
        )


def _call(record: dict[str, Any]) -> dict[str, Any]:
    kept = ("id", "occurred_at", "provider", "model", "status", "error_type", "attempt", "cost_usd", "latency_ms")
    return {name: record[name] for name in kept}


def _told(decided: Decided, sent: dict[str, Any]) -> dict[str, Any]:
    """The answer, with a warning for every field that is none."""
    warnings = [_unknown(name) for name in sorted(sent.keys() - FIELDS.keys())]
    return {**decided.answer, "warnings": warnings} if warnings else decided.answer


def _status(decided: Decided) -> int:
    return 200 if decided.is_repeat else 201


def _unknown(name: str) -> dict[str, str]:
    return {"path": name, "code": "unknown_field", "message": f"{name} is not a field of a question; it was not used."}
