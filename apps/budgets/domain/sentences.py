"""A budget in one sentence, as its form says it while it is typed."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from apps.budgets.domain.cycles import Cycle, Period, Span
from apps.budgets.domain.drafts import Draft
from apps.budgets.domain.replaying import VERBS, Replayed, ReplayedValues
from apps.budgets.domain.scopes import scope_words
from apps.budgets.domain.states import Unit
from apps.budgets.domain.thresholds import HYSTERESIS_PERCENT, Action, Threshold
from apps.costs.domain.calendars import day_of
from apps.costs.domain.formats import count, money, percent
from apps.costs.domain.periods import days_words

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_EACH = {
    "conversation": "Every conversation",
    "user": "Every user",
    "agent": "Every agent",
    "project": "Every project",
}


def sentence(draft: Draft) -> str:
    """Who may spend how much in which time, what happens at which level, and from when it counts."""
    who = _who(draft)
    parts = [f"{who} may {_verb(draft.unit)} {amount(draft.limit, draft.unit)}{period(draft)}."]
    if draft.thresholds:
        levels = [f"at {level(one, draft.unit)} {does(one, len(draft.recipients))}" for one in draft.thresholds]
        text = levels[0] if len(levels) == 1 else f"{', '.join(levels[:-1])} and {levels[-1]}"
        parts.append(f"{text[0].upper()}{text[1:]}.")
        if any(one.action in (Action.ADVISE, Action.CHEAPEST, Action.DOWNGRADE) for one in draft.thresholds):
            parts.append(
                f"What has begun ends when the period does, on a raise, or {HYSTERESIS_PERCENT} % below its level."
            )
    else:
        parts.append("Nothing happens when it is used up: it only counts.")
    parts.append(_since(draft))
    return " ".join(part for part in parts if part)


def amount(value: Decimal, unit: str) -> str:
    """An amount with its unit."""
    return money(value) if unit == Unit.USD else f"{count(int(value))} {unit}"


def level(threshold: Threshold, unit: str) -> str:
    """The level of a threshold, with what it is compared with."""
    shown = f"{threshold.percent.normalize():f} %" if threshold.percent is not None else amount(
        threshold.amount or Decimal(0), unit
    )  # fmt: skip
    return f"{shown} of the forecast" if threshold.on == "forecast" else shown


def does(threshold: Threshold, recipients: int = 0) -> str:
    """What happens at a threshold, in the words of a plan."""
    people = f"tell {recipients} recipient{'s' if recipients != 1 else ''}" if recipients else "raise an alert"
    return {
        Action.NOTIFY: people,
        Action.ADVISE: "advise agents to spend less",
        Action.CHEAPEST: "go to the cheapest model that will do",
        Action.DOWNGRADE: f"go down to the tier {threshold.tier}",
        Action.BLOCK: "block",
    }[threshold.action]


def period(draft: Draft) -> str:
    """The period, with the zone it is cut in, ready to stand behind an amount."""
    name, zone = draft.period, draft.timezone
    if name == Period.CONVERSATION:
        return "" if draft.each == "conversation" else " in all"
    if name == Period.ONCE:
        return " once, in all"
    if name == Period.ROLLING:
        days = f"today and the {draft.rolling_days - 1} days before" if draft.rolling_days > 1 else "today"
        return f" in {days} ({zone})"
    words = {
        Period.HOUR: "hour",
        Period.DAY: "day",
        Period.WEEK: f"week from {_DAYS[draft.week_start]}",
        Period.MONTH: "calendar month",
        Period.QUARTER: "quarter" + _fiscal(draft.fiscal_start),
        Period.YEAR: "year" + _fiscal(draft.fiscal_start),
    }
    return f" per {words[name]} ({zone})"


def _fiscal(start: int) -> str:
    return "" if start == 1 else f" of the fiscal year from {_MONTHS[start - 1]}"


def _who(draft: Draft) -> str:
    words = scope_words(draft.scope)
    if draft.each:
        return _EACH[draft.each] + (f" of {words}" if draft.scope else "")
    return f"{words[0].upper()}{words[1:]}"


def _verb(unit: str) -> str:
    return {Unit.USD: "spend", Unit.TOKENS: "use", Unit.CALLS: "make"}[unit]


def _since(draft: Draft) -> str:
    if draft.period == Period.CONVERSATION:
        return "What a conversation has used before counts." if draft.counts_from == "period_start" else (
            "It counts from now on."
        )  # fmt: skip
    if draft.counts_from == "now":
        return "It counts from now on: what was used before does not count."
    return "What was used before counts." if draft.period == Period.ONCE else (
        "What the present period has used so far counts."
    )  # fmt: skip


def replay_words(one: Replayed, cycle: Cycle, unit: str) -> str:
    """What a budget would have done in a period: "$612.30 used; would have warned on Oct 14 and blocked on Oct 29"."""
    used = f"{amount(one.total, unit)} used"
    if not one.reached:
        return f"{used}; nothing would have happened"
    acts = []
    for reached in one.reached:
        day = reached.at.astimezone(cycle.zone)
        hourly = len(one.edges) > 1 and (one.edges[1] - one.edges[0]).total_seconds() <= 3600
        acts.append(f"{VERBS[reached.threshold.action]} {f'at {day:%H:%M}' if hourly else f'on {day:%b} {day.day}'}")
    return f"{used}; would have {' and '.join(dict.fromkeys(acts))}"


def covers_words(one: Replayed, agents: int, unit: str) -> str:
    """How many agents the running period's usage is of: "It covers 3 agents, which used $431.18 in this period."."""
    if not one.total:
        return "Nothing that it covers has been used in this period yet."
    of = f"{count(agents)} agent{'' if agents == 1 else 's'}, which" if agents else "calls without an agent, which"
    return f"It covers {of} used {amount(one.total, unit)} in this period."


