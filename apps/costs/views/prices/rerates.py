"""Runs of re-rating: their list, a new one, and one run from its preview to its end."""

import csv
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from apps.access.domain.csv_cells import cell
from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.forms.rerating import RerateForm
from apps.costs.models import RerateRun, RerateState
from apps.costs.selectors import rerates
from apps.costs.selectors.known_names import models_by_provider
from apps.costs.selectors.rate_book import current_version
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services import rerating
from apps.costs.views.prices.tabs import tabs

PAGE_SIZE = 25
SHOWN = 20
MOST_NAMES = 2000
DIFFERENCES = ("records", "calls", "priced_calls", "unpriced_calls", "was_usd", "is_usd", "difference_usd")
LINE = ("id", "occurred_at", "conversation_id", "calls", "was_usd", "is_usd", "was_price_id", "is_price_id", "state")


@page(role=Role.ANALYST)
@require_safe
def runs(request: PageRequest) -> HttpResponse:
    """Every run one may see, newest first."""
    found = Paginator(rerates.runs_of(request.caller), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [(run, rerates.filter_words(run), rerates.percent(run)) for run in found]
    context = {
        "tabs": tabs("costs:rerates", request.caller),
        "page": found,
        "rows": rows,
        "may_change": _may_change(request),
    }
    return render(request, "prices/rerates.html", context)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def new_run(request: PageRequest) -> HttpResponse:
    """The filter of a new run, filled in from the address; asking makes a preview and changes nothing."""
    if request.method == "POST":
        form = RerateForm(request.caller, request.POST)
        if form.is_valid():
            try:
                run = rerating.ask(caller=request.caller, wanted=form.wanted())
                return see_other("costs:rerate", run.pk)
            except Refused as refusal:
                form.refuse(refusal)
    else:
        form = RerateForm(request.caller, initial=_from_address(request))
    context = {
        "tabs": tabs("costs:rerates", request.caller),
        "form": form,
        "used_models": models_by_provider(request.caller, most=MOST_NAMES),
        "zone": reporting_zone().key,
    }
    return render(request, "prices/rerate_new.html", context, status=422 if form.errors else 200)


def _from_address(request: PageRequest) -> dict[str, Any]:
    """What the address says of the filter; a name alone means what waits under it."""
    asked = request.GET
    choices = RerateForm(request.caller).projects
    wanted = asked.get("project", "")
    project = next((pk for pk, one in choices.items() if wanted in (pk, one.name)), "")
    return {
        "project": project if wanted else "",
        "provider": asked.get("provider", ""),
        "model": asked.get("model", ""),
        "name": asked.get("name", ""),
        "since": asked.get("from", ""),
        "until": asked.get("until", ""),
        "unpriced": "name" in asked or asked.get("unpriced") == "1",
    }


@page(role=Role.ANALYST)
@require_safe
def run_page(request: PageRequest, run_id: int) -> HttpResponse:
    """One run. htmx asks for its progress alone; once the preview is there, the page is read anew."""
    run = _run(request, run_id)
    context = {"run": run, "is_working": run.state in rerates.WORKING, "percent": rerates.percent(run)}
    context["is_waiting_long"] = context["is_working"] and not run.taken_until and _is_old(run)
    if request.htmx and not request.htmx.history_restore_request:
        if request.GET.get("was") == RerateState.DRAFT and run.state != RerateState.DRAFT:
            return HttpResponseClientRefresh()
        return render(request, "prices/_progress.html", context)
    context |= {
        "tabs": tabs("costs:rerates", request.caller),
        "words": rerates.filter_words(run),
        "tables": [(by, rerates.differences(run, by, limit=SHOWN)) for by in rerates.BY],
        "shown": SHOWN,
        "difference": run.is_usd - run.was_usd,
        "applied_difference": rerates.applied_difference(run),
        "book_moved": run.state == RerateState.PREVIEWED and run.price_book_version != current_version(),
        "may_change": _may_change(request),
        "may_abandon": run.state in ("draft", "previewed", "approved", "stopped") and not run.applied,
        "may_reverse": run.state in ("applied", "stopped") and run.applied > run.reversed,
    }
    return render(request, "prices/rerate.html", context)


@page(role=Role.ANALYST)
@require_safe
def run_csv(request: PageRequest, run_id: int) -> StreamingHttpResponse:
    """All of what a run changes: by model, project or conversation, or `by=record` each record."""
    run = _run(request, run_id)
    by = request.GET.get("by", "model")
    if by not in (*rerates.BY, "record"):
        raise Http404
    lines = _record_lines(run) if by == "record" else _difference_lines(run, by)
    name = f'attachment; filename="bursar-rerate-{run.pk}-{by}.csv"'
    return StreamingHttpResponse(
        map(_line, lines), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name}
    )


@page(role=Role.ADMIN)
@require_POST
def approve(request: PageRequest, run_id: int) -> HttpResponse:
    """Lets the preview be applied."""
    return _decided(request, run_id, rerating.approve, "Approved. It is applied in the background, step by step.")


@page(role=Role.ADMIN)
@require_POST
def abandon(request: PageRequest, run_id: int) -> HttpResponse:
    """Ends a run that changed nothing."""
    return _decided(request, run_id, rerating.abandon, "Abandoned. Nothing was changed.")


@page(role=Role.ADMIN)
@require_POST
def reverse_run(request: PageRequest, run_id: int) -> HttpResponse:
    """Puts back what a run changed."""
    return _decided(request, run_id, rerating.ask_to_reverse, "It is being put back, step by step.")


def _decided(request: PageRequest, run_id: int, act: Callable[..., RerateRun], words: str) -> HttpResponse:
    _run(request, run_id)
    try:
        act(caller=request.caller, run_id=run_id)
        messages.success(request, words)
    except Refused as refusal:
        messages.warning(request, f"{refusal.message} Nothing was changed.")
    return see_other("costs:rerate", run_id)


def _run(request: PageRequest, run_id: int) -> RerateRun:
    try:
        return rerates.run_of(request.caller, run_id)
    except RerateRun.DoesNotExist as error:
        raise Http404 from error


def _may_change(request: PageRequest) -> bool:
    return request.caller.has_role(Role.ADMIN)


def _is_old(run: RerateRun) -> bool:
    latest = max(moment for moment in (run.asked_at, run.approved_at) if moment)
    return (timezone.now() - latest).total_seconds() > 20


def _difference_lines(run: RerateRun, by: str) -> Iterator[list[Any]]:
    yield [by, *(["project"] if by == "conversation" else []), *DIFFERENCES]
    for row in rerates.every_difference(run, by):
        place = [row.project] if by == "conversation" else []
        yield [row.name, *place, *(getattr(row, name) for name in DIFFERENCES)]


def _record_lines(run: RerateRun) -> Iterator[list[Any]]:
    yield ["project", "model", *LINE]
    after = 0
    while rows := rerates.lines_after(run, after, 1000):
        for row in rows:
            yield [row["project"], row["model"], *(row[name] for name in LINE)]
        after = rows[-1]["line"]


def _line(values: list[Any]) -> str:
    line = StringIO()
    csv.writer(line).writerow([cell(value) for value in values])
    return line.getvalue()
