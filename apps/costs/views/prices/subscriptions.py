"""Subscriptions and flat-fee providers: list, preview, add, end."""

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.domain.calendars import day_of, day_start
from apps.costs.forms.subscription import SubscriptionForm
from apps.costs.models import PriceChange, Subscription
from apps.costs.selectors.adjustments import changes_of, providers
from apps.costs.selectors.price_effect import effect, seen_at
from apps.costs.selectors.price_table import LATELY
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.subscriptions import flat_fee, subscription_rows
from apps.costs.services.price_book.rehearsing import rehearse
from apps.costs.services.price_book.stores import SUBSCRIPTIONS
from apps.costs.services.price_book.subscriptions import add_subscription, end_subscription
from apps.costs.views.prices.previewing import complaint, may_change, sent_on
from apps.costs.views.prices.tabs import tabs


@page(role=Role.ANALYST)
@require_safe
def subscription_list(request: PageRequest) -> HttpResponse:
    """What runs, what it costs, what it covers; and the form of a new one."""
    initial = {"provider": request.GET.get("provider", "")}
    return _page(request, SubscriptionForm(providers(), initial=initial, zone=reporting_zone()))


@page(role=Role.ADMIN)
@require_POST
def add(request: PageRequest) -> HttpResponse:
    """With `step` preview: the effect on the calls it covers. Else it is saved, if the book is still as it was seen."""
    form = SubscriptionForm(providers(), request.POST, zone=reporting_zone())
    if not form.is_valid():
        return _page(request, form, status=422)
    now, typed = timezone.now(), form.cleaned_data
    first_day = form.first_day(now)

    def act() -> PriceChange:
        return add_subscription(
            caller=request.caller, provider=typed["provider"], name=typed["name"], models=form.model_names(),
            fee_usd=typed["fee_usd"], every=typed["every"], first_day=first_day, last_day=typed["end"],
            zone=form.zone, now=now, note=typed["note"],
        )  # fmt: skip

    try:
        seen = rehearse(act)
        if (why := complaint(request)) is None:
            messages.success(request, f"Saved. {act().words}. You can undo it below.")
            return see_other("costs:subscriptions")
    except Refused as refusal:
        form.refuse(refusal)
        return _page(request, form, status=422)
    start = day_start(first_day, form.zone)
    end = day_start(typed["end"] + timedelta(days=1), form.zone) if typed["end"] else None
    context = {
        "tabs": tabs("costs:subscriptions", request.caller),
        "words": seen.result.words,
        "effect": effect(
            seen.before, seen.after, at=seen_at(start, end, now), now=now,
            project_ids=request.caller.project_ids,
        ),
        "is_past": start < now,
        "complaint": why,
        "hidden": sent_on(request, form, form.instants(now)[0]),
        "cancel_url": reverse("costs:subscriptions"),
    }  # fmt: skip
    return render(request, "prices/adjustment_preview.html", context, status=422 if why else 200)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: PageRequest, subscription_id: int) -> HttpResponse:
    """Shows what ends with today, and ends it."""
    row = Subscription.objects.filter(id=subscription_id).first()
    if row is None:
        raise Http404
    now = timezone.now()
    today = day_of(now, flat_fee(row).zone)

    def act() -> PriceChange | None:
        return end_subscription(caller=request.caller, subscription_id=subscription_id, last_day=today)

    if request.method == "POST":
        change = act()
        messages.success(request, f"Saved. {change.words}." if change else f"{row} ends no later already.")
        return see_other("costs:subscriptions")
    seen = rehearse(act)
    at = day_start(max(today + timedelta(days=1), row.first_day), flat_fee(row).zone)
    context = {
        "tabs": tabs("costs:subscriptions", request.caller),
        "row": row,
        "today": today,
        "effect": effect(seen.before, seen.after, at=at, now=now, project_ids=request.caller.project_ids),
    }
    return render(request, "prices/subscription_end.html", context)


def _page(request: PageRequest, form: SubscriptionForm, status: int = 200) -> HttpResponse:
    changes, undone = changes_of(SUBSCRIPTIONS)
    now = timezone.now()
    context = {
        "tabs": tabs("costs:subscriptions", request.caller),
        "rows": subscription_rows(now, now - LATELY),
        "form": form,
        "changes": changes,
        "undone": undone,
        "may_change": may_change(request),
        "zone": reporting_zone().key,
    }
    return render(request, "prices/subscriptions.html", context, status=status)
