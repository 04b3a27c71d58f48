"""Tasks of a replay whose first decision chance had a part in, as `domain/off_policy.py` counts them.

Only decisions that could have gone another way take part: their chance is below 1. Which those are does not depend on
what was drawn, so they are a fair sample of themselves. The choice on trial is the usual one of the policy that is
tried, or of the one in force, after the moves of models; nothing is explored under it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from apps.costs.domain.providers import canonical_provider
from apps.costs.domain.rate_book import PriceSource
from apps.routing.domain.candidates import KNOWN_FROM, Quality
from apps.routing.domain.off_policy import WHOLE, Drawn
from apps.routing.domain.policy import ModelKey
from apps.routing.selectors.recorded_calls import Decided, RecordedCall

QualityOf = Callable[[ModelKey, str], Quality | None]
"""How a model does at a task type; by canonical provider and name."""


class FirstCall(NamedTuple):
    """What is known of the task that a call began: how it went, and what it cost in femto-dollars, if all is priced."""

    success: bool | None
    cost: int | None


def drawn(
    call: RecordedCall, decided: Decided, task: FirstCall, *, usual: ModelKey, tried: ModelKey, quality_of: QualityOf,
    book: PriceSource, at: datetime,
) -> tuple[Drawn | None, Drawn | None]:  # fmt: skip
    """A task as its success counts, and as its cost does; None where it takes no part.

    The agent must have taken the model that was drawn, and what is expected must be known at both models.
    """
    own = (call.provider, call.metered.model)
    if not 0 < decided.chance < WHOLE or decided.action != "route":
        return None, None
    if own != canonical(decided.provider, decided.model):
        return None, None
    is_taken, is_moved = canonical(*tried) == own, canonical(*tried) != canonical(*usual)

    def counted(came: int | None, here: int | None, there: int | None) -> Drawn | None:
        if came is None or here is None or there is None:
            return None
        return Drawn(decided.chance, is_taken, is_moved, came, here, there)

    known = [_chance_of_success(quality_of(canonical(*model), call.task_type)) for model in (own, tried)]
    priced = [expected_cost(model, decided.asked["sizes"], book, at) for model in (own, tried)]
    return (
        counted(None if task.success is None else WHOLE * task.success, *known),
        counted(task.cost, *priced),
    )


def expected_cost(model: ModelKey, sizes: dict[str, Any], book: PriceSource, at: datetime) -> int | None:
    """What the first call was expected to cost at a model when it was decided, in femto-dollars."""
    match = book.lookup(*model, at)
    if match is None:
        return None
    minute = at.hour * 60 + at.minute
    return match.card.charge(sizes["input_tokens"], sizes["output_tokens"], minute_of_day=minute)[0]


def canonical(provider: str, name: str) -> ModelKey:
    """A model by the provider as it is stored."""
    return canonical_provider(provider), name


def _chance_of_success(quality: Quality | None) -> int | None:
    return None if quality is None or quality.n < KNOWN_FROM else round(quality.mean * WHOLE)
