"""`/api/usage`: what agents did, in and out."""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.quick import QuickView
from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller, Scope
from apps.access.selectors.callers import holder_of
from apps.access.selectors.places import project_rows_of
from apps.access.services.known_keys import KnownKey, confirmed
from apps.costs.api import schema
from apps.costs.api.asking import refusal, switch, usage_query
from apps.costs.selectors.explained import explained
from apps.costs.selectors.metrics import BadQuery, one_snapshot
from apps.costs.selectors.records import Position, usage_page, usage_record
from apps.costs.services.ingest import IngestResult, Outcome, record_usage
from apps.costs.services.ingest.reading import Window

MAX_PAGE = 1000


class UsageView(QuickView):
    """Post what was used; list what was posted."""

    judges_each_record = True
    required_scopes: ClassVar = {"POST": Scope.USAGE_WRITE, "GET": Scope.METRICS_READ}

    def quick(self, request: HttpRequest, known: KnownKey) -> HttpResponse | None:
        """The answer to records in a plain body, of a key that the database knows as it was."""
        meta = request.META
        if request.method != "POST" or meta.get("QUERY_STRING"):
            return None
        if int(meta.get("CONTENT_LENGTH") or 0) > settings.INGEST_MAX_BYTES:
            return None
        items, alone = _plain_items(request.body)
        if not items or not confirmed(known, holder_of(known.digest)):
            return None
        result = _record(items, known.caller, odd_text_possible=False)
        if alone and result.outcomes[0].status in ("conflict", "rejected"):
            # Nothing was stored; the long way refuses in words.
            return None
        told = self.renderer_classes[0]().render(_answer(result, every=False))
        return HttpResponse(told, content_type="application/json")

    @extend_schema(
        operation_id="usage_record",
        parameters=schema.RESULTS_PARAMETER,
        request=schema.USAGE_REQUEST,
        responses={(200, "application/json"): schema.USAGE_ANSWER},
    )
    def post(self, request: Request) -> Response:
        """Store one record, or `{"records": […]}`; answers after the database has committed."""
        items, alone = _items(request)
        odd = getattr(request._request, "body_has_odd_text", True)
        result = _record(items, _caller(request), odd_text_possible=odd)
        if alone:
            _refuse(result.outcomes[0])
        return Response(_answer(result, every=request.query_params.get("results") == "all"))

    @extend_schema(
        operation_id="usage_list",
        parameters=schema.LIST_PARAMETERS,
        responses={(200, "application/json"): schema.USAGE_LIST},
    )
    def get(self, request: Request) -> Response:
        """Records, newest first, with `from`, `to` (at most 31 days apart), filters and cursor paging."""
        query = usage_query(request.query_params, _caller(request), default_range=timedelta(days=7))
        limit = _limit(request)
        older, newer = _cursor(request)
        try:
            with one_snapshot():
                page = usage_page(
                    query,
                    limit=limit,
                    older_than=older,
                    newer_than=newer,
                    unpriced=switch(request.query_params, "unpriced"),
                )
        except BadQuery as error:
            raise ValidationError({error.path: error.message}) from error
        records = page.records
        return Response(
            {
                "results": records,
                "next": _link(request, "o", records[-1]) if page.has_older and records else None,
                "previous": _link(request, "n", records[0]) if page.has_newer and records else None,
            }
        )


