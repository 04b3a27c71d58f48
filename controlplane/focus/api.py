"""`/api/exports/focus`: usage and spend as a FOCUS dataset."""

from typing import ClassVar, cast
from zoneinfo import ZoneInfo

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.access.domain.identity import Caller, Scope
from apps.costs.api.asking import usage_query
from apps.costs.api.schema import RANGE
from apps.costs.domain.calendars import day_of
from apps.costs.selectors.metrics import BadQuery
from controlplane.focus.files import FORMATS, focus_response
from controlplane.focus.rows import day_by_day
from controlplane.parameters import refuse_unknown

FORMAT = OpenApiParameter("format", enum=list(FORMATS), default="csv", description="csv, or parquet")


class FocusExportView(APIView):
    """Usage by day, and by all that the cube keeps, in the columns of FOCUS."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @extend_schema(
        operation_id="exports_focus",
        parameters=[FORMAT, *RANGE],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, FORMATS["parquet"]): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """One row for each day of `tz` and each combination of project, agent, provider, model, tier, role, task type
        and status, and one for each subscription; streamed. docs/exports.md says what each column holds.
        """
        refuse_unknown(request, self)
        kind = request.query_params.get("format", "csv")
        if kind not in FORMATS:
            raise ValidationError({"format": f"Expected one of {', '.join(FORMATS)}."})
        query = usage_query(request.query_params, cast(Caller, request.auth))
        try:
            days = day_by_day(query, now=timezone.now())
        except BadQuery as error:
            raise ValidationError({error.path: error.message}) from error
        first, last = (day_of(moment, ZoneInfo(query.zone)) for moment in (query.start, query.end))
        return focus_response(days, kind=kind, name=f"bursar-focus_{first:%Y%m%d}-{last:%Y%m%d}")
