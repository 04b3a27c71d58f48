"""The unpriced queue: names that calls wait under, and what can be done about each."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.forms.rerating import AliasForm
from apps.costs.models import LanguageModel
from apps.costs.selectors.unpriced import (
    Reason,
    Waiting,
    lost_calls,
    own_names,
    reachable_models,
    reasons,
    waiting_names,
)
from apps.costs.services.price_book.aliases import add_alias, remove_alias
from apps.costs.views.prices.tabs import tabs

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Row:
    """A name that waits, why, and where to go from here; an address is "" for what cannot be done."""

    waiting: Waiting
    reason: Reason
    price_url: str
    same_url: str


@page(role=Role.ANALYST)
@require_safe
def unpriced(request: PageRequest) -> HttpResponse:
    """Every name with calls whose cost is unknown, most calls first."""
    every = waiting_names(request.caller.project_ids)
    found = Paginator(every, PAGE_SIZE).get_page(request.GET.get("page"))
    waiting = list(found.object_list)
    context = {
        "tabs": tabs("costs:unpriced", request.caller),
        "page": found,
        "rows": [_row(one, reason) for one, reason in zip(waiting, reasons(waiting), strict=True)],
        "calls": sum(one.calls for one in every),
        "tokens": sum(one.tokens for one in every),
        "lost": lost_calls(request.caller.project_ids),
        "own_names": own_names(),
        "may_rerate": request.caller.has_role(Role.ADMIN),
        "may_price": _may_price(request),
    }
    return render(request, "prices/unpriced.html", context)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def same_model(request: PageRequest) -> HttpResponse:
    """Says that a name means a model of the price book; what waits under it can then be re-rated."""
    provider, name = (request.GET.get(key, "") for key in ("provider", "name"))
    every = waiting_names(request.caller.project_ids)
    waiting = next((one for one in every if (one.provider, one.name) == (provider, name)), None)
    if waiting is None:
        raise Http404("No call waits under this name.")
    models = {f"{model.provider_id}/{model.name}": model for model in reachable_models(provider, name)}
    form = AliasForm(request.POST if request.method == "POST" else None, initial={"model": request.GET.get("model")})
    if request.method == "POST" and form.is_valid():
        chosen = models.get(form.cleaned_data["model"].strip())
        if chosen is None:
            form.add_error("model", f"The price book has no such model at {provider}.")
        else:
            try:
                add_alias(caller=request.caller, provider=provider, name=name, model_id=chosen.pk)
            except Refused as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, f"{name} now means {chosen}. Preview the re-rating of what waits below.")
                return see_other("costs:unpriced")
    [reason] = reasons([waiting])
    context = {
        "tabs": tabs("costs:unpriced", request.caller),
        "form": form,
        "row": _row(waiting, reason),
        "models": list(models)[:2000],
    }
    return render(request, "prices/same_model.html", context, status=422 if form.errors else 200)


@page(role=Role.ADMIN)
@require_POST
def forget_name(request: PageRequest) -> HttpResponse:
    """Takes back that a name means a model."""
    model, name = request.POST.get("model", ""), request.POST.get("name", "")
    try:
        found = remove_alias(caller=request.caller, model_id=int(model) if model.isdecimal() else 0, name=name)
        messages.success(request, f"{name} no longer means {found}. Calls that were priced by it keep their cost.")
    except LanguageModel.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return see_other("costs:unpriced")


def _may_price(request: PageRequest) -> bool:
    return request.caller.has_role(Role.ADMIN) and request.caller.project_ids is None


def _row(one: Waiting, reason: Reason) -> Row:
    named = {"provider": one.provider, "name": one.name}
    has_models = reason.code not in ("unknown_provider", "no_provider")
    same = f"{reverse('costs:same-model')}?{urlencode(named)}" if has_models else ""
    return Row(one, reason, _price_url(named, one), same)


def _price_url(named: dict[str, str], one: Waiting) -> str:
    """Where a price is typed, if there is such a page; it should hold from the first call that waits."""
    try:
        path = reverse("costs:price-new")
    except NoReverseMatch:
        return ""
    return f"{path}?{urlencode({**named, 'from': f'{one.first_at:%Y-%m-%d}'})}"