def gone_words(kept_from: datetime, cycle: Cycle) -> str:
    """That a period began before all that is still there."""
    day = kept_from.astimezone(cycle.zone)
    return f"Usage before {day:%b} {day.day}, {day.year} was dropped by retention and is not counted."


def at_once_words(one: Replayed, held: Collection[str], limit: Decimal, unit: str) -> str:
    """What would begin with saving, since the running period is there already; "" for nothing. `held` holds already."""
    begun = [reached.threshold for reached in one.reached if reached.threshold.key not in held]
    if not begun or not limit:
        return ""
    acts = " and ".join(f"at {level(threshold, unit)} {does(threshold)}" for threshold in begun)
    return f"Already at {percent(one.total, limit)}. What begins at once when this is saved: {acts}."


def replay_values_words(one: ReplayedValues, each: str, unit: str) -> str:
    """The same for a budget with a counter for each value."""
    used = f"{count(one.values)} {each}s used {amount(one.total, unit)}, the dearest {amount(one.highest, unit)}"
    acts = [
        f"{VERBS[threshold.action]} {'in' if each == 'conversation' else 'for'} {count(many)}"
        for threshold, many in one.reached
        if many
    ]
    return f"{used}; would have {' and '.join(acts)}" if acts else f"{used}; nothing would have happened"


def span_words(span: Span, cycle: Cycle) -> str:
    """The name of a period: its day, its hour, or its first and last day."""
    start = span.start.astimezone(cycle.zone)
    if cycle.period == Period.HOUR:
        return f"{start:%b} {start.day}, {start:%H:%M}"
    if span.end is None:
        return "From its start on"
    last = day_of(span.end - timedelta(microseconds=1), cycle.zone)
    return days_words(day_of(span.start, cycle.zone), last)


def amount_words(amount: Decimal, unit: str) -> str:
    """An amount with its unit: "$401.20", "12,000 tokens"."""
    return money(amount) if unit == Unit.USD else f"{count(int(amount))} {unit}"
