"""The price book as a CSV file: export, and import with a diff that is confirmed first."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from apps.access.domain.csv_cells import cell
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.forms.price_file import PriceFileForm
from apps.costs.models import PriceChange
from apps.costs.selectors.price_effect import effect
from apps.costs.selectors.price_export import export_lines
from apps.costs.selectors.rate_book import current_version
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.price_book.importing import import_own_prices, plan_import
from apps.costs.services.price_book.rehearsing import rehearse
from apps.costs.views.prices.previewing import complaint
from apps.costs.views.prices.tabs import tabs

UNSURE = "Some values look wrong. Nothing was imported: correct them, or say below that they are right."


@page(role=Role.ANALYST)
@require_safe
def export(request: PageRequest) -> StreamingHttpResponse:
    """Every own price, and the list prices in force."""
    lines = list(export_lines(timezone.now()))
    return StreamingHttpResponse(
        _written(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="bursar-prices.csv"'},
    )


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def import_prices(request: PageRequest) -> HttpResponse:
    """Takes a file, shows every difference, and imports it once that was confirmed."""
    if request.method != "POST":
        return _page(request, PriceFileForm())
    form = PriceFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=422)
    text, now = form.text(), timezone.now()
    plan = plan_import(text=text, zone=reporting_zone(), now=now)
    why = complaint(request)
    if why is None and plan.has_doubts and not request.POST.get("sure"):
        why = UNSURE
    try:
        if why is None:
            change = import_own_prices(caller=request.caller, text=text, zone=reporting_zone(), now=now)
            messages.success(request, f"{change.words}. You can undo it below." if change else "Nothing changed.")
            return see_other("costs:price-import")
        seen = (
            None
            if plan.errors
            else rehearse(lambda: import_own_prices(caller=request.caller, text=text, zone=reporting_zone(), now=now))
        )
    except Refused as refusal:
        form.refuse(refusal)
        return _page(request, form, status=422)
    context = {
        "tabs": tabs("costs:prices", request.caller),
        "plan": plan,
        "text": text,
        "version": current_version(),
        "complaint": why,
        "effect": effect(seen.before, seen.after, at=now, now=now, project_ids=request.caller.project_ids)
        if seen
        else None,
    }
    return render(request, "prices/import_diff.html", context, status=422 if why or plan.errors else 200)


def _page(request: PageRequest, form: PriceFileForm, status: int = 200) -> HttpResponse:
    changes = list(PriceChange.objects.filter(act="price.imported").order_by("-id")[:20])
    undone = PriceChange.objects.filter(undoes__in=changes).values_list("undoes_id", flat=True)
    context = {
        "tabs": tabs("costs:prices", request.caller),
        "form": form,
        "changes": changes,
        "undone": set(undone),
        "may_change": True,
    }
    return render(request, "prices/import.html", context, status=status)


def _written(lines: Iterable[Iterable[Any]]) -> Iterator[str]:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for line in lines:
        writer.writerow([cell(value) for value in line])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
