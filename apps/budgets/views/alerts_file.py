"""The alerts that the filter of the inbox finds, as CSV: UTF-8, ISO times, no cell that a spreadsheet would reckon."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.views.decorators.http import require_safe

from apps.access.domain.csv_cells import cell
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.budgets.forms.alerts import AlertFilterForm
from apps.budgets.models import Alert
from apps.budgets.selectors import inbox

COLUMNS = (
    "id", "kind", "severity", "state", "title", "raised_at", "resolved_at", "changed_at", "changed_by",
    "silenced_until", "budget_id", "project_id", "subject", "occurrence",
)  # fmt: skip
BATCH = 500


@page(role=Role.ANALYST)
@require_safe
def alerts_csv(request: PageRequest) -> StreamingHttpResponse:
    """Everything the same filter finds, newest first, piece by piece."""
    wanted = AlertFilterForm(inbox.known_kinds(request.caller), request.GET).wanted()
    return StreamingHttpResponse(
        _lines(inbox.alerts_of(request.caller, wanted)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="alerts.csv"'},
    )


def _lines(alerts: QuerySet[Alert]) -> Iterator[str]:
    yield _line([*COLUMNS, "facts"])
    for alert in alerts.iterator(chunk_size=BATCH):
        yield _line([*(getattr(alert, name) for name in COLUMNS), _facts(alert)])


def _facts(alert: Alert) -> str:
    return "; ".join(f"{name}: {value}" for name, value in alert.facts)


def _line(values: Sequence[Any]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([cell(value) for value in values])
    return line.getvalue()
