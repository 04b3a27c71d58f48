"""The pages of budgets: all of them by risk, one with who spends it, and the acts on one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.budgets.charts import BudgetChart, Meter, PastPeriod, burn_down, meter, past_chart
from apps.budgets.domain.cycles import ENDLESS, Period
from apps.budgets.domain.sentences import amount, does, level, sentence, span_words
from apps.budgets.domain.states import BudgetState
from apps.budgets.domain.thresholds import Threshold
from apps.budgets.forms.budget import RaiseForm
from apps.budgets.models import Alert, Budget, Entry, StoredForecast
from apps.budgets.selectors.budgets import budgets_of
from apps.budgets.selectors.forecasts import horizon, outlook, why_none
from apps.budgets.selectors.inbox import with_reached
from apps.budgets.selectors.spending import DIMENSIONS, Share, TooMuch, heading, pieces, shares
from apps.budgets.selectors.standing import Standing, counters_of, late_amounts, past_counters, standing, standings
from apps.budgets.services import editing
from apps.budgets.services.editing import draft_of
from apps.costs.domain.calendars import Unit, cut
from apps.costs.domain.formats import percent

_BADGES = {"blocked": "danger", "over": "danger", "warn": "warn", "ok": "ok", "paused": ""}
_WORDS = {"blocked": "Blocked", "over": "Over", "warn": "Warned", "ok": "Within", "paused": "Paused"}
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Row:
    """A budget of the list, or a counter of a budget."""

    url: str
    name: str
    covers: str
    period: str
    state: BudgetState
    meter: Meter
    badge: str
    word: str
    doing: str
    resets_at: datetime | None
    counters: int
    outlook: str = ""


@page(role=Role.ANALYST)
@require_safe
def budget_list(request: PageRequest) -> HttpResponse:
    """Every budget one may see, those at risk first."""
    now = timezone.now()
    rows = [_row(one) for one in standings(request.caller, now)]
    deleted = budgets_of(request.caller, deleted=True).order_by("-deleted_at")[:5]
    risky = sum(row.state.state in ("blocked", "over", "warn") for row in rows)
    context = {"rows": rows, "risky": risky, "deleted": deleted, "may_change": may_change(request)}
    return render(request, "budgets/budgets.html", context)


@page(role=Role.ANALYST)
@require_safe
def budget(request: PageRequest, budget_id: int) -> HttpResponse:
    """One budget: how it stands, how it burns down, who spends it, what it did."""
    now = timezone.now()
    found = standing(budget_of(request, budget_id), now)
    by = request.GET.get("by", "agent")
    by = by if by in DIMENSIONS else "agent"
    rule, unit = found.rule, found.rule.unit
    drawn, past = _past(found) if not rule.each else (None, [])
    context = {
        "row": _row(found),
        "budget": found.budget,
        "sentence": sentence(draft_of(found.budget)),
        "span": span_words(found.span, rule.cycle),
        "thresholds": [_threshold(one, found.state, len(found.budget.recipients)) for one in rule.thresholds],
        "counters": _counters(found, now) if rule.each else [],
        "chart": _burn_down(found, now),
        "forecast": found.forecast,
        "forecast_error": percent(found.forecast.error, 1) if found.forecast else "",
        "no_forecast": why_none(rule),
        "by": by,
        "dimensions": [(name, heading(name)) for name in DIMENSIONS],
        "shares": _shares(found, by, now),
        "past": past,
        "past_chart": drawn,
        "raises": [(one, amount(one.amount, unit)) for one in found.budget.raises.order_by("-id")[:10]],
        "entries": _entries(found),
        "alerts": with_reached(
            list(Alert.objects.visible_to(request.caller).filter(budget_id=budget_id).order_by("-id")[:10])
        ),
        "raise_form": RaiseForm(),
        "may_change": may_change(request),
        "unit": unit,
    }
    return render(request, "budgets/budget.html", context)


@page(role=Role.ADMIN)
@require_POST
def raise_limit(request: PageRequest, budget_id: int) -> HttpResponse:
    """Raises the limit for this period, or some."""
    found = budget_of(request, budget_id)
    form = RaiseForm(request.POST)
    if form.is_valid():
        typed = form.cleaned_data
        try:
            editing.raise_budget(
                caller=request.caller,
                budget_id=found.pk,
                amount=typed["amount"],
                periods=typed["periods"],
                reason=typed["reason"],
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{found.name} is raised by {amount(typed['amount'], found.unit)}.")
            return see_other("budgets:budget", found.pk)
    return render(request, "budgets/raise.html", {"form": form, "budget": found}, status=422)


@page(role=Role.ADMIN)
@require_POST
def pause(request: PageRequest, budget_id: int) -> HttpResponse:
    """Lets a budget only count, or work again."""
    paused = request.POST.get("paused") != "0"
    found = budget_of(request, budget_id)
    editing.set_paused(caller=request.caller, budget_id=found.pk, paused=paused)
    words = "is paused: it goes on counting, and neither warns nor blocks" if paused else "works again"
    messages.success(request, f"{found.name} {words}.")
    return see_other("budgets:budget", found.pk)


@page(role=Role.ADMIN)
@require_POST
def delete(request: PageRequest, budget_id: int) -> HttpResponse:
    """Takes a budget out of force; the list offers to put it back."""
    return _acted(request, budget_id, editing.delete_budget, "is deleted. You can put it back below.")


@page(role=Role.ADMIN)
@require_POST
def restore(request: PageRequest, budget_id: int) -> HttpResponse:
    """Puts a deleted budget back."""
    return _acted(request, budget_id, editing.restore_budget, "is in force again.")


def _acted(request: PageRequest, budget_id: int, act: Callable[..., Budget], words: str) -> HttpResponse:
    try:
        messages.success(request, f"{act(caller=request.caller, budget_id=budget_id).name} {words}")
    except Budget.DoesNotExist as error:
        raise Http404 from error
    return see_other("budgets:budgets")


def may_change(request: PageRequest) -> bool:
    """Whether this person may set budgets."""
    return request.caller.has_role(Role.ADMIN)


def budget_of(request: PageRequest, budget_id: int) -> Budget:
    """A standing budget this person may see, or 404."""
    found = budgets_of(request.caller).filter(id=budget_id).first()
    if found is None:
        raise Http404
    return found


def _row(one: Standing) -> Row:
    state, rule = one.state, one.rule
    whose = f"tightest of {one.counters}: {state.label}" if rule.each and one.counters else ""
    return Row(
        url=reverse("budgets:budget", args=[one.budget.pk]),
        name=one.budget.name,
        covers=f"every {rule.each} of {one.budget.scope_words}" if rule.each else one.budget.scope_words,
        period=whose or span_words(one.span, rule.cycle),
        state=state,
        meter=meter(state, one.forecast.total if one.forecast else None),
        badge=_BADGES[state.state],
        word=_WORDS[state.state],
        doing=_doing(state),
        resets_at=state.resets_at,
        counters=one.counters,
        outlook=outlook_words(one, one.forecast),
    )


def outlook_words(one: Standing, forecast: StoredForecast | None) -> str:
    """The forecast: "about $48.20 by Nov 30 ($41.10 to $55.90); runs out Thu Nov 26, 14:00"; "" when there is none."""
    unit, zone = one.rule.unit, one.rule.cycle.zone
    if forecast is None:
        return ""
    last = (horizon(one.rule, one.span, forecast.made_at) - timedelta(seconds=1)).astimezone(zone)
    words = f"about {amount(forecast.total, unit)} by {last:%b} {last.day}"
    words += f" ({amount(forecast.low, unit)} to {amount(forecast.high, unit)})"
    if forecast.runs_out_at is None:
        return words
    at = forecast.runs_out_at.astimezone(zone)
    return f"{words}; runs out {at:%a %b} {at.day}, {at:%H}:00"


def _counters(one: Standing, now: datetime) -> list[Row]:
    """The counters of a budget that has many, tightest first."""
    states = counters_of(one, now)
    forecasts = StoredForecast.objects.in_bulk([state.counter_id for state in states])
    return [_counter(one, state, forecasts.get(state.counter_id)) for state in states]


def _counter(one: Standing, state: BudgetState, forecast: StoredForecast | None) -> Row:
    return Row(
        "", state.label, "", "", state, meter(state, forecast.total if forecast else None), _BADGES[state.state],
        _WORDS[state.state], _doing(state), state.resets_at, 0, outlook_words(one, forecast),
    )  # fmt: skip


def _doing(state: BudgetState) -> str:
    """What it does to calls right now."""
    return {
        "block": "refuses calls",
        "downgrade": f"sends calls to the tier {state.tier}",
        "cheapest": "sends calls to the cheapest model",
        "advise": "advises to spend less",
    }.get(state.action, "")


def _threshold(one: Threshold, state: BudgetState, recipients: int) -> dict[str, Any]:
    return {
        "level": level(one, state.unit),
        "amount": amount(one.level(state.limit, state.raised), state.unit),
        "does": does(one, recipients),
        "holds": one.key in state.in_force,
    }


def _past(one: Standing) -> tuple[BudgetChart | None, list[dict[str, Any]]]:
    """The periods before, each with what of it was reported after its end: drawn where there are several, and told."""
    counters, cycle, unit = past_counters(one.budget, one.span.start), one.rule.cycle, one.rule.unit
    late = late_amounts(counters)
    periods = [
        PastPeriod(counter.period_start, counter.carried + counter.spent, late.get(counter.pk, _ZERO), counter.limit)
        for counter in counters
    ]
    told = [
        {
            "period": span_words(cycle.span(past.start), cycle),
            "spent": amount(past.used, unit),
            "limit": amount(past.limit, unit),
            "share": percent(past.used, past.limit),
            "over": past.used >= past.limit,
            "late": amount(past.late, unit) if past.late else "",
        }
        for past in periods
    ]
    return past_chart(cycle, periods[::-1], unit) if len(periods) > 1 else None, told


def _burn_down(one: Standing, now: datetime) -> BudgetChart | None:
    """The present period piece by piece; None for a budget with many counters, or when it takes too long."""
    cycle, span = one.rule.cycle, one.span
    if one.rule.each or cycle.period in ENDLESS or cycle.period is Period.HOUR or span.end is None:
        return None
    window = cycle.window(span)
    edges = cut(window.start, span.end, Unit.HOUR if cycle.period is Period.DAY else Unit.DAY, cycle.zone)
    try:
        used = pieces(one.rule, [edge for edge in edges if edge < now] + [now])
    except TooMuch:
        return None
    running: list[Decimal | None] = []
    total = _ZERO
    for value in used:
        total += value
        running.append(total)
    expected = _expected(one, now, len(edges) - 1, len(running) - 1)
    running += [None] * (len(edges) - 1 - len(running))
    return burn_down(cycle, edges, running, expected, one.state.limit, one.rule.unit)


def _expected(one: Standing, now: datetime, length: int, running: int) -> list[Decimal | None]:
    """What will have been used after the running piece and each one after it; nothing while no forecast is told."""
    if one.forecast is None:
        return [None] * length
    found = outlook(one.rule, one.span, spent=one.state.spent, limit=one.state.limit, now=now)
    steps: list[Decimal | None] = list(found.forecast.steps) if found else []
    if one.rule.cycle.period is Period.ROLLING:  # It is drawn by days and steps through the hours of today.
        steps = steps[-1:]
    return [*[None] * running, *steps, *[None] * length][:length]


def _shares(one: Standing, by: str, now: datetime) -> list[dict[str, Any]] | None:
    """Who spends it in the present period; None when it takes too long."""
    window = one.rule.cycle.window(one.span)
    try:
        found: list[Share] = shares(one.rule, by, window.start, min(window.end or now, now))
    except TooMuch:
        return None
    whole = sum((share.amount for share in found), _ZERO)
    return [
        {
            "name": share.name or "none",
            "amount": amount(share.amount, one.rule.unit),
            "share": percent(share.amount, whole),
            "width": f"{share.amount * 100 / whole:.2f}" if whole else "0",
        }
        for share in found
    ]


def _entries(one: Standing) -> list[dict[str, Any]]:
    """The newest rows of the ledger of the present period."""
    rows = Entry.objects.filter(counter__budget=one.budget, counter__period_start=one.span.start).select_related(
        "counter"
    )
    unit = one.rule.unit
    return [
        {
            "at": row.made_at,
            "kind": row.get_kind_display(),
            "whose": row.counter.label,
            "spent": amount(row.spent, unit) if row.spent else "–",
            "reserved": amount(row.reserved, unit) if row.reserved else "–",
        }
        for row in rows.select_related("counter").order_by("-id")[:20]
    ]
