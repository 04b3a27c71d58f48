"""Baselines: what savings are measured against, who declared it, and the form to declare another."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.domain.calendars import day_of
from apps.costs.selectors.reporting import reporting_zone
from apps.routing.forms.baseline import BaselineForm
from apps.routing.selectors.baselines import declared_of, every_baseline
from apps.routing.services.savings.declaring import as_typed, declare, withdraw
from apps.routing.views.tabs import tabs

MOST_SHOWN = 100


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def baseline_list(request: PageRequest) -> HttpResponse:
    """Every declaration, and the form; what it says is compared in the background."""
    now, zone = timezone.now(), reporting_zone()
    if request.method != "POST":
        return _page(request, BaselineForm(initial={"first_day": day_of(now, zone)}))
    form = BaselineForm(request.POST)
    if form.is_valid():
        try:
            declare(caller=request.caller, wanted=as_typed(**form.cleaned_data), now=now)
        except Refused as refusal:
            form.add_error(refusal.path if refusal.path in form.fields else None, refusal.message)
        else:
            messages.success(request, "Declared. The days since are being compared with it; that takes some minutes.")
            return see_other("routing:baselines")
    return _page(request, form, status=422)


@page(role=Role.ADMIN)
@require_POST
def withdraw_baseline(request: PageRequest, baseline_id: int) -> HttpResponse:
    """Withdraws a declaration."""
    try:
        withdraw(caller=request.caller, baseline_id=baseline_id, now=timezone.now())
    except Refused as refusal:
        messages.error(request, f"Nothing was changed. {refusal.message}")
    else:
        messages.success(request, "Withdrawn. What was declared before it holds again; the audit log keeps it.")
    return see_other("routing:baselines")


def _page(request: PageRequest, form: BaselineForm, status: int = 200) -> HttpResponse:
    rows = list(every_baseline()[:MOST_SHOWN])
    context: dict[str, Any] = {
        "tabs": tabs("savings", request.caller),
        "rows": [(row, declared_of(row).baseline.words) for row in rows],
        "form": form,
        "zone": reporting_zone(),
    }
    return render(request, "routing/baselines.html", context, status=status)
