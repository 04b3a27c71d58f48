"""Usage of the last 30 days, summed so that any price can be put on it exactly.

Within one service tier, one size of input between the thresholds of the prices asked about, and one minute of the day
where a price has windows, a price is the same for every token, so sums cost what their calls cost. Calls with named
parts (audio, images) overlap in ways sums do not tell: they are read one by one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.costs.domain.kinds import CostSource, ServiceTier
from apps.costs.domain.pricing import RateCard, Tiered

DAYS = 30
_TIERS = {int(tier): tier.name.lower() for tier in ServiceTier}
_SUMS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens", "reasoning_output_tokens", "web_searches", "requests", "calls",
)  # fmt: skip
_FROM = """
    FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id JOIN access_project p ON p.id = r.project_id
    WHERE r.occurred_at >= %(start)s AND r.occurred_at < %(end)s AND c.model_id = ANY(%(models)s)
      AND r.cost_source = ANY(%(sources)s) AND NOT p.is_demo
"""
_MINUTE = "(extract(hour FROM r.occurred_at) * 60 + extract(minute FROM r.occurred_at))::int"
_SUMMED = f"""
    SELECT c.model_id, r.service_tier,
           width_bucket((r.input_tokens + r.calls - 1) / greatest(r.calls, 1), %(sizes)s::bigint[]) AS size,
           CASE WHEN %(minutes)s THEN {_MINUTE} ELSE 0 END AS minute,
           r.input_tokens > 0 AS has_input, r.output_tokens > 0 AS has_output,
           {", ".join(f"sum(r.{column})::bigint" for column in _SUMS)}
    {_FROM} AND r.other_tokens IS NULL
    GROUP BY 1, 2, 3, 4, 5, 6
"""
_SINGLE = f"""
    SELECT c.model_id, r.service_tier, {_MINUTE},
           r.other_tokens::text, {", ".join(f"r.{column}" for column in _SUMS)}
    {_FROM} AND r.other_tokens IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Pile:
    """Calls of one used model that any price treats alike."""

    model_id: int
    service_tier: str
    minute: int
    sums: tuple[int, ...]
    other: dict[str, int]

    @property
    def calls(self) -> int:
        """How many calls it is."""
        return self.sums[-1]

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.sums[0] + self.sums[1]

    def cost(self, card: RateCard) -> int | None:
        """What they cost at a price, in femto-dollars; None when it does not price them."""
        input, output, read, creation, creation_1h, reasoning, web_searches, requests, calls = self.sums
        charged, _ = card.charge(
            input, output, read, creation, creation_1h, reasoning, self.other, web_searches, requests,
            self.service_tier, self.minute, max(calls, 1),
        )  # fmt: skip
        return charged


@dataclass(frozen=True, slots=True)
class Replay:
    """What calls of one used model cost at each of some prices, in femto-dollars, where all of them price the call."""

    calls: int
    tokens: int
    costs: tuple[int, ...]


def replay(cards: Mapping[int, Sequence[RateCard]], *, now: datetime) -> dict[int, Replay]:
    """The last 30 days of calls that the book prices, by used model, at the prices given for it.

    Read day by day. Demo projects, costs that providers reported, and answers from a cache are left out.
    """
    by_minute = {model_id for model_id, asked in cards.items() if any(card.rates.windows for card in asked)}
    found: dict[int, Replay] = {}
    for ids in (cards.keys() - by_minute, by_minute):
        for pile in _piles({model_id: cards[model_id] for model_id in ids}, bool(ids & by_minute), now):
            costs = [pile.cost(card) for card in cards[pile.model_id]]
            if None not in costs:
                found[pile.model_id] = _added(found.get(pile.model_id), pile, [cost or 0 for cost in costs])
    return found


def _added(known: Replay | None, pile: Pile, costs: list[int]) -> Replay:
    if known is None:
        return Replay(pile.calls, pile.tokens, tuple(costs))
    added = tuple(mine + more for mine, more in zip(known.costs, costs, strict=True))
    return Replay(known.calls + pile.calls, known.tokens + pile.tokens, added)


def _piles(cards: Mapping[int, Sequence[RateCard]], by_minute: bool, now: datetime) -> Iterator[Pile]:
    sizes = sorted({size + 1 for asked in cards.values() for card in asked for size in _thresholds(card)})
    asked = {
        "models": list(cards),
        "sources": [int(CostSource.PRICE), int(CostSource.UNPRICED)],
        "sizes": sizes or [2**62],
        "minutes": by_minute,
    }
    for day in range(DAYS if cards else 0):
        span = {"start": now - timedelta(days=day + 1), "end": now - timedelta(days=day)}
        for model_id, tier, _, minute, _, _, *sums in _rows(_SUMMED, asked | span):
            yield Pile(model_id, _TIERS[tier], minute, tuple(sums), {})
        for model_id, tier, minute, other, *sums in _rows(_SINGLE, asked | span):
            yield Pile(model_id, _TIERS[tier], minute, tuple(sums), json.loads(other))


def _thresholds(card: RateCard) -> Iterator[int]:
    sets = [card.rates.base, *(tier.rates for tier in card.rates.service_tiers.values())]
    for rates in (*sets, *(window.rates for window in card.rates.windows)):
        for rate in rates.values():
            if isinstance(rate, Tiered):
                yield from (threshold for threshold, _ in rate.above)


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
