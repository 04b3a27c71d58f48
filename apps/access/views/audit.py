"""The audit log: filter, page, export."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.access.domain.csv_cells import cell
from apps.access.domain.identity import Role
from apps.access.forms import AuditFilterForm
from apps.access.models import AuditEntry
from apps.access.pages import PageRequest, page, tell_unknown, unknown_words
from apps.access.selectors.audit import AuditFilter, audit_entries, batches, known_actions
from apps.access.services import audit

PAGE_SIZE = 50
KNOWN = (*AuditFilterForm.base_fields, "before")
COLUMNS = ("id", "at", "actor", "action", "object_type", "object_id", "before", "after", "address", "request_id")


@page(role=Role.ADMIN)
@require_safe
def audit_log(request: PageRequest) -> HttpResponse:
    """One page of the entries the filter of the address finds, newest first."""
    tell_unknown(request, KNOWN)
    form, wanted = _filter(request)
    rows = audit_entries(request.caller, wanted)
    before = request.GET.get("before", "")
    found = list((rows.filter(id__lt=int(before)) if _is_id(before) else rows)[: PAGE_SIZE + 1])
    context = {
        "form": form,
        "rows": found[:PAGE_SIZE],
        "older": _link(request, before=found[PAGE_SIZE - 1].pk) if len(found) > PAGE_SIZE else "",
        "newest": _link(request) if _is_id(before) else "",
        "csv": _link(request),
        "filtered": wanted != AuditFilter(),
    }
    return render(request, "access/audit.html", context)


@page(role=Role.ADMIN)
@require_safe
def audit_csv(request: PageRequest) -> HttpResponse | StreamingHttpResponse:
    """Everything the same filter finds. The export itself is in the log."""
    if told := unknown_words(request, KNOWN):
        return HttpResponse("\n".join(told) + "\n", status=422, content_type="text/plain; charset=utf-8")
    _, wanted = _filter(request)
    audit.record(caller=request.caller, action="audit.exported", after=request.GET.dict())
    lines = _lines(batches(audit_entries(request.caller, wanted)))
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


def _filter(request: PageRequest) -> tuple[AuditFilterForm, AuditFilter]:
    """The form and what it asks for; values that make no sense are shown as errors and left out."""
    form = AuditFilterForm(known_actions(), request.GET or None)
    typed: dict[str, Any] = form.cleaned_data if form.is_valid() else getattr(form, "cleaned_data", {})
    start, end = typed.get("start"), typed.get("end")
    return form, AuditFilter(
        actor=typed.get("actor", ""),
        action=typed.get("action", ""),
        start=datetime(start.year, start.month, start.day, tzinfo=UTC) if start else None,
        end=datetime(end.year, end.month, end.day, tzinfo=UTC) + timedelta(days=1) if end else None,
    )


def _lines(batches: Iterator[list[AuditEntry]]) -> Iterator[str]:
    yield _line(COLUMNS)
    for batch in batches:
        yield "".join(_line([_value(entry, column) for column in COLUMNS]) for entry in batch)


def _value(entry: AuditEntry, column: str) -> Any:
    value = getattr(entry, column)
    return msgspec.json.encode(value).decode() if column in ("before", "after") and value is not None else value


def _line(values: Any) -> str:
    line = StringIO()
    csv.writer(line).writerow([cell(value) for value in values])
    return line.getvalue()


def _link(request: PageRequest, **changed: Any) -> str:
    kept = {name: value for name, value in request.GET.items() if name != "before" and value}
    return "?" + urlencode(kept | changed)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
