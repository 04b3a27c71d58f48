"""The line on Explore that says how much arrived since the page was read. Numbers move only when asked to."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import BadQuery
from controlplane.explore.asked import Asked, asked
from controlplane.viewstate import DIMENSIONS, whole_number


def live(question: Asked, seen: int | None = None) -> dict[str, Any]:
    """What the line shows. Nothing where counting would mean to read the records every few seconds."""
    query = question.query
    try:
        if metrics.from_records_only(query, ()):
            return {"more_url": ""}
        rows = metrics.grouped(query, (), edges=(), only=())
    except BadQuery:
        return {"more_url": ""}
    sums = metrics.added([row.totals for row in rows])
    now = sums.calls + sums.tool_executions
    known = now if seen is None else seen
    return {
        "newest": metrics.freshness(query if not set(query.filters) - set(DIMENSIONS) else None),
        "arrived": max(0, now - known),
        "show_url": question.state.url(),
        "more_url": question.state.url(reverse("explore-more"), seen=str(known)),
    }


@page(role=Role.ANALYST)
@require_GET
def more(request: PageRequest) -> HttpResponse:
    """The line again, with what arrived meanwhile; 286 ends the asking where there is no line."""
    context = live(asked(request), whole_number(request.GET.get("seen", "")))
    if not context["more_url"]:
        return HttpResponse(status=286)
    return render(request, "components/_live.html", context)
