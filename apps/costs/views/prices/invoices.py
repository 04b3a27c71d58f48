"""What providers billed beside what was counted: list, one line, enter, import, change, delete with undo."""

import csv
from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.access.domain.csv_cells import cell
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.domain.invoice_csv import COLUMNS, CsvError, ReadLine, read_lines
from apps.costs.forms.invoice import InvoiceForm
from apps.costs.models import InvoiceLine
from apps.costs.selectors.invoices import checked, current_error_rates, invoice_lines, records_of
from apps.costs.selectors.rate_book import provider_ids
from apps.costs.services import invoices as services
from apps.costs.views.prices.previewing import may_change
from apps.costs.views.prices.tabs import tabs

PAGE_SIZE = 50
FIELDS = (*COLUMNS, "version")


@page(role=Role.ANALYST)
@require_safe
def invoice_list(request: PageRequest) -> HttpResponse:
    """Every line with our total, the difference, and the error that follows."""
    _see_all(request)
    now = timezone.now()
    found = Paginator(invoice_lines(), PAGE_SIZE).get_page(request.GET.get("page"))
    rates = current_error_rates(now=now)
    errors = sorted(rates.by_provider.items(), key=lambda pair: -pair[1]) if rates else []
    context = _context(request) | {
        "page": found,
        "rows": checked(list(found.object_list), now=now),
        "rates": rates,
        "errors": errors,
        "deleted": InvoiceLine.objects.exclude(deleted_at=None).order_by("-deleted_at")[:5],
    }
    return render(request, "prices/invoices.html", context)


@page(role=Role.ANALYST)
@require_safe
def invoice_csv(request: PageRequest) -> HttpResponse:
    """Every line, in the columns an import reads, with our totals beside them."""
    _see_all(request)
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "our_usd", "difference_usd", "unpriced_calls", "estimated_calls"])
    for row in checked(list(invoice_lines()), now=timezone.now()):
        billed, totals = row.line.billed(), row.totals
        days = (billed.first_day.isoformat(), billed.last_day.isoformat())
        values = (billed.provider, billed.model, *days, billed.zone, billed.amount_usd, billed.note)
        more = (row.ours, row.difference, totals.unpriced_calls, totals.estimated_calls)
        writer.writerow([cell(value) for value in (*values, *more)])
    headers = {"Content-Disposition": 'attachment; filename="invoices.csv"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


@page(role=Role.ANALYST)
@require_safe
def invoice(request: PageRequest, line_id: int) -> HttpResponse:
    """One line: both totals, and what may explain the difference."""
    _see_all(request)
    line = _line(line_id)
    (row,) = checked([line], now=timezone.now())
    context = _context(request) | {"row": row, "line": line, "records": records_of(line), "days": line.billed().days}
    return render(request, "prices/invoice.html", context)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: PageRequest) -> HttpResponse:
    """A new line."""
    form = InvoiceForm(request.POST if request.method == "POST" else None, initial={"zone": "UTC"})
    if request.method == "POST" and form.is_valid():
        try:
            line = services.enter_invoice(caller=request.caller, billed=form.billed())
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Entered: {line}.")
            return see_other("costs:invoice", line.pk)
    context = _context(request) | {"form": form}
    return render(request, "prices/invoice_form.html", context, status=422 if form.errors else 200)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: PageRequest, line_id: int) -> HttpResponse:
    """A line that stands, changed."""
    line = _line(line_id)
    form = InvoiceForm(request.POST if request.method == "POST" else None, initial=_standing(line))
    if request.method == "POST" and form.is_valid():
        try:
            services.change_invoice(
                caller=request.caller, line_id=line_id, billed=form.billed(), version=form.cleaned_data["version"]
            )
        except Refused as refusal:
            form.refuse(refusal)
            if refusal.code == "changed":
                form.show_standing(_standing(_line(line_id)))
        else:
            messages.success(request, "Saved.")
            return see_other("costs:invoice", line_id)
    context = _context(request) | {"form": form, "line": line}
    return render(request, "prices/invoice_form.html", context, status=422 if form.errors else 200)


def _standing(line: InvoiceLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in FIELDS} | {"amount_usd": f"{line.amount_usd.normalize():f}"}


@page(role=Role.ADMIN)
@require_POST
def delete(request: PageRequest, line_id: int) -> HttpResponse:
    """Takes a line out; the list offers to put it back."""
    return _acted(request, line_id, services.delete_invoice, "is deleted. You can put it back below.")


@page(role=Role.ADMIN)
@require_POST
def restore(request: PageRequest, line_id: int) -> HttpResponse:
    """Puts a deleted line back."""
    return _acted(request, line_id, services.restore_invoice, "counts again.")


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def import_csv(request: PageRequest) -> HttpResponse:
    """First what the file would change, then, once confirmed, the change."""
    _see_all(request)
    sent = request.FILES.get("file")
    text = sent.read().decode("utf-8-sig", "replace") if sent else request.POST.get("text", "")
    context = _context(request) | {"text": text, "columns": COLUMNS, "error": "", "diff": None}
    if request.method == "POST":
        try:
            lines = read_lines(text, most=settings.INVOICE_MAX_LINES)
            if not lines:
                raise CsvError("The file has no lines below its heading.")
            context["diff"] = diff = _diff(lines)
            good = [line.billed for line in lines if line.billed is not None]
            if request.POST.get("step") == "save" and len(good) == len(lines):
                done = services.import_invoices(caller=request.caller, lines=good)
                words = f"{done.added} lines added, {done.changed} changed, {done.unchanged} stood already."
                messages.success(request, words)
                return see_other("costs:invoices")
            context["counts"] = {name: sum(one["what"] == name for one in diff) for name in _WHAT}
        except CsvError as error:
            context["error"] = str(error)
        except Refused as refusal:
            context["error"] = refusal.message
    return render(request, "prices/invoice_import.html", context, status=422 if context["error"] else 200)


_WHAT = ("new", "changed", "unchanged", "wrong")


def _diff(lines: list[ReadLine]) -> list[dict[str, Any]]:
    """What each line of a file would do to what stands."""
    key = ("provider", "model", "first_day", "last_day", "zone")
    standing = {tuple(getattr(line, name) for name in key): line for line in invoice_lines()}
    diff = []
    for line in lines:
        if line.billed is None:
            diff.append({"number": line.number, "what": "wrong", "problem": line.problem})
            continue
        was = standing.get(tuple(getattr(line.billed, name) for name in key))
        what = "new" if was is None else "unchanged" if was.billed() == line.billed else "changed"
        diff.append({"number": line.number, "what": what, "billed": line.billed, "was": was})
    return diff


def _acted(request: PageRequest, line_id: int, act: Any, words: str) -> HttpResponse:
    try:
        line = act(caller=request.caller, line_id=line_id)
        messages.success(request, f"{line} {words}")
    except InvoiceLine.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return see_other("costs:invoices")


def _line(line_id: int) -> InvoiceLine:
    line = invoice_lines().filter(id=line_id).first()
    if line is None:
        raise Http404
    return line


def _see_all(request: PageRequest) -> None:
    if request.caller.project_ids is not None:
        raise PermissionDenied("A bill covers every project; you see only some of them.")


def _context(request: PageRequest) -> dict[str, Any]:
    return {
        "tabs": tabs("costs:invoices", request.caller),
        "may_change": may_change(request),
        "providers": provider_ids(),
    }
