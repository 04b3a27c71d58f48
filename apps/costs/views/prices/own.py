"""Own prices: see what a new one would change, then set it; end one; make a model no list has."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.domain.pricing import Rates
from apps.costs.domain.pricing.rates import RateSet
from apps.costs.domain.rate_book import RateBook
from apps.costs.forms.own_price import NewModelForm, OwnPriceForm, typed_rates
from apps.costs.models import LanguageModel, PriceChange
from apps.costs.selectors.price_history import History, RateRow, model_named, price_history, rate_rows, rates_of_price
from apps.costs.selectors.price_preview import Preview, preview, typical_call
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.price_book.changes import undo_change
from apps.costs.services.price_book.own import Term, create_priced_model, end_own_price, set_own_price
from apps.costs.services.price_book.rehearsing import rehearse
from apps.costs.services.price_book.stores import ADJUSTMENTS, OWN, SUBSCRIPTIONS
from apps.costs.views.prices.previewing import complaint, may_change, sent_on
from apps.costs.views.prices.tabs import tabs

_PAGES = {ADJUSTMENTS: "costs:adjustments", SUBSCRIPTIONS: "costs:subscriptions"}
UNSURE = "Some values look wrong. Nothing was saved: correct them, or say below that they are right."


@page(role=Role.ANALYST)
@require_safe
def model(request: PageRequest, model_id: int) -> HttpResponse:
    """One model: the price in force, what held when, what people did, and the form of an own price."""
    history = _history(model_id)
    held = history.in_force.price if history.in_force else None
    form = OwnPriceForm(initial=typed_rates(rates_of_price(held)), zone=reporting_zone())
    return _model_page(request, history, form)


@page(role=Role.ADMIN)
@require_POST
def set_price(request: PageRequest, model_id: int) -> HttpResponse:
    """With `step` preview: what the typed price would change. Else it is saved, if the book is still as it was seen."""
    history = _history(model_id)
    form = OwnPriceForm(request.POST, zone=reporting_zone())
    if not form.is_valid():
        return _model_page(request, history, form, status=422)
    now = timezone.now()
    term = Term(*form.instants(now))

    def act() -> PriceChange | None:
        return set_own_price(
            caller=request.caller, model_id=model_id, rates=form.rates(), term=term, now=now,
            note=form.cleaned_data["note"],
        )  # fmt: skip

    try:
        seen = rehearse(act)
        looked = _look(request, seen.before, seen.after, model_id, term, now)
        if (why := _complaint(request, looked)) is None:
            return _saved(request, history.model, act())
    except Refused as refusal:
        form.refuse(refusal)
        return _model_page(request, history, form, status=422)
    context = {"model": history.model, "action": reverse("costs:price-set", args=[model_id])}
    return _preview_page(request, form, looked, term, why, context)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def new_model(request: PageRequest) -> HttpResponse:
    """A model no list has, with its own price; the address may name it."""
    if request.method != "POST":
        provider, name = (request.GET.get(key, "").strip() for key in ("provider", "name"))
        if known := model_named(provider, name):
            return redirect("costs:price", known.pk)
        initial = {"provider": provider, "name": name, "start": request.GET.get("from", "")[:10]}
        return _new_page(request, NewModelForm(initial=initial, zone=reporting_zone()))
    form = NewModelForm(request.POST, zone=reporting_zone())
    if not form.is_valid():
        return _new_page(request, form, status=422)
    now = timezone.now()
    term = Term(*form.instants(now))

    def act() -> LanguageModel:
        typed = form.cleaned_data
        return create_priced_model(
            caller=request.caller, provider=typed["provider"], name=typed["name"], rates=form.rates(), term=term,
            now=now, note=typed["note"],
        )  # fmt: skip

    try:
        seen = rehearse(act)
        looked = _look(request, seen.before, seen.after, seen.result.pk, term, now)
        if (why := _complaint(request, looked)) is None:
            return _made(request, act())
    except Refused as refusal:
        form.refuse(refusal)
        return _new_page(request, form, status=422)
    context = {"model": seen.result, "action": reverse("costs:price-new"), "is_new": True}
    return _preview_page(request, form, looked, term, why, context)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def end_price(request: PageRequest, model_id: int) -> HttpResponse:
    """What ending the own price from now on would change, and ending it."""
    history = _history(model_id)
    now = timezone.now()
    term = Term(now.replace(microsecond=0), None)

    def act() -> PriceChange | None:
        return end_own_price(caller=request.caller, model_id=model_id, term=term)

    if request.method == "POST":
        return _saved(request, history.model, act())
    seen = rehearse(act)
    if seen.result is None:
        messages.info(request, f"{history.model} has no own price from now on.")
        return see_other("costs:price", model_id)
    looked = _look(request, seen.before, seen.after, model_id, term, now)
    return render(
        request,
        "prices/end.html",
        {"tabs": tabs("costs:prices", request.caller), "model": history.model, "looked": looked},
    )


@page(role=Role.ADMIN)
@require_POST
def undo(request: PageRequest, change_id: int) -> HttpResponse:
    """Puts back what stood before an act."""
    try:
        change = undo_change(caller=request.caller, change_id=change_id)
        messages.success(request, f"{change.words}. Calls that were billed meanwhile keep their cost.")
    except PriceChange.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return see_other(_page_of(PriceChange.objects.get(id=change_id)))


def _page_of(change: PriceChange) -> str:
    """Where an act was done."""
    if len(change.model_ids) == 1:
        return reverse("costs:price", args=change.model_ids)
    return reverse(_PAGES.get(next(iter(change.after), OWN), "costs:prices"))


def _history(model_id: int) -> History:
    try:
        return price_history(model_id, timezone.now())
    except LanguageModel.DoesNotExist as error:
        raise Http404 from error


def _look(request: PageRequest, before: RateBook, after: RateBook, model_id: int, term: Term, now: datetime) -> Preview:
    return preview(
        before, after, model_id=model_id, start=term.start, end=term.end, now=now,
        project_ids=request.caller.project_ids,
    )  # fmt: skip


def _complaint(request: PageRequest, looked: Preview) -> str | None:
    why = complaint(request)
    return UNSURE if why is None and looked.doubts and not request.POST.get("sure") else why


def _saved(request: PageRequest, model: LanguageModel, change: PriceChange | None) -> HttpResponse:
    if change is None:
        messages.info(request, f"Nothing changed: {model} had that price already.")
    else:
        messages.success(request, f"Saved. {change.words}. You can undo it below.")
    return see_other("costs:price", model.pk)


def _made(request: PageRequest, model: LanguageModel) -> HttpResponse:
    messages.success(request, f"{model} is in the price book.")
    return see_other("costs:price", model.pk)


def _model_page(request: PageRequest, history: History, form: OwnPriceForm, status: int = 200) -> HttpResponse:
    rates = rates_of_price(history.in_force.price if history.in_force else None)
    context = {
        "tabs": tabs("costs:prices", request.caller),
        "history": history,
        "segments": history.segments[::-1],
        "model": history.model,
        "rates": rate_rows(rates),
        "service_tiers": [(name, tier.multiplier, _rows_of(tier.rates)) for name, tier in rates.service_tiers.items()],
        "windows": rates.windows,
        "typical": typical_call(rates),
        "form": form,
        "groups": form.groups(),
        "may_change": may_change(request),
        "zone": reporting_zone().key,
    }
    return render(request, "prices/model.html", context, status=status)


def _rows_of(rates: RateSet) -> list[RateRow]:
    return rate_rows(Rates(rates))


def _new_page(request: PageRequest, form: NewModelForm, status: int = 200) -> HttpResponse:
    context = {
        "tabs": tabs("costs:prices", request.caller),
        "form": form,
        "groups": form.groups(),
        "zone": reporting_zone().key,
    }
    return render(request, "prices/new.html", context, status=status)


def _preview_page(
    request: PageRequest, form: OwnPriceForm, looked: Preview, term: Term, why: str, context: dict[str, Any]
) -> HttpResponse:
    shown = {
        "tabs": tabs("costs:prices", request.caller),
        "looked": looked,
        "term": term,
        "is_past": term.start is not None and term.start < timezone.now(),
        "complaint": why,
        "hidden": sent_on(request, form, term.start),
        "rerate_url": _rerate_url(context["model"], term) if looked.past_calls else "",
        "zone": reporting_zone().key,
    }
    return render(request, "prices/preview.html", shown | context, status=422 if why else 200)


def _rerate_url(model: LanguageModel, term: Term) -> str:
    """Where the calls of the past can be priced again, if there is such a page."""
    try:
        path = reverse("costs:rerate-new")
    except NoReverseMatch:
        return ""
    pairs = {"model": model.name, "from": term.start, "until": term.end}
    return f"{path}?{urlencode({k: v.isoformat() if isinstance(v, datetime) else v for k, v in pairs.items() if v})}"
