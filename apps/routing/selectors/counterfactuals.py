"""What a recorded call would have cost elsewhere: with its own tokens, at the price of its own instant."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import msgspec
from django.conf import settings

from apps.costs.domain.providers import canonical_provider
from apps.costs.domain.rate_book import PriceSource
from apps.costs.selectors.rerating import Metered, listed
from apps.routing.domain.asked import Asked
from apps.routing.domain.baselines import Baseline
from apps.routing.domain.candidates import Quality
from apps.routing.domain.conversation import NO_CONVERSATION
from apps.routing.domain.counterfactual import Kind
from apps.routing.domain.deciding import Known, Sizes, choose
from apps.routing.domain.policy import ModelKey, Policy
from apps.routing.domain.what_if import as_scored
from apps.routing.selectors.policies import price_facts
from apps.routing.selectors.quality import as_named
from apps.routing.selectors.recorded_calls import Decided, RecordedCall


def cost_at(one: Metered, model: ModelKey, book: PriceSource) -> int | None:
    """Femto-dollars of the same tokens at another model; None without a price."""
    return listed(replace(one, provider=model[0], model=model[1]), book).cost


def with_cache(one: Metered, tokens: int) -> Metered | None:
    """The call as if so many of its input tokens had been read from the cache; None where that says nothing.

    Tokens of media are left alone: what of them is cached is not known.
    """
    usage = one.usage
    cached = min(tokens, usage.input_tokens)
    if cached <= usage.cache_read or usage.other:
        return None
    made = min(usage.cache_creation, usage.input_tokens - cached)
    made_1h = min(usage.cache_creation_1h, made)
    return replace(one, usage=replace(usage, cache_read=cached, cache_creation=made, cache_creation_1h=made_1h))


def cache_worth(one: Metered, tokens: int, model: ModelKey, book: PriceSource) -> tuple[int, int]:
    """The tokens that a warm cache would have answered beyond those it did, and what that would have saved there."""
    warm = with_cache(one, tokens)
    if warm is None:
        return 0, 0
    cold_cost, warm_cost = cost_at(one, model, book), cost_at(warm, model, book)
    if cold_cost is None or warm_cost is None or warm_cost >= cold_cost:
        return 0, 0
    return warm.usage.cache_read - one.usage.cache_read, cold_cost - warm_cost


class AtBaseline:
    """Sets recorded calls beside one baseline."""

    def __init__(
        self, baseline: Baseline, policy: Policy | None, decided: Mapping[tuple[int, str], Decided], book: PriceSource
    ) -> None:
        self._baseline, self._policy, self._decided, self._book = baseline, policy, decided, book
        self._chooser = Chooser(policy, book) if policy is not None else None
        self._overhead = frozenset(settings.SAVINGS_OVERHEAD_TASK_TYPES)

    def model_of(self, call: RecordedCall) -> ModelKey | None:
        """The baseline's model for a call; None where it would have been the same."""
        if self._chooser is None:
            return self._baseline.model_for(call.role)
        decided = self._decided.get((call.project_id, call.decision_id)) if call.decision_id else None
        if decided is None or decided.action != "route":
            return None
        return self._chooser.model_of(decided, call.occurred_at)

    def is_own(self, call: RecordedCall) -> bool:
        """Whether a call was answered by the model the baseline has for it."""
        model = self.model_of(call)
        return model is not None and is_model(call, model)

    def beside(self, call: RecordedCall, *, given_up: bool, warm: int) -> tuple[Kind, int | None, int]:
        """How the call counts, what it would have cost, and what of that a cache not lost would have taken off."""
        if call.task_type in self._overhead:
            return "overhead", 0, 0
        if call.failed or given_up:
            return "waste", 0, 0
        model = None if call.is_untouched else self.model_of(call)
        if model is None or is_model(call, model):
            return "same", call.cost, 0
        cache = cache_worth(call.metered, warm, model, self._book)[1] if warm and self._chooser is None else 0
        return "compared", cost_at(call.metered, model, self._book), cache


def is_model(call: RecordedCall, model: ModelKey) -> bool:
    """Whether a call was billed by this model."""
    return (call.provider, call.metered.model) == (canonical_provider(model[0]), model[1])


class Chooser:
    """Asks a policy stored questions again: every model healthy, each question the first of its conversation.

    Quality is taken as unknown unless it is given, so that the same question has the same answer at any time; it is
    given by canonical provider and name, as it is kept.
    """

    def __init__(
        self, policy: Policy, book: PriceSource, qualities: Mapping[str, Mapping[ModelKey, Quality]] | None = None
    ) -> None:
        self._policy, self._book = policy, book
        self._qualities = {kind: as_named(policy, known) for kind, known in (qualities or {}).items()}
        self._windows: dict[ModelKey, int | None] | None = None

    def model_of(self, decided: Decided, at: datetime) -> ModelKey | None:
        """The model the policy takes; None where it takes none, or the question is not whole."""
        if decided.score is None or "sizes" not in decided.asked:
            return None
        asked = msgspec.convert({name: value for name, value in decided.asked.items() if name != "sizes"}, Asked)
        return self.choice(asked, decided.score, Sizes(**decided.asked["sizes"]), at)

    def choice(self, asked: Asked, score: Decimal, sizes: Sizes, at: datetime) -> ModelKey | None:
        """The model the policy takes for a question of a known complexity."""
        minute = at.hour * 60 + at.minute

        def cost_of(model: ModelKey, input_tokens: int, output_tokens: int, cached: int) -> int | None:
            match = self._book.lookup(*model, at)
            if match is None:
                return None
            return match.card.charge(input_tokens, output_tokens, cache_read=cached, minute_of_day=minute)[0]

        qualities = self._qualities.get(asked.task_type or "", {})
        known = Known(at, cost_of, self._known_windows(at), {}, qualities, NO_CONVERSATION)
        chosen = choose(
            asked, self._policy, as_scored(score), known, sizes, is_user_turn=True, trial=0
        ).selection.chosen
        return chosen.model if chosen else None

    def _known_windows(self, at: datetime) -> Mapping[ModelKey, int | None]:
        if self._windows is None:
            keys = {model.key for tier in self._policy.tiers for model in tier.models}
            facts = price_facts(keys, now=at, book=self._book)
            self._windows = {key: known.context_window for key, known in facts.items()}
        return self._windows
