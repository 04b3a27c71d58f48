"""Discounts and margins: list, preview, add, end."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.forms.adjustment import AdjustmentForm
from apps.costs.models import PriceAdjustment, PriceChange
from apps.costs.selectors.adjustments import adjustment_rows, changes_of, providers
from apps.costs.selectors.price_effect import Effect, effect, seen_at
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.price_book.adjustments import add_adjustment, end_adjustment
from apps.costs.services.price_book.own import Term
from apps.costs.services.price_book.rehearsing import Rehearsed, rehearse
from apps.costs.services.price_book.stores import ADJUSTMENTS
from apps.costs.views.prices.previewing import complaint, may_change, sent_on
from apps.costs.views.prices.tabs import tabs


@page(role=Role.ANALYST)
@require_safe
def adjustment_list(request: PageRequest) -> HttpResponse:
    """What runs, what comes, what is over; and the form of a new one."""
    initial = {"provider": request.GET.get("provider", ""), "model": request.GET.get("model", "")}
    return _page(request, AdjustmentForm(providers(), initial=initial, zone=reporting_zone()))


@page(role=Role.ADMIN)
@require_http_methods(["POST"])
def add(request: PageRequest) -> HttpResponse:
    """With `step` preview: the effect. Else it is saved, if the book is still as it was seen."""
    form = AdjustmentForm(providers(), request.POST, zone=reporting_zone())
    if not form.is_valid():
        return _page(request, form, status=422)
    now, typed = timezone.now(), form.cleaned_data
    term = Term(*form.instants(now))

    def act() -> PriceChange:
        return add_adjustment(
            caller=request.caller, provider=typed["provider"], model=typed["model"], percent=typed["percent"],
            term=term, now=now, note=typed["note"],
        )  # fmt: skip

    try:
        seen = rehearse(act)
        if (why := complaint(request)) is None:
            messages.success(request, f"Saved. {act().words}. You can undo it below.")
            return see_other("costs:adjustments")
    except Refused as refusal:
        form.refuse(refusal)
        return _page(request, form, status=422)
    context = {
        "tabs": tabs("costs:adjustments", request.caller),
        "words": seen.result.words,
        "effect": _effect(request, seen, term.start, term.end, now),
        "is_past": term.start is not None and term.start < now,
        "complaint": why,
        "hidden": sent_on(request, form, term.start),
        "cancel_url": reverse("costs:adjustments"),
    }
    return render(request, "prices/adjustment_preview.html", context, status=422 if why else 200)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: PageRequest, adjustment_id: int) -> HttpResponse:
    """What ending one now would change, and ending it."""
    row = PriceAdjustment.objects.filter(id=adjustment_id).first()
    if row is None:
        raise Http404
    now = timezone.now()

    def act() -> PriceChange | None:
        return end_adjustment(caller=request.caller, adjustment_id=adjustment_id, at=now.replace(microsecond=0))

    if request.method == "POST":
        change = act()
        messages.success(request, f"Saved. {change.words}." if change else f"{row} had ended already.")
        return see_other("costs:adjustments")
    context = {
        "tabs": tabs("costs:adjustments", request.caller),
        "row": row,
        "effect": _effect(request, rehearse(act), row.during.lower, row.during.upper, now),
    }
    return render(request, "prices/adjustment_end.html", context)


def _effect(
    request: PageRequest, seen: Rehearsed[Any], start: datetime | None, end: datetime | None, now: datetime
) -> Effect:
    """Compared at an instant at which it holds: now, or its beginning where that is to come or all is over."""
    at = seen_at(start, end, now)
    return effect(seen.before, seen.after, at=at, now=now, project_ids=request.caller.project_ids)


def _page(request: PageRequest, form: AdjustmentForm, status: int = 200) -> HttpResponse:
    changes, undone = changes_of(ADJUSTMENTS)
    context = {
        "tabs": tabs("costs:adjustments", request.caller),
        "rows": adjustment_rows(timezone.now()),
        "form": form,
        "changes": changes,
        "undone": undone,
        "may_change": may_change(request),
        "zone": reporting_zone().key,
    }
    return render(request, "prices/adjustments.html", context, status=status)
