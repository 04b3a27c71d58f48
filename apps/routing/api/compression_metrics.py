"""`/api/metrics/compression`: how compressed calls did beside others, and what they saved."""

from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.costs.api.asking import usage_query
from apps.costs.api.schema import RANGE
from apps.costs.selectors.metrics import BadQuery
from apps.routing.api import schema
from apps.routing.domain.comparing import Difference, Share
from apps.routing.selectors.compared import Compared, Did, compared

MONEY = ("saved_usd", "lost_usd", "net_usd")


class CompressionMetricsView(APIView):
    """Compressed calls beside uncompressed ones."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @extend_schema(operation_id="metrics_compression", parameters=RANGE, responses=schema.ANY_OBJECT)
    def get(self, request: ApiRequest) -> Response:
        """By task type: success of tasks, errors and retries of calls with and without compression, and the saving.

        Shares come with their counts and 95 % intervals, differences with theirs and a verdict. `saved_usd` is of
        `known_calls`; `lost_usd` (the prompt cache, summaries) is taken off in `net_usd`.
        """
        query = usage_query(request.query_params, request.auth)
        try:
            found = compared(query)
        except BadQuery as error:
            raise ValidationError({error.path: error.message}) from error
        return Response(
            {
                "from": query.start,
                "to": query.end,
                "totals": _saving(found),
                "results": [{"task_type": one.task_type, **_sides(one), **_saving([one])} for one in found],
                "warnings": [],
            }
        )


def _sides(one: Compared) -> dict[str, Any]:
    return {
        "compressed": _did(one.compressed),
        "uncompressed": _did(one.uncompressed),
        "difference": {name: _difference(getattr(one, name)) for name in ("success", "errors", "retries")},
    }


def _did(side: Did) -> dict[str, Any]:
    shares = {name: _share(getattr(side, name)) for name in ("success", "errors", "retries")}
    return {"calls": side.calls, "tasks": side.tasks, **shares}


def _share(share: Share) -> dict[str, Any]:
    return {"count": share.count, "n": share.n, "value": _rounded(share.value), "interval": _ends(share.interval)}


def _difference(found: Difference) -> dict[str, Any]:
    return {"value": _rounded(found.value), "interval": _ends(found.interval), "verdict": found.verdict}


def _saving(found: list[Compared]) -> dict[str, Any]:
    return {
        "known_calls": sum(one.known_calls for one in found),
        "unknown_calls": sum(one.unknown_calls for one in found),
        "tokens_before": sum(one.tokens_before for one in found),
        "tokens_saved": sum(one.tokens_saved for one in found),
        **{
            name: sum((getattr(one, name) for one in found), Decimal(0))
            for name in ("saved_usd", "lost_usd", "net_usd")
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [round(end, 6) for end in interval]
