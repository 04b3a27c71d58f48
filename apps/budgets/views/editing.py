"""The form of a budget: new, changed or duplicated, with its sentence and what it would have done while it is typed."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.budgets.charts import BudgetChart, replay_chart
from apps.budgets.domain.drafts import Draft
from apps.budgets.domain.sentences import (
    at_once_words,
    covers_words,
    gone_words,
    replay_values_words,
    replay_words,
    sentence,
    span_words,
)
from apps.budgets.forms.budget import BudgetForm, blank, initial, zones
from apps.budgets.models import Budget
from apps.budgets.selectors.budgets import budgets_of
from apps.budgets.selectors.matching import Rule
from apps.budgets.selectors.replays import Replay, agents_of, replayed
from apps.budgets.selectors.spending import TooMuch
from apps.budgets.selectors.standing import standing
from apps.budgets.selectors.used import gone_before
from apps.budgets.services import editing
from apps.budgets.views.budgets import budget_of
from apps.costs.selectors.known_names import known_names
from apps.costs.selectors.reporting import reporting_zone


@dataclass(frozen=True, slots=True)
class Preview:
    """A draft in words: its sentence, and what it would have done, newest period first."""

    sentence: str
    now: tuple[str, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    chart: BudgetChart | None = None
    refused: str = ""


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """A new budget; `?from=` starts with those of another."""
    start = blank(reporting_zone().key)
    source = _source(request)
    if source is not None:
        start = initial(editing.draft_of(source)) | {"name": f"{source.name}, copy"[:128]}
    start |= {name: value for name, value in request.GET.items() if name.startswith("scope_")}
    form = BudgetForm(request.POST if request.method == "POST" else None, initial=start)
    shown = form if form.is_bound else BudgetForm(start)
    preview = _preview_of(request, shown) if source or form.is_bound else None
    draft = _draft(form)
    if draft is not None and request.POST.get("step") != "preview":
        try:
            made = editing.create_budget(caller=request.caller, draft=draft)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The budget {made.name} is in force.")
            return see_other("budgets:budget", made.pk)
    return _render(request, form, preview, None)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: PageRequest, budget_id: int) -> HttpResponse:
    """A budget that stands, changed; asks whether what its period has used is kept."""
    found = budget_of(request, budget_id)
    shown = initial(editing.draft_of(found)) | {"version": found.version}
    form = BudgetForm(request.POST if request.method == "POST" else None, initial=shown)
    preview = _preview_of(request, form if request.method == "POST" else BudgetForm(shown), found)
    draft = _draft(form)
    if draft is not None and request.POST.get("step") != "preview":
        try:
            editing.change_budget(
                caller=request.caller,
                budget_id=found.pk,
                draft=_with_pause(draft, found),
                usage=form.cleaned_data["usage"] or "keep",
                version=form.cleaned_data["version"],
            )
        except Refused as refusal:
            form.refuse(refusal)
            if refusal.code == "changed":
                now = budget_of(request, budget_id)
                form.show_standing(initial(editing.draft_of(now)) | {"version": now.version, "usage": None})
        else:
            messages.success(request, "Saved.")
            return see_other("budgets:budget", found.pk)
    return _render(request, form, preview, found)


@page(role=Role.ADMIN)
@require_POST
def preview(request: PageRequest) -> HttpResponse:
    """The sentence and the replay of what is typed so far."""
    number = request.GET.get("budget", "")
    changed = budget_of(request, int(number)) if number.isdecimal() and len(number) < 18 else None
    found = _preview_of(request, BudgetForm(request.POST), changed)
    return render(request, "budgets/_preview.html", {"preview": found})


def _source(request: PageRequest) -> Budget | None:
    number = request.GET.get("from", "")
    return (
        budgets_of(request.caller).filter(id=int(number)).first() if number.isdecimal() and len(number) < 18 else None
    )


def _draft(form: BudgetForm) -> Draft | None:
    """What was typed, or None with the reasons beside its fields."""
    if not form.is_bound or not form.is_valid():
        return None
    try:
        return form.draft()
    except Refused as refusal:
        form.refuse(refusal)
        return None


def _with_pause(draft: Draft, found: Budget) -> Draft:
    """The form does not say whether a budget is paused: that stays as it is."""
    return replace(draft, paused=found.paused_at is not None)


def _preview_of(request: PageRequest, form: BudgetForm, changed: Budget | None = None) -> Preview | None:
    draft, now = _draft(form), timezone.now()
    if draft is None:
        return None
    words = sentence(draft)
    try:
        editing.project_of(draft, request.caller)
        found = replayed(draft, now)
        is_kept = draft.counts_from == "period_start" and form.cleaned_data["usage"] != "reset"
        told = _now_told(draft, found, changed, now, is_kept=is_kept)
    except TooMuch:
        message = "Adding it up takes longer than a page may wait. The budget itself is counted in the background."
        return Preview(words, refused=message)
    except Refused as refusal:
        return Preview(words, refused=refusal.message)
    cycle = found.rule.cycle
    lines = [(span_words(one.span, cycle), replay_words(one, cycle, draft.unit)) for one in found.periods]
    lines += [(span_words(one.span, cycle), replay_values_words(one, draft.each, draft.unit)) for one in found.values]
    drawn = cycle, found.periods, draft.limit, draft.unit, draft.thresholds
    chart = replay_chart(*drawn) if len(found.periods) > 1 else None
    return Preview(words, told, tuple(lines[::-1]), chart)


def _now_told(draft: Draft, found: Replay, changed: Budget | None, now: datetime, *, is_kept: bool) -> tuple[str, ...]:
    """What it covers in the running period, what of it nobody can count, and what would begin at once.

    Raises TooMuch.
    """
    gone = _gone_told(draft, found.rule, changed, now) if is_kept else ()
    if not found.periods:
        return gone
    running = found.periods[-1]
    held = standing(changed, now).state.in_force if changed is not None else ()
    covers = covers_words(running, agents_of(found.rule, running.span, now), draft.unit)
    at_once = at_once_words(running, held, draft.limit, draft.unit) if is_kept and not draft.paused else ""
    return (covers, *gone, at_once) if at_once else (covers, *gone)


def _gone_told(draft: Draft, rule: Rule, changed: Budget | None, now: datetime) -> tuple[str, ...]:
    """A counter that stands knows what was dropped meanwhile, as long as it counts the same."""
    if changed is not None and not draft.counts_otherwise(editing.draft_of(changed)):
        return ()
    kept_from = gone_before(rule, rule.cycle.span(now))
    return (gone_words(kept_from, rule.cycle),) if kept_from is not None else ()


def _render(request: PageRequest, form: BudgetForm, preview: Preview | None, found: Budget | None) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "preview": preview,
        "budget": found,
        "zones": zones(),
        "known": known_names(request.caller),
    }
    return render(request, "budgets/form.html", context, status=422 if form.errors else 200)
