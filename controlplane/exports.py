"""CSV of what a page shows: UTF-8, ISO times with their offset, plain decimals, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from django.http import StreamingHttpResponse

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
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def measures(totals: Totals) -> list[str]:
    """The sums in the order of MEASURES, money as the API writes it."""
    return [format_money(totals.cost_usd), *(str(getattr(totals, name)) for name in MEASURES[1:])]


def local(moment: datetime, zone: ZoneInfo) -> str:
    """An instant as clocks in the zone show it, with the offset: exact, and readable."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def safe(cell: str) -> str:
    """Text that a spreadsheet would take for a formula, made plain by a leading apostrophe."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def csv_response(lines: Iterable[Sequence[Any]], *, name: str, period: Period) -> StreamingHttpResponse:
    """The lines as a download, sent piece by piece."""
    response = StreamingHttpResponse(_written(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename(name, period, "csv")}"'
    return response


def filename(name: str, period: Period, ending: str) -> str:
    """The name of a download, with the days it is about."""
    return f"{name}_{period.first:%Y%m%d}-{period.last:%Y%m%d}.{ending}"


def _written(lines: Iterable[Sequence[Any]]) -> Iterator[str]:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for line in lines:
        writer.writerow([safe(str(cell)) for cell in line])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
