"""`/api/conversations`: a list by cost, and one as the calls it was made of."""

import base64
import binascii
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.domain.identity import Caller, Scope
from apps.access.selectors.places import own_agent_ids, project_rows_of
from apps.costs.api import conversation_schema
from apps.costs.api.asking import usage_query
from apps.costs.domain.money_format import format_money
from apps.costs.selectors.conversations import (
    Conversation,
    Order,
    Place,
    Step,
    Verdict,
    conversation,
    conversation_page,
    judgements,
    model_shares,
    tasks_in,
    timeline,
    tool_shares,
)
from apps.costs.selectors.metrics import BadQuery, one_snapshot

MAX_PAGE = 1000
MAX_STEPS = 1000
_HIDDEN = ("project_id", "user_id")


class ConversationsView(APIView):
    """Which conversations there were."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @extend_schema(
        operation_id="conversations_list",
        parameters=conversation_schema.LIST_PARAMETERS,
        responses={(200, "application/json"): conversation_schema.LIST},
    )
    def get(self, request: Request) -> Response:
        """Conversations that were going on between `from` and `to`, dearest first, each with all it cost.

        Filters other than the project look into the records of that time, for as long as such a question may take.
        """
        caller = cast(Caller, request.auth)
        query = usage_query(request.query_params, caller)
        order = _known(request, "sort", Order, Order.COST)
        outcome = request.query_params.get("outcome")
        try:
            with one_snapshot():
                page = conversation_page(
                    query,
                    limit=_number(request, "limit", 100, MAX_PAGE),
                    order=order,
                    verdict=_known(request, "outcome", Verdict, Verdict.UNKNOWN) if outcome else None,
                    after=_place(request, order),
                    own_agents=_own_agents(caller),
                )
        except BadQuery as error:
            raise ValidationError({error.path: error.message}) from error
        rows = page.conversations
        following = _link(request, _cursor(rows[-1], order)) if page.has_more else None
        return Response({"results": [_told(row) for row in rows], "next": following, "previous": None})


class ConversationView(APIView):
    """One conversation."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @extend_schema(
        operation_id="conversations_retrieve",
        parameters=conversation_schema.ONE_PARAMETERS,
        responses={(200, "application/json"): conversation_schema.ONE},
    )
    def get(self, request: Request, conversation_id: str) -> Response:
        """The conversation of `?project=` (default: the key's, or "default") with its steps, oldest first."""
        caller = cast(Caller, request.auth)
        with one_snapshot():
            one = _find(request, caller, conversation_id.replace("\0", ""))
            limit, offset = _number(request, "limit", 200, MAX_STEPS), _number(request, "offset", 0, 10**9)
            steps = timeline(one, limit=limit + 1, offset=offset)
            tasks = tasks_in(one)
            told = judgements(one.project_id, {one.id, *(task.id for task in tasks)})
            answer = {
                **_told(one),
                "models": [asdict(share) for share in model_shares(one)],
                "tools": [{**asdict(share), "cost_usd": share.cost_usd} for share in tool_shares(one)],
                "tasks": [_plain(asdict(task)) for task in tasks],
                "outcomes": [_plain(asdict(item)) for item in told],
                "steps": [_step(step) for step in steps[:limit]],
            }
        following = _link(request, str(offset + limit), name="offset") if len(steps) > limit else None
        return Response({**answer, "next": following})


def _find(request: Request, caller: Caller, conversation_id: str) -> Conversation:
    project = request.query_params.get("project") or caller.project_name or "default"
    rows = project_rows_of(caller, project.replace("\0", ""))
    one = conversation(rows, conversation_id, own_agents=_own_agents(caller))
    if one is None:
        raise Http404
    return one


def _own_agents(caller: Caller) -> list[int] | None:
    return None if caller.agent_name is None else own_agent_ids(caller)


def _told(one: Conversation) -> dict[str, Any]:
    return _plain(asdict(one))


def _step(step: Step) -> dict[str, Any]:
    told = {**step.record, "running_cost_usd": step.running_usd, "repeats": None}
    if step.repeat is not None:
        before = step.repeat.instead_of
        told["repeats"] = {
            "kind": step.repeat.kind or "unknown",
            "id": before.id if before else None,
            "model": before.model if before else None,
            "provider": before.provider if before else None,
        }
    if step.is_tool:
        told |= {"caused_calls": step.caused_calls, "caused_cost_usd": step.caused_usd}
    return told


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what only pages need; a quality is a share, no money."""
    told = {name: value for name, value in fields.items() if name not in _HIDDEN}
    if isinstance(told.get("quality"), Decimal):
        told["quality"] = float(told["quality"])
    return told


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    least = min(default, 1)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise ValidationError({name: f"Expected a whole number from {least} to {most}."})
    return int(text)


def _known(request: Request, name: str, kind: Any, default: Any) -> Any:
    text = request.query_params.get(name, default.value)
    if text not in set(kind):
        raise ValidationError({name: f"Expected one of {', '.join(kind)}."})
    return kind(text)


def _cursor(row: Conversation, order: Order) -> str:
    value = format_money(row.cost_usd) if order is Order.COST else row.last_at.isoformat()
    return base64.urlsafe_b64encode(f"{value} {row.project_id} {row.id}".encode()).decode()


def _place(request: Request, order: Order) -> Place | None:
    text = request.query_params.get("cursor")
    if not text:
        return None
    try:
        decoded = base64.urlsafe_b64decode(text.encode()).decode()
        first, project, identity = decoded.split(" ", 2)
        value = Decimal(first) if order is Order.COST else datetime.fromisoformat(first)
        is_sound = value.is_finite() if isinstance(value, Decimal) else value.tzinfo is not None
        if not is_sound or "\0" in decoded or abs(int(project)) >= 2**31:
            raise ValueError(text)
    except (ValueError, InvalidOperation, binascii.Error) as error:
        raise ValidationError({"cursor": "This cursor was not given out by a list."}) from error
    return Place(value, identity, int(project))


def _link(request: Request, value: str, *, name: str = "cursor") -> str:
    kept = [(key, one) for key, values in request.query_params.lists() for one in values if key != name]
    return request.build_absolute_uri(f"{request.path}?{urlencode([*kept, (name, value)])}")
