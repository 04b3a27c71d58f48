"""`/api/routing/effects`: what routing did beside saving."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.costs.api.asking import usage_query
from apps.costs.api.schema import RANGE
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import BadQuery
from apps.routing.api import schema
from apps.routing.api.off_policy import told_by_lot
from apps.routing.selectors.effects import Around, BandSide, bands, by_lot, switches
from apps.routing.selectors.savings import savings_of
from apps.routing.selectors.savings_adjusted import adjusted


class EffectsView(APIView):
    """Switches of model, bands of complexity, and the adjusted saving."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @extend_schema(operation_id="routing_effects", parameters=RANGE, responses=schema.ANY_OBJECT)
    def get(self, request: ApiRequest) -> Response:
        """Calls before and after switches of model with the cache they lost; calls by complexity at the baseline's
        model and at others; the saving by the tokens that the baseline is seen to take; and what tasks whose model was
        drawn tell of the baseline, of the last weeks and all projects. Null where it is not known. Whole days of
        the reporting zone, filtered by nothing but the project.
        """
        query = usage_query(request.query_params, request.auth)
        try:
            with metrics.one_snapshot():
                switched, banded = switches(query), bands(query)
                found = savings_of(query)
                by_tokens = adjusted(query, found)
                lot = by_lot() if query.project_ids is None and not query.filters else None
        except BadQuery as error:
            raise ValidationError({error.path: error.message}) from error
        return Response(
            {
                "from": query.start,
                "to": query.end,
                "switches": [
                    {
                        "role": one.role,
                        "from": one.source,
                        "to": one.target,
                        "switches": one.switches,
                        "before": _around(one.before),
                        "after": _around(one.after),
                        "cache_lost_tokens": one.lost_tokens,
                        "cache_lost_usd": one.lost_usd,
                    }
                    for one in switched
                ],
                "bands": [
                    {"band": one.band, "routed": _side(one.routed), "baseline": _side(one.baseline)} for one in banded
                ],
                "adjusted": None if by_tokens is None else {
                    "baseline_usd": by_tokens.baseline_usd,
                    "saved_usd": by_tokens.saved_usd,
                    "saved_usd_low": by_tokens.low_usd,
                    "saved_usd_high": by_tokens.high_usd,
                    "coverage": f"{by_tokens.coverage:f}",
                    "baseline_tasks": by_tokens.baseline_tasks,
                    "other_tasks": by_tokens.other_tasks,
                },
                "by_lot": None if lot is None else {
                    **told_by_lot(lot[0]), "days": lot[1].days, "learned_at": lot[1].learned_at,
                },
            }
        )  # fmt: skip


def _around(one: Around) -> Mapping[str, Any]:
    return {
        "calls": one.calls,
        "priced_calls": one.priced_calls,
        "cost_usd": one.usd,
        "cost_per_call_usd": one.usd_per_call,
        "errors": one.errors,
        "latency_mean_ms": one.latency_ms,
    }


def _side(one: BandSide) -> Mapping[str, Any]:
    return {
        "calls": one.calls,
        "ok_calls": one.ok_calls,
        "error_calls": one.error_calls,
        "latency_mean_ms": one.latency_ms,
        "latency_p95_ms": one.latency_p95_ms,
        "judged_tasks": one.judged_tasks,
        "succeeded_tasks": one.succeeded_tasks,
    }
