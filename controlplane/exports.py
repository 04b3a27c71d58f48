"""CSV of what a page shows: UTF-8, ISO times with their offset, plain decimals, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse, StreamingHttpResponse

from apps.access.domain.csv_cells import cell
from apps.costs.domain.money_format import format_money
from apps.costs.domain.periods import Period
from apps.costs.selectors.metrics import Totals

MEASURES = (
    "cost_usd",
    "calls",
    "unpriced_calls",
    "ok_calls",
    "error_calls",
    "tool_executions",
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)
_PIECE = 16 * 1024
"""Characters that are sent at a time."""


def measures(totals: Totals) -> list[str]:
    """The sums in the order of MEASURES, money as the API writes it."""
    return [format_money(totals.cost_usd), *(str(getattr(totals, name)) for name in MEASURES[1:])]


def local(moment: datetime, zone: ZoneInfo) -> str:
    """An instant as clocks in the zone show it, with the offset: exact, and readable."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def refused(*reasons: str) -> HttpResponse:
    """Why there is no file, in plain words."""
    return HttpResponse("".join(f"{one}\n" for one in reasons), status=422, content_type="text/plain; charset=utf-8")


def unless_understood(notices: Sequence[str]) -> HttpResponse | None:
    """A refusal when anything in the address was left out: a page says so beside its numbers, a file cannot."""
    return refused(*notices) if notices else None


def csv_response(lines: Iterable[Sequence[Any]], *, name: str, period: Period) -> StreamingHttpResponse:
    """The lines as a download, sent piece by piece."""
    response = StreamingHttpResponse(written(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename(name, period, "csv")}"'
    return response


def filename(name: str, period: Period, ending: str) -> str:
    """The name of a download, with the days it is about."""
    return f"{stem(name, period)}.{ending}"


def amount(value: Decimal) -> Decimal:
    """USD as it is written everywhere, as a number: an apostrophe before one below zero would make it a text."""
    return Decimal(format_money(value))


def stem(name: str, period: Period) -> str:
    """The same without its ending."""
    return f"{name}_{period.first:%Y%m%d}-{period.last:%Y%m%d}"


def written(lines: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The lines as CSV, in pieces; no cell can be taken for a formula."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for line in lines:
        writer.writerow([cell(value) for value in line])
        if buffer.tell() >= _PIECE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
