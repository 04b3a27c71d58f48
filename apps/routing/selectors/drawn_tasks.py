"""Tasks of a replay whose first decision chance had a part in, as `domain/off_policy.py` counts them.

Only decisions that could have gone another way take part: their chance is below 1. Which those are does not depend on
what was drawn, so they are a fair sample of themselves. The choice on trial is the usual one of the policy that is
tried, or of the one in force, after the moves of models; nothing is explored under it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

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
) -> dict[str, Drawn]:  # fmt: skip
    """A task of a replay by what is measured; nothing where the agent did not take the model that was drawn."""
    own = (call.provider, call.metered.model)
    if not 0 < decided.chance < WHOLE or own != canonical(decided.provider, decided.model):
        return {}
    sizes = decided.asked["sizes"]
    return drawn_task(
        own, tried, call.task_type, chance=decided.chance, is_moved=canonical(*tried) != canonical(*usual),
        sizes=(sizes["input_tokens"], sizes["output_tokens"]), task=task, quality_of=quality_of, book=book, at=at,
    )  # fmt: skip


def drawn_task(
    own: ModelKey, tried: ModelKey, task_type: str, *, chance: int, is_moved: bool, sizes: tuple[int, int],
    task: FirstCall, quality_of: QualityOf, book: PriceSource, at: datetime,
) -> dict[str, Drawn]:  # fmt: skip
    """A task by what is measured, "success" and "cost"; left out is what has not come, or is not expected at both
    models: the one it got and the one on trial.
    """
    is_taken = canonical(*tried) == own
    models = (own, canonical(*tried))
    expected = {
        "success": [_chance_of_success(quality_of(model, task_type)) for model in models],
        "cost": [expected_cost(model, sizes, book, at) for model in (own, tried)],
    }
    came = {"success": None if task.success is None else WHOLE * task.success, "cost": task.cost}
    found = {}
    for what, (here, there) in expected.items():
        value = came[what]
        if value is not None and here is not None and there is not None:
            found[what] = Drawn(chance, is_taken, is_moved, value, here, there)
    return found


def expected_cost(model: ModelKey, sizes: tuple[int, int], book: PriceSource, at: datetime) -> int | None:
    """What the first call was expected to cost at a model when it was decided, in femto-dollars."""
    match = book.lookup(*model, at)
    if match is None:
        return None
    minute = at.hour * 60 + at.minute
    return match.card.charge(*sizes, minute_of_day=minute)[0]


def canonical(provider: str, name: str) -> ModelKey:
    """A model by the provider as it is stored."""
    return canonical_provider(provider), name


def _chance_of_success(quality: Quality | None) -> int | None:
    return None if quality is None or quality.n < KNOWN_FROM else round(quality.mean * WHOLE)
