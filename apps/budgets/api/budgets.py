"""`/api/budgets`: how much may be spent, and how it stands."""

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages
from apps.access.api.preconditions import require_match, tagged
from apps.access.authentication import ApiRequest
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller, Scope
from apps.budgets.api.telling import (
    BudgetIn,
    BudgetOut,
    BudgetPatch,
    PauseIn,
    PreviewOut,
    RaiseIn,
    StatesOut,
    replay_told,
    told,
)
from apps.budgets.domain.drafts import LIMITS, Draft, checked_draft
from apps.budgets.domain.sentences import sentence
from apps.budgets.domain.states import BudgetState
from apps.budgets.domain.thresholds import Action
from apps.budgets.models import Budget
from apps.budgets.selectors.budgets import budgets_of
from apps.budgets.selectors.replays import replayed
from apps.budgets.selectors.spending import TooMuch
from apps.budgets.selectors.states import budget_state, contacts_of
from apps.budgets.services import editing
from apps.budgets.services.facts import Told, facts_of
from apps.costs.api.schema import TAGGED

FACTS = tuple(name for name in Told.__dataclass_fields__ if name != "tags")
_PARAMETERS = [OpenApiParameter(name, str) for name in (*FACTS, TAGGED)]


class BudgetsView(APIView):
    pagination_class = IdPages
    required_scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(operation_id="budgets_list", responses=BudgetOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        """Budgets as they are set, newest first."""
        pages = IdPages()
        found = pages.paginate_queryset(budgets_of(request.auth).prefetch_related("raises"), request, self) or []
        return pages.get_paginated_response([told(budget) for budget in found])

    @extend_schema(operation_id="budgets_create", request=BudgetIn, responses={201: BudgetOut})
    def post(self, request: ApiRequest) -> HttpResponse:
        """Set a budget. Unless it counts from now, what its present period has used so far counts."""
        budget = editing.create_budget(caller=request.auth, draft=checked_draft(_object(request)))
        return tagged(told(budget), status=201)


class BudgetView(APIView):
    required_scopes = {"GET": Scope.ADMIN, "PATCH": Scope.ADMIN, "DELETE": Scope.ADMIN}

    @extend_schema(operation_id="budgets_retrieve", responses=BudgetOut)
    def get(self, request: ApiRequest, budget_id: int) -> HttpResponse:
        """One budget as it is set."""
        return tagged(told(_budget(request, budget_id)))

    @extend_schema(operation_id="budgets_change", request=BudgetPatch, responses=BudgetOut)
    def patch(self, request: ApiRequest, budget_id: int) -> HttpResponse:
        """Change what is sent. `usage` says whether the present period keeps what it has used, or is reset."""
        budget = _budget(request, budget_id)
        require_match(request, told(budget))
        sent = _object(request)
        changed = editing.change_budget(
            caller=request.auth,
            budget_id=budget_id,
            draft=_changed(budget, sent),
            usage=sent.get("usage", "keep"),
            version=budget.version,
        )
        return tagged(told(changed))

    @extend_schema(operation_id="budgets_delete", responses={204: None})
    def delete(self, request: ApiRequest, budget_id: int) -> Response:
        """Take a budget out of force; `POST …/restore` puts it back."""
        _budget(request, budget_id)
        editing.delete_budget(caller=request.auth, budget_id=budget_id)
        return Response(status=204)


class RestoreBudgetView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="budgets_restore", request=None, responses=BudgetOut)
    def post(self, request: ApiRequest, budget_id: int) -> Response:
        """Put a deleted budget back."""
        get_object_or_404(budgets_of(request.auth, deleted=True) | budgets_of(request.auth), id=budget_id)
        return Response(told(editing.restore_budget(caller=request.auth, budget_id=budget_id)))


class RaiseBudgetView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="budgets_raise", request=RaiseIn, responses=BudgetOut)
    def post(self, request: ApiRequest, budget_id: int) -> Response:
        """Raise the limit by an amount in the budget's unit, for this period and so many in all."""
        budget = _budget(request, budget_id)
        sent = valid(RaiseIn, request)
        amount = sent.get(f"amount_{budget.unit}")
        if amount is None:
            path = f"amount_{budget.unit}"
            raise Refused(f"This budget counts {budget.unit}: send {path}.", code="required", path=path)
        raised = editing.raise_budget(
            caller=request.auth,
            budget_id=budget_id,
            amount=Decimal(amount),
            periods=sent["periods"],
            reason=sent["reason"],
        )
        return Response(told(raised))