class UsageDetailView(APIView):
    """One record, with its cost in parts and the price it was billed by."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @extend_schema(operation_id="usage_retrieve", parameters=schema.PROJECT_PARAMETER, responses=schema.ANY_OBJECT)
    def get(self, request: Request, usage_id: str) -> Response:
        """The record of `?project=` (default: the key's, or "default") with this id."""
        caller = _caller(request)
        project = request.query_params.get("project") or caller.project_name or "default"
        record = usage_record(usage_id, rows=project_rows_of(caller, project))
        if record is None or not caller.may_report_as(record["agent"]):
            raise Http404
        return Response(explained(record))


def _caller(request: Request) -> Caller:
    return cast(Caller, request.auth)


def _record(items: list[Any], caller: Caller, *, odd_text_possible: bool) -> IngestResult:
    now = timezone.now()
    window = Window(
        now,
        now - timedelta(days=settings.INGEST_PAST_DAYS),
        now + timedelta(seconds=settings.INGEST_FUTURE_SECONDS),
    )
    return record_usage(items, caller=caller, now=now, window=window, odd_text_possible=odd_text_possible)


def _plain_items(body: bytes) -> tuple[list[Any], bool]:
    """The records of a body that nothing is odd about, and whether one was sent alone; none of any other."""
    if b"\\" in body and b"\\u0000" in body:  # one character is found several times faster than six
        return [], False
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [], False
    if not isinstance(data, dict):
        return [], False
    if "records" not in data:
        return [data], True
    items = data["records"]
    is_batch = isinstance(items, list) and len(items) <= settings.INGEST_MAX_RECORDS
    return items if is_batch else [], False


def _items(request: Request) -> tuple[list[Any], bool]:
    data = request.data
    if not isinstance(data, dict) or request.stream is None:
        raise ParseError('Send one record as an object, or {"records": [ … ]}.')
    if "records" not in data:
        return [data], True
    items = data["records"]
    if not isinstance(items, list) or not items:
        raise ParseError('"records" must be a list of at least one record.')
    if len(items) > settings.INGEST_MAX_RECORDS:
        limit = settings.INGEST_MAX_RECORDS
        raise ParseError(f"At most {limit} records a request (BURSAR_INGEST_MAX_RECORDS); this one has {len(items)}.")
    return items, False


def _refuse(one: Outcome) -> None:
    """A record sent alone is answered by its status: 409 for a conflict, 422 for a refusal."""
    if one.status == "conflict":
        raise Conflict(one.errors[0].message, code="conflict", path="id")
    if one.status == "rejected":
        raise refusal(one.errors)


def _answer(result: IngestResult, *, every: bool) -> dict[str, Any]:
    return {
        "accepted": result.count("accepted"),
        "duplicates": result.count("duplicate"),
        "conflicts": result.count("conflict"),
        "rejected": result.count("rejected"),
        "unpriced": result.unpriced,
        "cost_usd": result.cost_usd,
        "results": [_told(one, every) for one in (result.outcomes if every else result.remarkable)],
        "budgets": list(result.budgets)[:20],
        **({"budgets_truncated": True} if len(result.budgets) > 20 else {}),
    }


def _told(one: Outcome, every: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"index": one.index, "id": one.id, "status": one.status}
    if one.errors:
        told["errors"] = [msgspec.structs.asdict(error) for error in one.errors]
    if one.unknown:
        told["warnings"] = [
            {"path": name, "code": "unknown_field", "message": f"{name} is not a field of a record and was not stored."}
            for name in one.unknown
        ]
    if every and one.status == "accepted":
        told["cost_usd"] = one.cost_usd
    return told


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "100")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PAGE)) and 1 <= int(text) <= MAX_PAGE):
        raise ValidationError({"limit": f"Expected a whole number from 1 to {MAX_PAGE}."})
    return int(text)


def _cursor(request: Request) -> tuple[Position | None, Position | None]:
    text = request.query_params.get("cursor")
    if not text:
        return None, None
    try:
        decoded = base64.urlsafe_b64decode(text.encode()).decode()
        side, moment, identity, project = decoded.split(" ", 3)
        position = (datetime.fromisoformat(moment), identity, project)
        if position[0].tzinfo is None or side not in ("o", "n") or "\0" in decoded:
            raise ValueError(text)
    except (ValueError, binascii.Error) as error:
        raise ValidationError({"cursor": "This cursor was not given out by a list."}) from error
    return (position, None) if side == "o" else (None, position)


def _link(request: Request, side: str, record: dict[str, Any]) -> str:
    position = f"{side} {record['occurred_at'].isoformat()} {record['id']} {record['sent_project']}"
    cursor = base64.urlsafe_b64encode(position.encode()).decode()
    parameters = [
        (name, value) for name, values in request.query_params.lists() for value in values if name != "cursor"
    ]
    return request.build_absolute_uri(f"{request.path}?{urlencode([*parameters, ('cursor', cursor)])}")
