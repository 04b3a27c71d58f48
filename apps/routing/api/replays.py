"""`/api/routing/replays` and `/api/runs`: what-ifs over recorded usage."""

from decimal import Decimal
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.bodies import valid
from apps.access.api.paging import IdPages, page_of
from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.access.selectors.places import standing_project_id_of
from apps.routing.api.off_policy import told_by_lot
from apps.routing.domain.levers import Levers, plain
from apps.routing.domain.predicting import Compared, Predicted
from apps.routing.domain.scenarios import Changes, Move
from apps.routing.models import ReplayRun, ReplayState
from apps.routing.selectors.replays import outcome_of, percent, replays_of, sides
from apps.routing.services.replays.asking import NAME_LENGTH, WhatIf, as_draft, ask, cancel, keep_as

ADMIN = Scope.ADMIN
NAME = 128
STRATEGIES = ("cost_optimized", "balanced", "quality_first")
MOST_ROWS = 100


class ReplayOut(serializers.ModelSerializer[ReplayRun]):
    """One run: its scenario, how far it is, and what it came to once it is done."""

    state = serializers.ChoiceField(ReplayState.choices)
    scenario = serializers.CharField(source="words")
    agent = serializers.CharField(source="only.agent", default="", read_only=True)
    task_type = serializers.CharField(source="only.task_type", default=None, read_only=True, allow_null=True)
    percent = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField(help_text="null until it is done")

    class Meta:
        model = ReplayRun
        fields = (
            "id", "name", "state", "why", "scenario", "agent", "task_type", "policy_id", "moves", "levers", "start",
            "end", "priced_at", "asked_by", "asked_at", "done_at", "percent", "result",
        )  # fmt: skip

    def get_percent(self, run: ReplayRun) -> int:
        return percent(run)

    @extend_schema_field({"type": ["object", "null"]})
    def get_result(self, run: ReplayRun) -> dict[str, Any] | None:
        return told(run) if run.state == ReplayState.DONE else None


def _number(decimals: int, *, help_text: str) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=5 + decimals, decimal_places=decimals, required=False, allow_null=True, default=None,
        help_text=help_text,
    )  # fmt: skip


class ModelIn(serializers.Serializer[Any]):
    provider = serializers.CharField(max_length=NAME)
    name = serializers.CharField(max_length=NAME)


