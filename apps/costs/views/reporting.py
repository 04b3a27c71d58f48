"""The page of the reporting settings: zone, week, currency and its rates."""

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.domain.calendars import zone_words
from apps.costs.forms.reporting import RateForm, ReportingForm
from apps.costs.models import CurrencyRate
from apps.costs.selectors.currencies import currency_rates
from apps.costs.selectors.reporting import reporting
from apps.costs.services import reporting as services
from apps.costs.views.prices.previewing import may_change

NEW_ZONE = "Saved. Days are cut in the new zone from now on; sums by day are made anew in the background."


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: PageRequest) -> HttpResponse:
    """What holds, and a form to change it."""
    now = reporting()
    form = ReportingForm(request.POST if request.method == "POST" else None, initial=_standing())
    if request.method == "POST" and form.is_valid():
        try:
            saved = services.change_reporting(caller=request.caller, **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
            if refusal.code == "changed":
                form.show_standing(_standing())
        else:
            messages.success(request, NEW_ZONE if saved.zone != now.zone.key else "Saved.")
            return see_other("costs:reporting")
    return _shown(request, form, RateForm(), 422 if form.errors else 200)


@page(role=Role.ADMIN)
@require_POST
def add_rate(request: PageRequest) -> HttpResponse:
    """A rate from a day on."""
    form = RateForm(request.POST)
    if form.is_valid():
        try:
            rate = services.add_rate(caller=request.caller, **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{rate}.")
            return see_other("costs:reporting")
    return _shown(request, ReportingForm(initial=_standing()), form, 422)


def _standing() -> dict[str, Any]:
    now = reporting()
    return {"zone": now.zone.key, "week_start": now.week_start, "currency": now.currency, "version": now.version}


@page(role=Role.ADMIN)
@require_POST
def delete_rate(request: PageRequest, rate_id: int) -> HttpResponse:
    """Takes a rate back; the page offers to put it back."""
    return _acted(request, rate_id, services.delete_rate, "is deleted. You can put it back below.")


@page(role=Role.ADMIN)
@require_POST
def restore_rate(request: PageRequest, rate_id: int) -> HttpResponse:
    """Puts a deleted rate back."""
    return _acted(request, rate_id, services.restore_rate, "holds again.")


def _acted(request: PageRequest, rate_id: int, act: Callable[..., CurrencyRate], words: str) -> HttpResponse:
    try:
        messages.success(request, f"{act(caller=request.caller, rate_id=rate_id)} {words}")
    except CurrencyRate.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return see_other("costs:reporting")


def _shown(request: PageRequest, form: ReportingForm, rate_form: RateForm, status: int) -> HttpResponse:
    now = timezone.now()
    context: dict[str, Any] = {
        "form": form,
        "rate_form": rate_form,
        "rates": currency_rates(),
        "deleted": CurrencyRate.objects.exclude(deleted_at=None).order_by("-deleted_at")[:5],
        "zones": sorted(available_timezones()),
        "zone": zone_words(reporting().zone, now),
        "is_first": reporting().version == 0,
        "may_change": may_change(request),
    }
    return render(request, "costs/reporting.html", context, status=status)
