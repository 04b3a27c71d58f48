"""`/metrics`: what Prometheus scrapes. Money becomes float here, because the format knows nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, cast

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.access import request_context
from apps.access.domain.addresses import is_within, parse_networks
from apps.access.domain.identity import Caller, Scope
from apps.budgets.selectors.inbox import firing_by_severity
from apps.budgets.selectors.standing import standings_of_all
from apps.costs.domain.counters import Counters
from apps.costs.selectors.bookkeeping import Bookkeeping, bookkeeping, sweep_states
from apps.costs.selectors.exposition import DIMENSIONS, Now
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.exposition import expose
from apps.routing.selectors.sent_down import sent_down_by_budget
from controlplane import health
from controlplane.models import Heartbeat

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TOKEN_KINDS = ("input", "cache_read", "cache_creation", "output", "reasoning")
COUNTERS = (
    ("model", "bursar_spend_usd", "cost_usd", "US dollars spent, by model."),
    ("model", "bursar_calls", "calls", "Calls of models."),
    ("model", "bursar_unpriced_calls", "unpriced_calls", "Calls without a known price: their cost is in no sum."),
    ("model", "bursar_estimated_calls", "estimated_calls", "Calls whose tokens were estimated, not counted."),
    ("project", "bursar_project_spend_usd", "cost_usd", "US dollars spent, by project."),
    ("project", "bursar_project_calls", "calls", "Calls of models, by project."),
    ("project", "bursar_project_tool_executions", "tool_executions", "Executions of tools, by project."),
    ("tier", "bursar_tier_spend_usd", "cost_usd", "US dollars spent, by the tier of the call; empty: none."),
    ("tier", "bursar_tier_calls", "calls", "Calls of models, by tier; empty: none."),
    ("status", "bursar_status_calls", "calls", "Calls of models, by how they ended."),
)
"""By dimension: the name of the counter (`_total` is added), its measure, and its help."""


class PlainText(BaseRenderer):
    """Names the type in the schema; the view writes the text itself."""

    media_type = "text/plain"
    format = "txt"

    def render(self, data: object, *args: object, **options: object) -> str:
        return str(data)


class AnyType(BaseContentNegotiation):
    """Whatever a scraper accepts, it gets the text format, which every version of Prometheus reads."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next(iter(parsers), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), "text/plain"


class PrometheusView(APIView):
    """The installation in numbers, for Prometheus."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}
    renderer_classes = (PlainText,)
    content_negotiation_class = AnyType

    def check_permissions(self, request: Request) -> None:
        """Lets addresses of BURSAR_METRICS_NETWORKS in without a key; others need `metrics:read` over all projects."""
        if request.method == "GET" and is_open_to(request_context.origin().address):
            return
        super().check_permissions(request)
        caller = cast(Caller, request.auth)
        if caller.is_limited or caller.agent_id is not None:
            raise PermissionDenied("These numbers are of all projects: use a key that is bound to none.")

    @extend_schema(
        operation_id="prometheus",
        responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "The Prometheus text format.")},
    )
    def get(self, request: Request) -> HttpResponse:
        """Spend, tokens, calls, budgets, undone work and the database, in the Prometheus text format."""
        text = expose(
            now=timezone.now(),
            render=rendered,
            fresh_for=timedelta(seconds=settings.METRICS_FRESH_SECONDS),
            most_series=settings.METRICS_MAX_SERIES,
        )
        return HttpResponse(text, content_type=CONTENT_TYPE)


def is_open_to(address: str | None) -> bool:
    """True if the operator lets this address scrape without a key."""
    return is_within(address, parse_networks(settings.METRICS_NETWORKS))


def rendered(counters: Mapping[str, Counters], now: Now) -> str:
    """The text of these counters and of what is true just now."""
    registry = CollectorRegistry()
    moment = timezone.now()
    registry.register(_Listed([*_counted(counters), *_present(now), *_budgets(moment), *_work(moment)]))
    return generate_latest(registry).decode()


class _Listed(Collector):
    """Metrics that are known already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _counted(counters: Mapping[str, Counters]) -> Iterator[Metric]:
    for dimension, name, measure, words in COUNTERS:
        family = CounterMetricFamily(name, words, labels=DIMENSIONS[dimension])
        for labels, measures in sorted(counters.get(dimension, {}).items()):
            family.add_metric(labels, float(measures[measure].shown))
        yield family
    tokens = CounterMetricFamily("bursar_tokens", "Tokens by model and kind; no token counts twice.", labels=_KINDED)
    for labels, measures in sorted(counters.get("model", {}).items()):
        for kind in TOKEN_KINDS:
            tokens.add_metric((*labels, kind), float(measures[kind].shown))
    yield tokens
    by_project = counters.get("project", {}).values()
    taken = sum((row["calls"].shown + row["tool_executions"].shown for row in by_project), Decimal(0))
    yield CounterMetricFamily("bursar_ingested", "Calls and tool executions taken in.", value=float(taken))