class PauseBudgetView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(operation_id="budgets_pause", request=PauseIn, responses=BudgetOut)
    def post(self, request: ApiRequest, budget_id: int) -> Response:
        """Pause a budget, or with `{"paused": false}` let it work again. It goes on counting meanwhile."""
        _budget(request, budget_id)
        paused = valid(PauseIn, request)["paused"]
        return Response(told(editing.set_paused(caller=request.auth, budget_id=budget_id, paused=paused)))


class BudgetPreviewView(APIView):
    required_scopes = {"POST": Scope.ADMIN}

    @extend_schema(
        operation_id="budgets_preview",
        parameters=[OpenApiParameter("id", int, description="a budget to preview with what is sent changed")],
        request=BudgetIn,
        responses=PreviewOut,
    )
    def post(self, request: ApiRequest) -> Response:
        """What a budget would have done with the usage there was: nothing is made, whatever is sent.

        One that was named by its `id` in the query is previewed with what is sent changed.
        """
        sent, number = _object(request), request.query_params.get("id", "")
        draft = _changed(_budget(request, _whole(number)), sent) if number else checked_draft(sent)
        editing.project_of(draft, request.auth)
        now = timezone.now()
        try:
            found = replayed(draft, now)
        except TooMuch as error:
            message = "Adding this up takes longer than an answer may wait: ask for a shorter period or less."
            raise Refused(message, code="too_much", path="scope") from error
        return Response({"sentence": sentence(draft), "periods": replay_told(found, draft)})


class BudgetStatusView(APIView):
    required_scopes = {"GET": frozenset({Scope.ROUTING_USE, Scope.METRICS_READ})}

    @extend_schema(operation_id="budgets_status", parameters=_PARAMETERS, responses=StatesOut)
    def get(self, request: ApiRequest) -> Response:
        """The budgets that apply to a call of these facts, tightest first. Tags are sent as `tag:<name>=<value>`."""
        query = request.query_params
        sent: dict[str, Any] = {name: query[name] for name in FACTS if query.get(name)}
        tags = {name.removeprefix("tag:"): query[name] for name in query if name.startswith("tag:")}
        if any(len(value) > 128 or "\0" in value for value in (*sent.values(), *tags.values())):
            raise Refused("A value has at most 128 characters.", code="invalid")
        facts = facts_of(told=Told(**sent, tags=tags), caller=request.auth, only_look=True)
        states = [state for state in budget_state(facts=facts, now=timezone.now()) if _sees(request.auth, state)]
        return Response({"results": [_standing(state) for state in states]})


def _sees(caller: Caller, state: BudgetState) -> bool:
    """An agent's key is told every budget that holds its calls up; a person those over projects they see alone."""
    is_limited = caller.kind == "person" and caller.project_ids is not None
    return not is_limited or budgets_of(caller).filter(id=state.budget_id).exists()


def _standing(state: BudgetState) -> dict[str, Any]:
    """A state; of one that blocks, with who can raise it."""
    return state.told() | ({"raise_contacts": list(contacts_of(state))} if state.action == Action.BLOCK.value else {})


def _whole(text: str) -> int:
    if text.isdecimal() and len(text) < 18:
        return int(text)
    raise Refused("The id is a whole number.", code="invalid", path="id")


def _budget(request: ApiRequest, budget_id: int) -> Budget:
    return get_object_or_404(budgets_of(request.auth), id=budget_id)


def _object(request: ApiRequest) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise ParseError("The body must be a JSON object.")
    # A misspelt field is refused, for a budget without it may never block; what a budget is told with may come back.
    known = {*BudgetPatch().fields, *BudgetOut().fields}
    if unknown := sorted(str(name)[:64] for name in request.data if name not in known):
        raise Refused(f"A budget has no field {unknown[0]!r}.", code="unknown", path=unknown[0])
    return dict(request.data)


def _changed(budget: Budget, sent: dict[str, Any]) -> Draft:
    now = {name: value for name, value in told(budget).items() if name in BudgetIn().fields}
    if any(sent.get(name) is not None for name in LIMITS):
        now = {name: value for name, value in now.items() if name not in LIMITS}
    if sent.get("period", "rolling") != "rolling":
        now.pop("rolling_days", None)
    return checked_draft(now | sent)
