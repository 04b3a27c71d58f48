"""The decisions of the last days asked again under a draft."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from apps.costs.domain.pricing import usd
from apps.routing.domain.policy import ModelKey, Policy
from apps.routing.domain.predicting import Compared, compared
from apps.routing.domain.what_if import Comparison, Stored, compare
from apps.routing.models import Decision
from apps.routing.selectors.catalogue import fresh_book
from apps.routing.selectors.policies import price_facts
from apps.routing.selectors.quality import qualities_of
from apps.routing.selectors.replaying import by_group, known_qualities

DAYS = 7


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would do with the decisions of the last days; `of` is how many there were."""

    days: int
    of: int
    told: Comparison
    before_usd: Decimal
    after_usd: Decimal
    quality: Compared | None
    """The success to be expected, over the decisions whose models are known at their kind of task on both sides."""

    @property
    def exploring_usd(self) -> Decimal:
        """What exploring is expected to cost more of these calls under the draft; below 0 it saves."""
        return usd(self.told.exploring)

    @property
    def exploring_abs_usd(self) -> Decimal:
        """The same without its sign."""
        return abs(self.exploring_usd)

    @property
    def difference_usd(self) -> Decimal:
        """What the draft would cost more, for the decisions looked at; below 0 it saves."""
        return self.after_usd - self.before_usd


def preview_draft(
    current: Policy, draft: Policy, *, now: datetime, project_ids: frozenset[int] | None, days: int = DAYS
) -> Preview:
    """Ask the newest decisions of the last days again under both policies, at today's prices."""
    rows = Decision.objects.filter(created_at__gte=now - timedelta(days=days), score__isnull=False)
    if project_ids is not None:
        rows = rows.filter(project_id__in=project_ids)
    newest = rows.order_by("-created_at").values_list("score", "asked")[: settings.ROUTING_PREVIEW_DECISIONS]
    book, minute = fresh_book(), now.hour * 60 + now.minute

    def cost_of(model: ModelKey, input_tokens: int, output_tokens: int, cached: int) -> int | None:
        match = book.lookup(*model, now)
        if match is None:
            return None
        return match.card.charge(input_tokens, output_tokens, cache_read=cached, minute_of_day=minute)[0]

    def windows_of(policy: Policy) -> dict[ModelKey, int | None]:
        facts = price_facts({model.key for tier in policy.tiers for model in tier.models}, now=now, book=book)
        return {model: known.context_window for model, known in facts.items()}

    stored = [Stored(score, asked) for score, asked in newest if score is not None and "sizes" in asked]
    told = compare(stored, current, draft, now=now, cost_of=cost_of, windows_of=windows_of,
                   qualities_of=qualities_of)  # fmt: skip
    quality = compared(told.groups, by_group(known_qualities()))
    return Preview(days, rows.count(), told, usd(told.cost_before), usd(told.cost_after), quality)
