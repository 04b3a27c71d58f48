"""Health for probes and for people."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, public
from apps.costs.selectors.bookkeeping import bookkeeping
from apps.costs.selectors.clocks import fast_clocks
from controlplane import health as checks

READY_WORDS = {"ok": "ok", "late": "degraded", "down": "unavailable"}


@public
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers with every migration. Late work is told as `degraded`, still 200."""
    level, found = checks.overall()
    body = {"status": READY_WORDS[level], "checks": {check.name: check.level for check in found}}
    return JsonResponse(body, status=503 if level == "down" else 200)


@public
@require_safe
def healthz_background(request: HttpRequest) -> HttpResponse:
    """503 when background work is late, or cannot be asked for."""
    level, found = checks.overall()
    body = {"status": level, "late": [check.name for check in found if check.level != "ok"]}
    return JsonResponse(body, status=200 if level == "ok" else 503)


@page(role=Role.ANALYST)
@require_safe
def health(request: PageRequest) -> HttpResponse:
    """What is late, since when, in plain words."""
    level, found = checks.overall()
    books = bookkeeping(timezone.now()) if level != "down" else None
    clocks = fast_clocks(request.caller, now=timezone.now()) if level != "down" else []
    context = {"level": level, "checks": found, "books": books, "clocks": clocks}
    return render(request, "health/health.html", context)
