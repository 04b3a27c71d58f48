"""`/api/metrics/performance` and `/api/metrics/efficiency`: how well it went, and what that cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.domain.identity import Caller, Scope
from apps.costs.api import schema
from apps.costs.api.asking import usage_query
from apps.costs.api.metrics import asked_edges, asked_group_by
from apps.costs.domain.latency import NO_HISTOGRAM, Histogram, percentile_of
from apps.costs.extension_points import SavingAnswer, saving, sending_down
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import BadQuery, TaskTotals, Totals, UsageQuery, WasteTotals

STEP = Decimal("0.000001")
CALLS = ("calls", "observed_calls", "ok_calls", "error_calls", "repeated_calls", "latency_calls", "latency_ms_sum",
         "first_token_calls", "first_token_ms_sum")  # fmt: skip
SPENT = ("calls", "cost_usd", "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_hits", "avoided_usd")
SHARES = {"latency": ("0.5", "0.95", "0.99"), "first_token": ("0.5", "0.95")}
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: what, by which dimensions, cut where."""

    query: UsageQuery
    group_by: list[str]
    interval: str
    edges: list[datetime]


@dataclass(slots=True)
class Cell:
    """Everything that is known of one group in one bucket."""

    sums: Totals
    tasks: TaskTotals
    latency: Histogram
    first_token: Histogram


class _MetricsView(APIView):
    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    def answered(self, request: Request, answer: Callable[[Asked], dict[str, Any]]) -> Response:
        query = usage_query(request.query_params, cast(Caller, request.auth))
        group_by = asked_group_by(request.query_params)
        interval, edges = asked_edges(request.query_params, query)
        try:
            with metrics.one_snapshot():
                found = answer(Asked(query, group_by, interval, edges))
                freshness = metrics.freshness(query) if not query.filters else metrics.freshness()
        except BadQuery as error:
            raise ValidationError({error.path: error.message}) from error
        frame = {"from": query.start, "to": query.end, "tz": query.zone, "interval": interval, "group_by": group_by}
        return Response({**frame, **found, "freshness": freshness, "warnings": []})


class PerformanceView(_MetricsView):
    """How well calls and tasks went, and how fast."""

    @extend_schema(
        operation_id="metrics_performance", parameters=schema.METRICS_PARAMETERS, responses=schema.RATED_METRICS
    )
    def get(self, request: Request) -> Response:
        """Success, errors, retries, latency, time to first token and quality by up to two dimensions and by interval.

        Rates and percentiles of `totals` are those of all usage, never means of the rows. Retries, failovers and
        errors by type are read from the records; where that is too much, they are null and `unanswered` says why.
        """
        return self.answered(request, _performance)


class EfficiencyView(_MetricsView):
    """What results cost, and what was spent for nothing."""

    @extend_schema(
        operation_id="metrics_efficiency", parameters=schema.METRICS_PARAMETERS, responses=schema.RATED_METRICS
    )
    def get(self, request: Request) -> Response:
        """Cost per successful task, utilisation, caches, waste and saving by up to two dimensions and by interval.

        `saving` is against the declared baseline, over whole days of the reporting zone; null where there is none to
        tell, and `saving_unanswered` says why. Shown beside what the tasks of the same time achieved.

        `totals.utilisation` tells what share of calls and spend each tier and each model had.
        `budget_downgrades` of the totals are the decisions that budgets sent to cheaper tiers; null with filters.

        Of waste, failovers and cache misses are read from the records; where that is too much, they are null and
        `unanswered` says why.
        """
        return self.answered(request, _efficiency)


def _performance(asked: Asked) -> dict[str, Any]:
    cells = _cells(asked, timed=True)
    waste, unanswered = _waste(asked)
    merged = _merged(list(cells.values()))
    errors, no_errors = _errors(asked.query, merged.sums.observed_calls)
    whole = _performed(merged, metrics.waste_totals(waste.values()) if waste else None)
    return {
        "totals": {**whole, "errors": errors},
        "results": [
            {**_named(asked, key), **_performed(cell, waste.get(key, WasteTotals()) if waste is not None else None)}
            for key, cell in _sorted(cells, asked)
        ],
        "unanswered": unanswered or no_errors,
    }


