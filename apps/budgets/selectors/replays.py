"""What a draft would have done with the usage of the last periods, and what it covers now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.budgets.domain.cycles import ENDLESS, Period, Span
from apps.budgets.domain.drafts import Draft
from apps.budgets.domain.replaying import Replayed, ReplayedValues, replay, replay_values
from apps.budgets.models import Budget
from apps.budgets.selectors.matching import Rule, rules_of
from apps.budgets.selectors.spending import pieces, pieces_by_value, shares
from apps.costs.domain.calendars import Unit, cut

_DAYS_OF_CONVERSATIONS = 30
_MOST_AGENTS = 10_000
_PERIODS = {Period.HOUR: 24, Period.DAY: 14, Period.WEEK: 6, Period.ROLLING: 14}


@dataclass(frozen=True, slots=True)
class Replay:
    """Each period, oldest first, the running one last; of a budget with `each` by value."""

    rule: Rule
    periods: tuple[Replayed, ...] = ()
    values: tuple[ReplayedValues, ...] = ()


def rule_of(draft: Draft, now: datetime) -> Rule:
    """A draft as a rule that has always counted."""
    budget = Budget(
        name=draft.name, scope=draft.scope, each=draft.each, unit=draft.unit, limit=draft.limit,
        period=draft.period.value, rolling_days=draft.rolling_days, week_start=draft.week_start,
        fiscal_start=draft.fiscal_start, timezone=draft.timezone, thresholds=[one.told() for one in draft.thresholds],
        grace_percent=draft.grace_percent, exempt=list(draft.exempt), created_at=now, id=0,
    )  # fmt: skip
    return rules_of([budget])[0]


def replayed(draft: Draft, now: datetime) -> Replay:
    """The last periods and the running one. Raises TooMuch."""
    rule = rule_of(draft, now)
    if rule.cycle.period in ENDLESS:
        return _endless(rule, draft, now)
    spans = _spans(rule, now)
    if rule.each:
        edges = [span.start for span in spans] + [spans[-1].end or now]
        by_value = pieces_by_value(rule, edges)
        values = [
            replay_values(span, amounts, draft.thresholds, draft.limit)
            for span, amounts in zip(spans, by_value, strict=True)
        ]
        return Replay(rule, values=tuple(values))
    if rule.cycle.period is Period.ROLLING:
        return Replay(rule, tuple(_rolling(rule, draft, spans)))
    return Replay(rule, tuple(_one(rule, draft, span, now) for span in spans))


def agents_of(rule: Rule, span: Span, now: datetime) -> int:
    """How many agents have used what a rule covers in a period. Raises TooMuch."""
    found = shares(rule, "agent", rule.cycle.window(span).start, min(span.end or now, now), most=_MOST_AGENTS)
    return sum(bool(share.name) for share in found)


def _spans(rule: Rule, now: datetime) -> list[Span]:
    spans = [rule.cycle.span(now)]
    while len(spans) < _PERIODS.get(rule.cycle.period, 4):
        spans.append(rule.cycle.preceding(spans[-1]))
    return spans[::-1]


def _one(rule: Rule, draft: Draft, span: Span, now: datetime) -> Replayed:
    """A period by its days, or a day by its hours."""
    fine = Unit.HOUR if rule.cycle.period in (Period.HOUR, Period.DAY) else Unit.DAY
    edges = cut(span.start, min(span.end or now, now), fine, rule.cycle.zone)
    return replay(span, edges, pieces(rule, edges), draft.thresholds, draft.limit)


def _rolling(rule: Rule, draft: Draft, spans: list[Span]) -> list[Replayed]:
    """Each day with what its window had used before it, and then itself."""
    start = rule.cycle.window_start(spans[0].start)
    edges = cut(start, spans[-1].end or spans[-1].start, Unit.DAY, rule.cycle.zone)
    amounts = pieces(rule, edges)
    found = []
    for span in spans:
        inside = [
            amount
            for edge, amount in zip(edges, amounts, strict=False)
            if rule.cycle.window_start(span.start) <= edge <= span.start
        ]
        total = sum(inside, inside[0] * 0)
        found.append(replay(span, [span.start, span.end or span.start], [total], draft.thresholds, draft.limit))
    return found


def _endless(rule: Rule, draft: Draft, now: datetime) -> Replay:
    """Conversations of the last 30 days; or, for a budget without periods, these days alone."""
    start = now - timedelta(days=_DAYS_OF_CONVERSATIONS)
    span = Span(start, now)
    if rule.each:
        amounts = pieces_by_value(rule, [start, now])[0]
        return Replay(rule, values=(replay_values(span, amounts, draft.thresholds, draft.limit),))
    edges = cut(start, now, Unit.DAY, rule.cycle.zone)
    return Replay(rule, (replay(span, edges, pieces(rule, edges), draft.thresholds, draft.limit),))