class MoveIn(serializers.Serializer[Any]):
    """Calls of one model that another takes; only those of a task type, if one is named."""

    to = ModelIn()
    task_type = serializers.CharField(max_length=NAME, required=False, allow_blank=True, default="")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` is no name a class can have."""
        return super().get_fields() | {"from": ModelIn()}


class PriceChangeIn(serializers.Serializer[Any]):
    """Token prices of a model; without a name of all models of the provider, without both of all."""

    provider = serializers.CharField(max_length=NAME, required=False, allow_blank=True, default="")
    name = serializers.CharField(max_length=NAME, required=False, allow_blank=True, default="")
    percent = serializers.DecimalField(max_digits=9, decimal_places=4)


class ReplayIn(serializers.Serializer[Any]):
    """A what-if over the last days: a draft or version, changes of it or of the policy in force, moves of models; and
    what is supposed beside: other prices, cached share, shorter prompts, more calls.
    """

    days = serializers.IntegerField(required=False, default=7)
    project = serializers.CharField(max_length=NAME, required=False)
    agent = serializers.CharField(
        max_length=NAME, required=False, allow_blank=True, default="", help_text="count the calls of this agent alone"
    )
    task_type = serializers.CharField(
        max_length=NAME, required=False, allow_blank=True, default="", help_text="count calls of this task type alone"
    )
    policy_id = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    moves = MoveIn(many=True, required=False, default=list)
    caps = serializers.DictField(
        child=serializers.RegexField(r"^[0-9]{1,12}(\.[0-9]{1,15})?\Z", allow_null=True), required=False, default=dict,
        help_text="USD per 1,000 tokens by tier; null lifts it",
    )  # fmt: skip
    thresholds = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=1), required=False, default=dict,
        help_text="upper edges of complexity by tier",
    )  # fmt: skip
    strategy = serializers.ChoiceField(STRATEGIES, required=False, allow_null=True, default=None)
    quality_threshold = serializers.FloatField(
        min_value=0, max_value=1, required=False, allow_null=True, default=None
    )  # fmt: skip
    price_changes = PriceChangeIn(many=True, required=False, default=list)
    cached_share = _number(6, help_text="of the input that is read from the cache, 0 to 1")
    compression = _number(6, help_text="share of prompts that is taken out, 0 to 0.95")
    growth_percent = _number(4, help_text="change of the number of calls, −99 to 10,000")


class ReplaysView(APIView):
    """What-ifs, newest first; asking for one makes it in the background."""

    pagination_class = IdPages
    required_scopes: ClassVar = {"GET": ADMIN, "POST": ADMIN}

    @extend_schema(operation_id="replays_list", responses=ReplayOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        """Every run one may see, with what it came to, so that they can be compared."""
        return page_of(replays_of(request.auth), request, self, ReplayOut)

    @extend_schema(operation_id="replays_create", request=ReplayIn, responses={202: ReplayOut})
    def post(self, request: ApiRequest) -> Response:
        """Replay the last days of recorded usage; read `/api/runs/{id}` until its state is `done`. Changes nothing."""
        given = valid(ReplayIn, request)
        run = ask(caller=request.auth, wanted=_wanted(request, given), now=timezone.now())
        told_run = {**ReplayOut(run).data, "url": f"/api/runs/{run.pk}"}
        return Response(told_run, status=202, headers={"Location": f"/api/runs/{run.pk}"})


class RunView(APIView):
    required_scopes: ClassVar = {"GET": ADMIN}

    @extend_schema(operation_id="runs_retrieve", responses=ReplayOut)
    def get(self, request: ApiRequest, run_id: int) -> Response:
        """One run with its progress, and its result once it is done."""
        return Response(ReplayOut(_run(request, run_id)).data)


class CancelRunView(APIView):
    required_scopes: ClassVar = {"POST": ADMIN}

    @extend_schema(operation_id="runs_cancel", request=None, responses=ReplayOut)
    def post(self, request: ApiRequest, run_id: int) -> Response:
        """End a run before it is done."""
        _run(request, run_id)
        return Response(ReplayOut(cancel(caller=request.auth, run_id=run_id)).data)


class ScenarioIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LENGTH, allow_blank=True, help_text="empty: keep it no longer")


class RunNameView(APIView):
    required_scopes: ClassVar = {"POST": ADMIN}

    @extend_schema(operation_id="runs_name", request=ScenarioIn, responses=ReplayOut)
    def post(self, request: ApiRequest, run_id: int) -> Response:
        """Keep a what-if as a scenario of this name, which no clearing of old ones removes."""
        _run(request, run_id)
        name = valid(ScenarioIn, request)["name"]
        return Response(ReplayOut(keep_as(caller=request.auth, run_id=run_id, name=name)).data)


class RunDraftView(APIView):
    required_scopes: ClassVar = {"POST": ADMIN}

    @extend_schema(operation_id="runs_draft", request=None, responses={201: {"type": "object"}})
    def post(self, request: ApiRequest, run_id: int) -> Response:
        """Make what a run tried a draft of the policy."""
        _run(request, run_id)
        draft = as_draft(caller=request.auth, run_id=run_id)
        return Response({"policy_id": draft.pk, "url": f"/api/policies/{draft.pk}"}, status=201)


def _run(request: ApiRequest, run_id: int) -> ReplayRun:
    found = replays_of(request.auth).filter(pk=run_id).first()
    if found is None:
        raise Http404
    return found


def _wanted(request: ApiRequest, given: dict[str, Any]) -> WhatIf:
    project_id = None
    if "project" in given:
        project_id = standing_project_id_of(given["project"].replace("\0", ""))
        if project_id is None or not request.auth.sees_project(project_id):
            raise ValidationError({"project": "There is no such project."})
    moves = [Move(_key(one["from"]), _key(one["to"]), one.get("task_type", "")) for one in given["moves"]]
    changes = Changes(given["caps"], given["thresholds"], given["strategy"], given["quality_threshold"])
    levers = {name: given[name] for name in ("price_changes", "cached_share", "compression", "growth_percent")}
    return WhatIf(
        given["days"], project_id, given["policy_id"], changes, moves, levers, given["agent"], given["task_type"]
    )


def _key(model: dict[str, str]) -> tuple[str, str]:
    return model["provider"], model["name"]


def told(run: ReplayRun) -> dict[str, Any]:
    """What a run came to. Shares are exact decimals; null where something cannot be known."""
    found = outcome_of(run, with_lot=True)
    tally, saving, quality = found.tally, found.saving, found.quality
    successes = found.per_success_usd or (None, None)
    shares = [_text(one) for one in found.cached_shares or (None, None)]
    return {
        "calls": tally.calls,
        "compared_calls": tally.whole.calls,
        "moved_calls": tally.whole.moved,
        "unpriced_calls": tally.unpriced_calls,
        "undecided_calls": tally.undecided_calls,
        "billed_usd": found.billed_usd,
        "before_usd": found.before_usd,
        "after_usd": found.after_usd,
        "saved_usd": -found.difference_usd,
        "saved_share": _text(saving.share if saving else None),
        "saved_share_low": _text(saving.low if saving else None),
        "saved_share_high": _text(saving.high if saving else None),
        "tasks": found.tasks,
        "judged_tasks": tally.judged_tasks,
        "succeeded_tasks": tally.succeeded_tasks,
        "quality": None if quality is None else told_quality(quality),
        "latency_before_ms": found.latency_before_ms,
        "latency_after_ms": found.latency_after_ms,
        "latency_p50_before_ms": found.latency_p50_ms[0],
        "latency_p50_after_ms": found.latency_p50_ms[1],
        "latency_p95_before_ms": found.latency_p95_ms[0],
        "latency_p95_after_ms": found.latency_p95_ms[1],
        "cost_per_success_before_usd": successes[0],
        "cost_per_success_after_usd": successes[1],
        "by_model": [
            {"model": name, "calls_after": side.calls, "before_usd": before, "after_usd": after}
            for name, side, before, after in found.models[:MOST_ROWS]
        ],
        "steps": [
            {"step": one.name, "cost_usd": one.after_usd, "difference_usd": one.difference_usd} for one in found.steps
        ],
        "calls_factor": plain(found.levers.volume),
        **dict(zip(("cached_share_before", "cached_share_after"), shares, strict=True)),
        "assumptions": found.assumptions,
        "by_lot": told_by_lot(found.by_lot) if found.by_lot else None,
        "by_task_type": _rows(tally.by_task_type, "task_type", found.levers),
        "by_move": [
            {"from": name[0], "to": name[1], "calls": side.calls, "before_usd": before, "after_usd": after}
            for name, side, before, after in sides(tally.by_move, found.levers)[:MOST_ROWS]
        ],
    }


def _rows(named: Any, label: str, levers: Levers) -> list[dict[str, Any]]:
    return [
        {label: name, "calls": side.calls, "moved_calls": side.moved, "before_usd": before, "after_usd": after}
        for name, side, before, after in sides(named, levers)[:MOST_ROWS]
    ]


def told_quality(found: Compared) -> dict[str, Any]:
    """What is expected before and after; shares are exact decimals."""
    return {
        "before": _predicted(found.before),
        "after": _predicted(found.after),
        "difference": _text(found.difference),
        "difference_low": _text(found.low),
        "difference_high": _text(found.high),
    }


def _predicted(found: Predicted) -> dict[str, Any]:
    shares = {name: _text(getattr(found, name)) for name in ("mean", "low", "high", "coverage")}
    return {**shares, "n": found.n}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
