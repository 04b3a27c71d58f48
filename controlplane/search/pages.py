"""The page of the search box."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from controlplane import navigation
from controlplane.search.finding import NEWEST_CONVERSATIONS, found


@page(role=Role.ANALYST)
@require_GET
def search(request: PageRequest) -> HttpResponse:
    """What `q` finds, or the part of it that htmx swaps while one types."""
    text = request.GET.get("q", "")
    role = Role(request.user.role)
    places = navigation.MAIN + navigation.SETTINGS + navigation.ACCOUNT
    pages = [(entry.label, entry.url) for entry in navigation.links(request, role, places)]
    groups = found(request.caller, text, pages)
    many = sum(len(group.hits) for group in groups)
    context = {"q": text, "groups": groups, "many": many, "newest": NEWEST_CONVERSATIONS}
    fragment = request.htmx and not request.htmx.history_restore_request
    return render(request, "search/_found.html" if fragment else "search/search.html", context)
