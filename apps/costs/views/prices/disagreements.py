"""Where the two public lists disagree, and what that is worth; and taking the price of one of them."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.models import ListComparison
from apps.costs.selectors import price_lists as lists
from apps.costs.services.price_lists import use_price_of
from apps.costs.views.prices.tabs import tabs

PAGE_SIZE = 50


@page(role=Role.ANALYST)
@require_safe
def disagreements(request: PageRequest) -> HttpResponse:
    """Models both lists price differently, by what it makes of the last 30 days; with `all`, unused ones too."""
    show_all = request.GET.get("show") == "all"
    rows = lists.comparisons(used_only=not show_all)
    found = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    newest = ListComparison.objects.order_by("-compared_at").first()
    context = {
        "tabs": tabs("costs:price-disagreements", request.caller),
        "page": found,
        "rows": lists.disagreements(found),
        "show_all": show_all,
        "count": ListComparison.objects.count(),
        "compared_at": newest.compared_at if newest else None,
        "may_change": request.caller.has_role(Role.ADMIN) and request.caller.project_ids is None,
        "sees_use": request.caller.project_ids is None,
    }
    return render(request, "prices/disagreements.html", context)


@page(role=Role.ADMIN)
@require_POST
def use(request: PageRequest, comparison_id: int, source: str) -> HttpResponse:
    """Takes one list's price as an own price from now on."""
    try:
        change = use_price_of(caller=request.caller, comparison_id=comparison_id, source=source, now=timezone.now())
    except ListComparison.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, f"{refusal.message} Nothing was changed.")
    else:
        words = f"{change.words}. Undo it on the model's page." if change else "This price holds already."
        messages.success(request, words)
    return see_other("costs:price-disagreements")