def _efficiency(asked: Asked) -> dict[str, Any]:
    cells = _cells(asked, timed=False)
    waste, unanswered = _waste(asked)
    failed = _failed(asked) if waste is None else {}
    whole = _merged(list(cells.values()))
    saved = _saving(asked)

    def told(cell: Cell, wasted: WasteTotals | None, lost: WasteTotals) -> dict[str, Any]:
        return _spent(cell, whole.sums) | {"waste": _wasted(wasted, lost, cell.tasks)}

    used = {name: _used_by(asked.query, name, whole.sums) for name in ("tier", "model")}
    all_waste = None if waste is None else metrics.waste_totals(waste.values())
    return {
        "totals": {
            **told(whole, all_waste, metrics.waste_totals(failed.values())),
            "utilisation": used,
            "saving": saved.totals,
            "budget_downgrades": sending_down.registered(asked.query) if sending_down.registered else None,
        },
        "results": [
            {
                **_named(asked, key),
                "saving": saved.rows.get(key),
                **told(cell, None if waste is None else waste.get(key, WasteTotals()), failed.get(key, WasteTotals())),
            }
            for key, cell in _sorted(cells, asked)
        ],
        "unanswered": unanswered,
        "saving_unanswered": {"path": saved.path, "message": saved.why} if saved.why else None,
    }


def _saving(asked: Asked) -> SavingAnswer:
    if saving.registered is None:
        return SavingAnswer()
    return saving.registered(asked.query, asked.group_by, asked.edges)


def _used_by(query: UsageQuery, dimension: str, whole: Totals) -> list[dict[str, Any]]:
    """What went through each tier or each model: calls, spend and their shares, most calls first."""
    rows = metrics.grouped(query, (dimension,), edges=(), only=("calls", "cost_usd"), whole=True)
    used = sorted(rows, key=lambda row: (-row.totals.calls, row.values))
    return [
        {
            dimension: row.values[0],
            "calls": row.totals.calls,
            "calls_share": _share(_over(row.totals.calls, whole.calls)),
            "cost_usd": row.totals.cost_usd,
            "cost_share": _share(_over(row.totals.cost_usd, whole.cost_usd)),
        }
        for row in used
        if row.totals.calls
    ]


def _cells(asked: Asked, *, timed: bool) -> dict[Key, Cell]:
    """Sums, tasks and histograms of one question, put together by bucket and group."""
    query, group_by, edges = asked.query, asked.group_by, asked.edges
    cells: dict[Key, Cell] = {}

    def cell(row: Any) -> Cell:
        return cells.setdefault((row.bucket, *row.values), Cell(Totals(), TaskTotals(), NO_HISTOGRAM, NO_HISTOGRAM))

    for edge in () if group_by else edges[:-1]:
        cells[(edge,)] = Cell(Totals(), TaskTotals(), NO_HISTOGRAM, NO_HISTOGRAM)
    sums = CALLS if timed else SPENT
    for row in metrics.grouped(query, group_by, edges=edges, wanted=sums, only=sums, whole=True):
        cell(row).sums = row.totals
    for task_row in metrics.tasks_by(query, group_by, edges=edges):
        cell(task_row).tasks = task_row.totals
    for column in SHARES if timed else ():
        for slow in metrics.histograms(query, group_by, edges=edges, column=f"{column}_bins"):
            setattr(cell(slow), column, slow.counts)
    return cells


def _merged(cells: Sequence[Cell]) -> Cell:
    return Cell(
        metrics.added([cell.sums for cell in cells]),
        metrics.task_totals(cell.tasks for cell in cells),
        metrics.merged(cell.latency for cell in cells),
        metrics.merged(cell.first_token for cell in cells),
    )


def _waste(asked: Asked) -> tuple[dict[Key, WasteTotals] | None, list[dict[str, str]]]:
    try:
        rows = metrics.waste_by(asked.query, asked.group_by, edges=asked.edges)
    except BadQuery as error:
        return None, [{"path": error.path, "message": error.message}]
    return {(row.bucket, *row.values): row.totals for row in rows}, []


def _failed(asked: Asked) -> dict[Key, WasteTotals]:
    rows = metrics.waste_by(asked.query, asked.group_by, edges=asked.edges, from_rollups=True)
    return {(row.bucket, *row.values): row.totals for row in rows}


def _errors(query: UsageQuery, observed: int) -> tuple[list[dict[str, Any]] | None, list[dict[str, str]]]:
    """Failed calls by type of error, most first."""
    try:
        found = metrics.errors_by_type(query)
    except BadQuery as error:
        return None, [{"path": error.path, "message": error.message}]
    return [
        {"error_type": name, "calls": calls, "rate": _share(_over(calls, observed))}
        for name, calls in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    ], []


