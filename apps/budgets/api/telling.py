"""Budgets as the API writes and reads them."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.access.api.fields import MoneyField
from apps.budgets.domain.cycles import Period, Span
from apps.budgets.domain.drafts import Draft
from apps.budgets.domain.scopes import EACH
from apps.budgets.domain.sentences import replay_values_words, replay_words
from apps.budgets.domain.states import amount_text
from apps.budgets.domain.thresholds import Action, kept
from apps.budgets.models import Budget
from apps.budgets.selectors.replays import Replay


class ThresholdField(serializers.Serializer[Any]):
    percent = serializers.CharField(required=False, help_text="of the limit")
    usd = MoneyField(required=False)
    on = serializers.ChoiceField(choices=("actual", "forecast"), required=False)
    action = serializers.ChoiceField(choices=[action.value for action in Action])
    tier = serializers.CharField(required=False, help_text="of a downgrade")


class BudgetIn(serializers.Serializer[Any]):
    """For the schema; apps/budgets/domain/drafts.py checks."""

    name = serializers.CharField(max_length=128)
    scope = serializers.DictField(child=serializers.CharField(), required=False, help_text="{} is everything")
    each = serializers.ChoiceField(choices=EACH, required=False, allow_null=True)
    limit_usd = MoneyField(required=False)
    limit_tokens = serializers.IntegerField(required=False)
    limit_calls = serializers.IntegerField(required=False)
    period = serializers.ChoiceField(choices=[period.value for period in Period])
    rolling_days = serializers.IntegerField(required=False)
    week_start = serializers.IntegerField(required=False, help_text="Monday is 0")
    fiscal_start = serializers.IntegerField(required=False, help_text="a month, 1 to 12")
    timezone = serializers.CharField(required=False)
    counts_from = serializers.ChoiceField(choices=("period_start", "now"), required=False)
    thresholds = ThresholdField(many=True, required=False)
    recipients = serializers.ListField(child=serializers.CharField(), required=False)
    exempt = serializers.ListField(child=serializers.DictField(child=serializers.CharField()), required=False)
    grace_percent = serializers.CharField(required=False)
    paused = serializers.BooleanField(required=False)


class BudgetPatch(BudgetIn):
    usage = serializers.ChoiceField(choices=("keep", "reset"), required=False)


class RaiseIn(serializers.Serializer[Any]):
    amount_usd = MoneyField(required=False)
    amount_tokens = serializers.IntegerField(required=False, min_value=1)
    amount_calls = serializers.IntegerField(required=False, min_value=1)
    periods = serializers.IntegerField(default=1, min_value=1, max_value=366)
    reason = serializers.CharField(max_length=200, default="", allow_blank=True)


class PauseIn(serializers.Serializer[Any]):
    paused = serializers.BooleanField(default=True)


class RaiseOut(serializers.Serializer[Any]):
    amount = serializers.CharField()
    periods = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    created_by = serializers.CharField()


class BudgetOut(BudgetIn):
    id = serializers.CharField()
    raises = RaiseOut(many=True)
    origin = serializers.CharField(allow_null=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class EachOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    value = serializers.CharField(allow_blank=True)


class StateOut(serializers.Serializer[Any]):
    """How a budget stands; its amounts are in its unit: `limit_usd`, `limit_tokens` or `limit_calls`, and so on."""

    id = serializers.CharField()
    name = serializers.CharField()
    each = EachOut(required=False)
    limit_usd = serializers.CharField(required=False)
    spent_usd = serializers.CharField(required=False)
    reserved_usd = serializers.CharField(required=False)
    remaining_usd = serializers.CharField(required=False)
    state = serializers.ChoiceField(choices=("ok", "warn", "over", "blocked", "paused"))
    action = serializers.ChoiceField(choices=("none", "advise", "cheapest", "downgrade", "block"))
    tier = serializers.CharField(required=False)
    unpriced_calls = serializers.IntegerField(required=False)
    raise_contacts = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="of one that blocks"
    )
    resets_at = serializers.DateTimeField(allow_null=True)


class StatesOut(serializers.Serializer[Any]):
    results = StateOut(many=True)


class WouldHaveOut(serializers.Serializer[Any]):
    action = serializers.CharField()
    on = serializers.CharField()
    percent = serializers.CharField(required=False)
    usd = serializers.CharField(required=False)
    tier = serializers.CharField(required=False)
    at = serializers.DateTimeField(required=False, help_text="the start of the day, or hour, in which it would have")
    values = serializers.IntegerField(required=False, help_text="for how many, of a budget with `each`")


class ReplayedOut(serializers.Serializer[Any]):
    """One period: what was used, in the budget's unit, and what would have happened."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    used_usd = serializers.CharField(required=False)
    values = serializers.IntegerField(required=False)
    highest_usd = serializers.CharField(required=False)
    would_have = WouldHaveOut(many=True)
    words = serializers.CharField()


class PreviewOut(serializers.Serializer[Any]):
    sentence = serializers.CharField()
    periods = ReplayedOut(many=True)


def replay_told(found: Replay, draft: Draft) -> list[dict[str, Any]]:
    """What a draft would have done, the newest period first. Levels of a forecast are left out."""
    unit, cycle = draft.unit, found.rule.cycle
    told: list[dict[str, Any]] = [
        {
            **_span(one.span),
            f"used_{unit}": amount_text(one.total, unit),
            "would_have": [reached.threshold.told() | {"at": reached.at} for reached in one.reached],
            "words": replay_words(one, cycle, unit),
        }
        for one in found.periods
    ]
    told += [
        {
            **_span(one.span),
            "values": one.values,
            f"used_{unit}": amount_text(one.total, unit),
            f"highest_{unit}": amount_text(one.highest, unit),
            "would_have": [threshold.told() | {"values": many} for threshold, many in one.reached if many],
            "words": replay_values_words(one, draft.each, unit),
        }
        for one in found.values
    ]
    return told[::-1]


def _span(span: Span) -> dict[str, datetime | None]:
    return {"starts_at": span.start, "ends_at": span.end}


def told(budget: Budget) -> dict[str, Any]:
    """A budget as it is set; how it stands is told by the status."""
    unit = budget.unit
    return {
        "id": str(budget.pk),
        "name": budget.name,
        "scope": budget.scope,
        "each": budget.each or None,
        f"limit_{unit}": amount_text(budget.limit, unit),
        "period": budget.period,
        **({"rolling_days": budget.rolling_days} if budget.rolling_days else {}),
        "week_start": budget.week_start,
        "fiscal_start": budget.fiscal_start,
        "timezone": budget.timezone,
        "counts_from": budget.counts_from,
        "thresholds": [one.told() for one in kept(budget.thresholds)],
        "recipients": budget.recipients,
        "exempt": budget.exempt,
        "grace_percent": f"{budget.grace_percent.normalize():f}",
        "paused": budget.paused_at is not None,
        "raises": [
            {
                "amount": str(amount_text(one.amount, unit)),
                "periods": one.periods,
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
                "reason": one.reason,
                "created_by": one.created_by,
            }
            for one in budget.raises.order_by("id")
        ],
        "origin": budget.origin or None,
        "created_by": budget.created_by,
        "created_at": budget.created_at,
        "changed_at": budget.changed_at,
    }
