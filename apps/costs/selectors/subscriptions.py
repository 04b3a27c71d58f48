"""What subscriptions cost over time: their own line beside the calls, never among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

from apps.costs.domain.flat_fees import Every, FlatFee
from apps.costs.domain.pricing import femto_of, usd
from apps.costs.models import LanguageModel, Subscription
from apps.costs.selectors.metrics import UsageQuery


@dataclass(frozen=True, slots=True)
class FeeRow:
    """What one subscription cost in one bucket; `bucket` is None without buckets."""

    subscription_id: int
    name: str
    provider: str
    cost_usd: Decimal
    bucket: datetime | None = None


def flat_fee(row: Subscription) -> FlatFee:
    """A subscription as arithmetic takes it."""
    return FlatFee(
        femto_of(f"{row.fee_usd:f}"), cast(Every, row.every), row.first_day, row.last_day, ZoneInfo(row.zone)
    )


def subscription_costs(query: UsageQuery, *, now: datetime, edges: Sequence[datetime] = ()) -> list[FeeRow] | None:
    """The fees of a query's time up to now, by bucket when edges (bucket starts and the last end) are given.

    A fee belongs to the whole installation and to a provider: None for who sees only some projects, and for a question
    filtered by anything but the provider.
    """
    if query.project_ids is not None or query.filters.keys() - {"provider"}:
        return None
    rows = Subscription.objects.order_by("name", "id")
    if providers := query.filters.get("provider"):
        rows = rows.filter(provider__in=providers)
    cut = list(edges) or [query.start, query.end]
    found = []
    for row in rows:
        fee = flat_fee(row)
        for start, end in zip(cut, cut[1:], strict=False):
            if amount := fee.between(start, min(end, now)) if start < now else 0:
                found.append(FeeRow(row.pk, row.name, row.provider_id, usd(amount), start if edges else None))
    return found


def fees_usd(rows: Sequence[FeeRow]) -> Decimal:
    """Their sum."""
    return sum((row.cost_usd for row in rows), Decimal(0))


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """One subscription as its page lists it; `models` names those it covers, empty: all of the provider."""

    row: Subscription
    state: str
    models: list[str]
    lately_usd: Decimal


def subscription_rows(now: datetime, since: datetime) -> list[SubscriptionRow]:
    """All of them, the newest first, with what they cost since an instant."""
    rows = list(Subscription.objects.select_related("provider").order_by("-id"))
    names = dict(
        LanguageModel.objects.filter(id__in={id for row in rows for id in row.model_ids}).values_list("id", "name")
    )
    found = []
    for row in rows:
        fee = flat_fee(row)
        over = fee.end is not None and fee.end <= now
        state = "over" if over else "later" if fee.start > now else "runs"
        models = [names[id] for id in row.model_ids if id in names]
        found.append(SubscriptionRow(row, state, models, usd(fee.between(since, now))))
    return found
