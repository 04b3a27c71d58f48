"""The page that says how every number is computed; figures link to their entry."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page


@page(role=Role.ANALYST)
@require_GET
def how(request: PageRequest) -> HttpResponse:
    """Formulas in words, one entry per number."""
    return render(request, "how/how.html")