_KINDED = (*DIMENSIONS["model"], "kind")


def _present(now: Now) -> Iterator[Metric]:
    zone = reporting_zone().key
    yield _gauge("bursar_spend_today_usd", f"US dollars spent on the running day in {zone}.", now.spend_today_usd)
    yield _gauge("bursar_spend_month_usd", f"US dollars spent in the running month in {zone}.", now.spend_month_usd)
    newest = now.newest_at.timestamp() if now.newest_at else 0
    yield _gauge("bursar_newest_usage_timestamp_seconds", "When usage last came in; 0: never.", newest)
    yield _gauge("bursar_database_size_bytes", "Size of the database on disk.", now.database_bytes)
    yield _info("bursar_database_info", "The version of PostgreSQL.", now.database_version)
    yield _info("bursar_build_info", "The version of Bursar.", settings.VERSION)


_OF_A_BUDGET = ("budget_id", "budget", "unit")


def _budgets(now: datetime) -> Iterator[Metric]:
    """How budgets stand, those at risk first; of one with many counters, the counter that has the least left."""
    limits, spent, reserved = (
        GaugeMetricFamily(f"bursar_budget_{name}", words, labels=_OF_A_BUDGET)
        for name, words in (
            ("limit", "The limit of a budget in its unit, with raises."),
            ("spent", "What counts against it in its present period; of a budget with many counters, the tightest."),
            ("reserved", "What is held of it ahead of calls, or for calls without a price."),
        )
    )
    for one in standings_of_all(now)[: settings.METRICS_MAX_BUDGETS]:
        labels = (str(one.budget.pk), one.budget.name, one.rule.unit)
        limits.add_metric(labels, float(one.state.limit))
        spent.add_metric(labels, float(one.state.spent))
        reserved.add_metric(labels, float(one.state.reserved))
    yield from (limits, spent, reserved)
    down = GaugeMetricFamily(
        "bursar_budget_downgrades_last_day",
        "Decisions that a budget sent to a cheaper tier in 24 hours; no name: held for a cheaper model.",
        labels=_OF_A_BUDGET[:2],
    )
    for named, many in sent_down_by_budget(now - timedelta(days=1), now, most=settings.METRICS_MAX_BUDGETS).items():
        down.add_metric(named, many)
    yield down
    firing = GaugeMetricFamily("bursar_alerts_firing", "Alerts that nobody took up, by severity.", labels=("severity",))
    for severity, many in firing_by_severity().items():
        firing.add_metric((severity,), many)
    yield firing


def _work(now: datetime) -> Iterator[Metric]:
    """How old the oldest undone work is; 0 when nothing waits."""
    undone = GaugeMetricFamily(
        "bursar_oldest_undone_work_seconds", "Age of the oldest background work still to do.", labels=("work",)
    )
    for work, since in _waiting(bookkeeping(now, shown=0), now):
        undone.add_metric((work,), max(0, (now - since).total_seconds()) if since else 0)
    yield undone
    done = GaugeMetricFamily(
        "bursar_task_done_timestamp_seconds", "When a periodic task was last done; 0: never.", labels=("task",)
    )
    for beat in Heartbeat.objects.order_by("name"):
        done.add_metric((beat.name.rpartition(".")[2],), beat.done_at.timestamp() if beat.done_at else 0)
    yield done
    late = sum(check.level != "ok" for check in health.background_checks(now))
    yield _gauge("bursar_late_tasks", "Periodic tasks that are late, as the Health page lists them.", late)


def _waiting(books: Bookkeeping, now: datetime) -> Iterator[tuple[str, datetime | None]]:
    day = books.oldest_unfolded_day
    yield "fold_days", datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) if day else None
    hour = books.oldest_unproven_hour
    yield "prove_hours", hour + timedelta(hours=1) if hour else None
    for name, sweep in sorted(sweep_states(now).items()):
        yield f"sweep_{name.replace('-', '_')}", sweep.behind_since


def _gauge(name: str, words: str, value: float | Decimal) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _info(name: str, words: str, version: str) -> Metric:
    family = GaugeMetricFamily(name, words, labels=("version",))
    family.add_metric((version,), 1)
    return family
