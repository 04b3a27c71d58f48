"""The pages of what-ifs: the form with advice and earlier runs, and one run from its progress to a draft."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.models import Agent
from apps.access.pages import PageRequest, page, see_other
from apps.access.selectors.places import projects_of, with_merged
from apps.costs.selectors.first_seen import first_seen_numbers
from apps.costs.selectors.known_names import models_by_provider
from apps.costs.selectors.task_types import task_types_of
from apps.routing.charts import Part, stacked
from apps.routing.domain.baselines import BadBaseline, read_models
from apps.routing.domain.candidates import Quality
from apps.routing.domain.policy import ModelKey, policy_of
from apps.routing.domain.scenarios import Move
from apps.routing.domain.tally import Group
from apps.routing.forms.what_if import ScenarioForm, WhatIfForm, prefilled
from apps.routing.models import PolicyVersion, ReplayRun, ReplayState
from apps.routing.selectors.advice import advised
from apps.routing.selectors.policies import current_version
from apps.routing.selectors.replaying import by_group, known_qualities
from apps.routing.selectors.replays import ENDED, Outcome, outcome_of, percent, replays_of, sides
from apps.routing.services.replays.asking import as_draft, ask, cancel, draft_of, keep_as
from apps.routing.views.tabs import tabs

MOST_RUNS = 20
MOST_ROWS = 20
MOST_ADVICE = 10
MOST_NAMES = 2000
TIER_FIELDS = ("cap-", "upper-")
WAITS_LONG = timedelta(seconds=60)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def what_if(request: PageRequest) -> HttpResponse:
    """The form of a what-if, what models would do the same for less, and earlier runs beside one another."""
    now, current = timezone.now(), current_version()
    versions = [*PolicyVersion.objects.drafts()[:MOST_RUNS], *PolicyVersion.objects.published()[:MOST_RUNS]]
    policy = policy_of(current.document) if current else None
    if request.method == "POST":
        form = WhatIfForm(request.caller, policy, versions, request.POST)
        if form.is_valid():
            try:
                run = ask(caller=request.caller, wanted=form.wanted(), now=now)
                return see_other("routing:replay", run.pk)
            except Refused as refusal:
                form.refuse(refusal)
    else:
        named = (*WhatIfForm.base_fields, *(name for name in request.GET if name.startswith(TIER_FIELDS)))
        given = {name: request.GET[name] for name in named if name in request.GET}
        form = WhatIfForm(request.caller, policy, versions, initial={"days": 7, **given})
    context = _context(request, form, now)
    return render(request, "routing/what_if.html", context, status=422 if form.errors else 200)


def _context(request: PageRequest, form: WhatIfForm, now: datetime) -> dict[str, Any]:
    known = by_group(known_qualities())
    runs, kept = replays_of(request.caller)[:MOST_RUNS], replays_of(request.caller).exclude(name="").order_by("name")
    projects = [one.pk for one in projects_of(request.caller)]
    return {
        "tabs": tabs("routing:what-if", request.caller),
        "form": form,
        "used_models": models_by_provider(request.caller, most=MOST_NAMES),
        "advice": advised(now=now, project_ids=request.caller.project_ids, most=MOST_ADVICE),
        "agents": Agent.objects.filter(project_id__in=projects)
        .order_by("name").values_list("name", flat=True).distinct()[:MOST_NAMES],
        "task_types": task_types_of(with_merged(projects)).values_list("name", flat=True)[:MOST_NAMES],
        "runs": _rows(runs, known),
        "scenarios": [row | {"again": prefilled(row["run"])} for row in _rows(kept, known)],
    }  # fmt: skip


def _rows(runs: Iterable[ReplayRun], known: Mapping[Group, Quality]) -> list[dict[str, Any]]:
    return [
        {
            "run": run,
            "percent": percent(run),
            "found": outcome_of(run, known) if run.state == ReplayState.DONE else None,
        }
        for run in runs
    ]


@page(role=Role.ADMIN)
@require_safe
def replay(request: PageRequest, run_id: int) -> HttpResponse:
    """One run. htmx asks for its progress alone; once it is done, the page is read anew."""
    run = _run(request, run_id)
    is_working = run.state not in ENDED
    context: dict[str, Any] = {
        "run": run,
        "is_working": is_working,
        "percent": percent(run),
        "is_waiting_long": is_working and not run.taken_until and timezone.now() - run.asked_at > WAITS_LONG,
    }
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "routing/_replay_progress.html", context) if is_working else HttpResponseClientRefresh()
    context["tabs"] = tabs("routing:what-if", request.caller)
    context["days"] = (run.end - run.start).days
    context["can_be_draft"] = run.document is not None or bool(run.moves)
    context["again"] = prefilled(run)
    context["scenario_form"] = ScenarioForm(initial={"name": run.name})
    if run.state == ReplayState.DONE:
        found = outcome_of(run, with_lot=True)
        context |= {
            "found": found,
            "by_task_type": sides(found.tally.by_task_type, found.levers)[:MOST_ROWS],
            "parts": _parts(found),
            "by_move": sides(found.tally.by_move, found.levers)[:MOST_ROWS],
        }
    return render(request, "routing/replay.html", context)


def _parts(found: Outcome) -> list[Part]:
    """What calls cost by model before and after, in the colours that models have elsewhere."""
    rows = [(name, before, after) for name, _, before, after in found.models if before or after]
    numbers = first_seen_numbers("model", {name.partition("/")[2] for name, _, _ in rows})
    return stacked(rows, {name: numbers.get(name.partition("/")[2], 0) for name, _, _ in rows})


@page(role=Role.ADMIN)
@require_POST
def cancel_replay(request: PageRequest, run_id: int) -> HttpResponse:
    """Ends a run before it is done."""
    _run(request, run_id)
    try:
        cancel(caller=request.caller, run_id=run_id)
    except Refused as refusal:
        messages.error(request, f"Nothing was changed. {refusal.message}")
    return see_other("routing:replay", run_id)


@page(role=Role.ADMIN)
@require_POST
def name_replay(request: PageRequest, run_id: int) -> HttpResponse:
    """Keeps a run as a scenario under a name, or, with an empty one, no longer."""
    _run(request, run_id)
    try:
        run = keep_as(caller=request.caller, run_id=run_id, name=request.POST.get("name", ""))
    except Refused as refusal:
        messages.error(request, f"Nothing was changed. {refusal.message}")
    else:
        messages.success(request, f"Kept as {run.name}." if run.name else "It is no scenario any more.")
    return see_other("routing:replay", run_id)


@page(role=Role.ADMIN)
@require_POST
def replay_as_draft(request: PageRequest, run_id: int) -> HttpResponse:
    """Makes what a run tried a draft of the policy."""
    _run(request, run_id)
    try:
        draft = as_draft(caller=request.caller, run_id=run_id)
    except Refused as refusal:
        messages.error(request, f"No draft was made. {refusal.message}")
        return see_other("routing:replay", run_id)
    messages.success(request, "This is a draft. Agents see nothing of it until it is published.")
    return see_other("routing:draft", draft.pk)


@page(role=Role.ADMIN)
@require_POST
def advice_as_draft(request: PageRequest) -> HttpResponse:
    """Makes an advice a draft: one model replaced by another in every tier that holds it."""
    try:
        move = Move(_model(request, "source"), _model(request, "target"))
        note = f"Advice: {move.words}"
        draft = draft_of(caller=request.caller, document=None, moves=[move], note=note)
    except (BadBaseline, Refused) as refusal:
        messages.error(request, f"No draft was made. {refusal}")
        return see_other("routing:what-if")
    messages.success(request, "This is a draft. Agents see nothing of it until it is published.")
    return see_other("routing:draft", draft.pk)


def _model(request: PageRequest, name: str) -> ModelKey:
    return read_models(request.POST.get(name, "").replace("\0", ""), "")[""]


def _run(request: PageRequest, run_id: int) -> ReplayRun:
    found = replays_of(request.caller).filter(pk=run_id).first()
    if found is None:
        raise Http404
    return found