def _performed(cell: Cell, waste: WasteTotals | None) -> dict[str, Any]:
    sums, tasks = cell.sums, cell.tasks
    ended = sums.ok_calls + sums.error_calls
    return {
        **{name: getattr(sums, name) for name in CALLS[:5]},
        "call_success_rate": _share(sums.success_rate),
        "error_rate": _share(_over(sums.error_calls, ended)),
        "repeat_rate": _share(_over(sums.repeated_calls, sums.observed_calls)),
        "retries": waste.retries if waste else None,
        "retry_rate": _share(_over(waste.retries, waste.observed_calls)) if waste else None,
        "failovers": waste.failovers if waste else None,
        "failover_rate": _share(_over(waste.failovers, waste.observed_calls)) if waste else None,
        "latency_calls": sums.latency_calls,
        "latency_mean_ms": _share(_over(sums.latency_ms_sum, sums.latency_calls)),
        **_percentiles("latency", cell.latency),
        "first_token_calls": sums.first_token_calls,
        "first_token_mean_ms": _share(_over(sums.first_token_ms_sum, sums.first_token_calls)),
        **_percentiles("first_token", cell.first_token),
        **_tasks(tasks),
        "quality": _share(tasks.quality),
        "quality_tasks": tasks.quality_tasks,
    }


def _tasks(tasks: TaskTotals) -> dict[str, Any]:
    return {
        "tasks": tasks.tasks,
        "judged_tasks": tasks.judged_tasks,
        "succeeded_tasks": tasks.succeeded_tasks,
        "task_completion_rate": _share(tasks.completion_rate),
        "task_coverage": _share(tasks.coverage),
    }


def _spent(cell: Cell, whole: Totals) -> dict[str, Any]:
    sums, tasks = cell.sums, cell.tasks
    return {
        "calls": sums.calls,
        "cost_usd": sums.cost_usd,
        "calls_share": _share(_over(sums.calls, whole.calls)),
        "cost_share": _share(_over(sums.cost_usd, whole.cost_usd)),
        **_tasks(tasks),
        "tokens_per_completed_task": _share(tasks.tokens_per_success),
        "cost_per_successful_task_usd": _usd(tasks.usd_per_success),
        "judged_tasks_usd": tasks.judged_usd,
        "failed_tasks_usd": tasks.failed_usd,
        "input_tokens": sums.input_tokens,
        "cache_read_input_tokens": sums.cache_read_input_tokens,
        "cache_read_share": _share(_over(sums.cache_read_input_tokens, sums.input_tokens)),
        "response_cache_hits": sums.cache_hits,
        "response_cache_hit_rate": _share(_over(sums.cache_hits, sums.calls)),
        "response_cache_saved_usd": sums.avoided_usd,
    }


def _wasted(waste: WasteTotals | None, failed: WasteTotals, tasks: TaskTotals) -> dict[str, Any]:
    known = failed if waste is None else waste
    told: dict[str, Any] = {"failed_calls": known.failed_calls, "failed_usd": known.failed_usd}
    names = ("failover_usd", "missed_calls", "missed_tokens", "missed_usd", "retries", "failovers")
    told |= {name: None if waste is None else getattr(waste, name) for name in names}
    return {**told, "total_usd": None if waste is None else waste.usd}


def _percentiles(what: str, counts: Histogram) -> dict[str, Any]:
    return {f"{what}_p{Decimal(share) * 100:.0f}_ms": percentile_of(counts, float(share)) for share in SHARES[what]}


def _named(asked: Asked, key: Key) -> dict[str, Any]:
    return {**({"bucket": key[0]} if key[0] else {}), **dict(zip(asked.group_by, key[1:], strict=True))}


def _sorted(cells: Mapping[Key, Cell], asked: Asked) -> list[tuple[Key, Cell]]:
    return sorted(cells.items(), key=lambda one: (one[0][0] or asked.query.start, -one[1].sums.cost_usd, one[0][1:]))


def _over(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    return Decimal(part) / whole if whole else None


def _share(value: Decimal | None) -> float | None:
    """A rate, a mean of times or tokens: no money, and so a JSON number."""
    return None if value is None else float(value.quantize(STEP))


def _usd(value: Decimal | None) -> Decimal | None:
    """A mean of money, to the femto-dollar."""
    return None if value is None else value.quantize(Decimal("1e-15"))
