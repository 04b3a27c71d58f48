"""A piece of recorded usage served again under a scenario.

1. A call that asked for a decision moves where the scenario's policy chooses another model for its question than the
   policy that was in force when the replay was asked for; so only what the scenario changes shows.
2. A call of a tier that asked for none (its agent read the configuration) moves where the tier no longer holds its
   model: to the tier's first model that works.
3. Then the moves of models hold, for those and for every other call.

Both sides are priced at one instant, with the tokens as they were. A call that another model takes over in the middle
of a conversation finds no prompt cache there; one that follows it at the same model finds what the call before left.
Then what the scenario supposes beside (`domain/levers.py`) changes prices, prompts and caches, step by step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection

from apps.access.models import Project
from apps.costs.domain.providers import canonical_provider
from apps.costs.domain.rate_book import PriceSource
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.rerating import Metered, femto, listed
from apps.routing.domain.asked import Asked
from apps.routing.domain.candidates import Quality
from apps.routing.domain.deciding import Sizes
from apps.routing.domain.levers import ChangedPrices, Levers, shortened, with_cached_share
from apps.routing.domain.off_policy import Drawn
from apps.routing.domain.policy import ModelKey, Policy, Tier, policy_of
from apps.routing.domain.policy_checks import UNKNOWN, why_left_out
from apps.routing.domain.scenarios import Move, Only
from apps.routing.domain.tally import Group, Tally
from apps.routing.models import ModelQuality
from apps.routing.selectors.counterfactuals import Chooser, is_model, with_cache
from apps.routing.selectors.drawn_tasks import FirstCall, drawn
from apps.routing.selectors.policies import current_version, price_facts
from apps.routing.selectors.quality import qualities
from apps.routing.selectors.recorded_calls import Decided, RecordedCall, calls_between, decisions_between

LEAD = timedelta(hours=1)
DECIDED_BEFORE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is replayed, with the prices of one instant. Without a policy calls keep their models but for the moves."""

    before: Policy | None
    policy: Policy | None
    moves: Sequence[Move]
    book: PriceSource
    priced_at: datetime
    qualities: Mapping[str, Mapping[ModelKey, Quality]]
    levers: Levers = Levers()
    only: Only = Only()
    """The calls that count; conversations are followed through all of them, so that caches are as they were."""


@dataclass(slots=True)
class Costs:
    """What a call costs before, after, and after each step between; None is unpriced. Its input and cached tokens."""

    before: int | None
    after: int | None
    steps: Mapping[str, int | None]
    tokens: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(slots=True)
class _Place:
    """Where a conversation stands in the replay."""

    own: int
    model: str
    at: datetime
    input_tokens: int


def replay_piece(
    scenario: Scenario, tally: Tally, start: datetime, end: datetime, *, project_ids: Sequence[int]
) -> None:
    """Add the calls and tasks of [start, end) to the sums."""
    decided = decisions_between(start - DECIDED_BEFORE, end) if scenario.before is not None else {}
    firsts = _first_calls(start, end, project_ids)
    serving = _Serving(scenario)
    places: dict[Any, _Place] = {}
    for call in calls_between(start - LEAD, end, project_ids=project_ids):
        found = decided.get((call.project_id, call.decision_id)) if call.decision_id else None
        model = serving.model_of(call, found)
        costs = serving.costs(call, model, places)
        if call.occurred_at < start or not scenario.only.has(call.agent_id, call.task_type):
            continue
        own, other = _own(call), "/".join(model) if model else _own(call)
        tally.calls += call.metered.calls
        tally.undecided_calls += call.metered.calls if found is None else 0
        tally.billed += call.cost or 0
        task = f"{call.project_id}:{call.task_id or call.conversation_id or call.usage_id}"
        tally.add(
            task, call.task_type, (own, other), (costs.before, costs.after), calls=call.metered.calls,
            steps=costs.steps, tokens=costs.tokens,
        )  # fmt: skip
        if call.latency_ms is not None and call.metered.calls == 1:
            tally.add_latency(own, call.latency_ms)
        key = (call.project_id, call.usage_id)
        if (first := firsts.get(key)) is not None:
            tally.add_task((own, call.task_type), (other, call.task_type), first.success)
            if found is not None:
                for what, one in serving.drawn(call, found, first).items():
                    tally.add_drawn(what, task, one)


def replay_usage(policy: Policy, *, start: datetime, end: datetime) -> Tally:
    """All usage of [start, end) but that of demo data under a policy, at once, at the prices of the end. Reads only."""
    current = current_version()
    before = policy_of(current.document) if current else policy
    scenario = Scenario(before, policy, (), current_rate_book(), end, known_qualities())
    projects = list(Project.objects.filter(is_demo=False).values_list("id", flat=True))
    tally = Tally()
    while start < end:
        until = min(end, start + LEAD * 6)
        replay_piece(scenario, tally, start, until, project_ids=projects)
        start = until
    return tally


class _Serving:
    """Which model serves each call, and what it costs."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario, self._levers = scenario, scenario.levers
        self._book = ChangedPrices(scenario.book, self._levers.prices) if self._levers.prices else scenario.book
        self._usual = Chooser(scenario.before, scenario.book, scenario.qualities) if scenario.before else None
        self._tried = Chooser(scenario.policy, self._book, scenario.qualities) if scenario.policy else None
        self._chosen: tuple[Decided, ModelKey | None, ModelKey | None] | None = None
        self._tiers = {tier.name: self._working(tier) for tier in scenario.policy.tiers} if scenario.policy else {}
        self._moves = {_canonical(move.source): move for move in reversed(scenario.moves) if not move.task_type}
        self._moves_of = {
            (_canonical(move.source), move.task_type): move for move in reversed(scenario.moves) if move.task_type
        }

    def model_of(self, call: RecordedCall, decided: Decided | None) -> ModelKey | None:
        """The model that takes a call over; None where it stays."""
        if call.is_untouched:
            return None
        model = self._by_policy(call, decided)
        model = self._moved(model or (call.provider, call.metered.model), call.task_type) or model
        return None if model is None or is_model(call, model) else model

    def _moved(self, model: ModelKey, task_type: str) -> ModelKey | None:
        """Where the moves lead from a model; None where they leave it."""
        key = _canonical(model)
        move = self._moves_of.get((key, task_type)) or self._moves.get(key)
        return move.target if move else None

    def _by_policy(self, call: RecordedCall, decided: Decided | None) -> ModelKey | None:
        if self._tried is not None and self._usual is not None and decided is not None:
            if not _can_be_asked(decided):
                return None
            was, then = self._choices(decided)
            return None if then is None or (was is not None and _canonical(then) == _canonical(was)) else then
        models = self._tiers.get(call.tier)
        own = (call.provider, call.metered.model)
        if not models or any(_canonical(model) == own for model in models):
            return None
        return models[0]

    def _choices(self, decided: Decided) -> tuple[ModelKey | None, ModelKey | None]:
        """What the policy in force and the one that is tried choose; the same one where none is tried."""
        if self._chosen is None or self._chosen[0] is not decided:
            usual, tried = self._usual, self._tried or self._usual
            was = self._choice(usual, decided) if usual else None
            then = was if tried is usual or tried is None else self._choice(tried, decided)
            self._chosen = (decided, was, then)
        return self._chosen[1:]

    def drawn(self, call: RecordedCall, decided: Decided, first: FirstCall) -> dict[str, Drawn]:
        """The task that a call began, by what is measured, where chance had a part in its first decision.

        Costs are left out where the scenario supposes other prices or prompts: what came knows nothing of them.
        """
        if self._usual is None or not _can_be_asked(decided):
            return {}
        usual, tried = self._choices(decided)
        if usual is None or tried is None:
            return {}
        tried = self._moved(tried, call.task_type) or tried
        measured = drawn(
            call, decided, first, usual=usual, tried=tried, quality_of=self._quality, book=self._scenario.book,
            at=self._scenario.priced_at,
        )  # fmt: skip
        supposes = bool(self._levers.prices) or any(
            one is not None for one in (self._levers.compression, self._levers.cached_share)
        )
        return {what: one for what, one in measured.items() if what != "cost" or not supposes}

    def _quality(self, model: ModelKey, task_type: str) -> Quality | None:
        return self._scenario.qualities.get(task_type, {}).get(model)

    def _choice(self, chooser: Chooser, decided: Decided) -> ModelKey | None:
        asked = msgspec.convert({name: value for name, value in decided.asked.items() if name != "sizes"}, Asked)
        score = decided.score if decided.score is not None else Decimal(0)
        return chooser.choice(asked, score, Sizes(**decided.asked["sizes"]), self._scenario.priced_at)

    def _working(self, tier: Tier) -> list[ModelKey]:
        """The models of a tier that its cap, prices and limits leave."""
        facts = price_facts({model.key for model in tier.models}, now=self._scenario.priced_at, book=self._book)
        return [model.key for model in tier.models if why_left_out(model, tier, facts.get(model.key, UNKNOWN)) is None]

    def costs(self, call: RecordedCall, model: ModelKey | None, places: dict[Any, _Place]) -> Costs:
        """What a call costs before and after, with the prompt cache each side finds, and between the steps."""
        levers = self._levers
        if call.is_untouched:
            return Costs(call.cost, call.cost, dict.fromkeys(self._steps, call.cost))
        metered = replace(call.metered, occurred_at=self._scenario.priced_at)
        before = cost = listed(metered, self._scenario.book).cost
        steps: dict[str, int | None] = {}
        if levers.prices:
            steps["prices"] = cost = listed(metered, self._book).cost
        after = self._cached(call, metered, "/".join(model) if model else _own(call), places)
        if model is not None:
            after = replace(after, provider=model[0], model=model[1])
        if after is not metered:
            cost = listed(after, self._book).cost
        if self._tries_models:
            steps["models"] = cost
        if levers.compression is not None:
            share = levers.compression if not call.is_compressed else Decimal(0)
            after = replace(after, usage=shortened(after.usage, share))
            steps["compression"] = cost = listed(after, self._book).cost
        if levers.cached_share is not None:
            after = self._with_share(after, levers.cached_share)
            steps["cache"] = cost = listed(after, self._book).cost
        unpriced = before is None or any(one is None for one in steps.values())
        was, then = metered.usage, after.usage
        tokens = (was.input_tokens, was.cache_read, then.input_tokens, then.cache_read)
        return Costs(before, None if unpriced else cost, steps, tokens)

    @property
    def _tries_models(self) -> bool:
        return bool(self._scenario.policy or self._scenario.moves)

    @property
    def _steps(self) -> list[str]:
        """The steps that take part, but for the number of calls."""
        levers, taking_part = self._levers, []
        taking_part += ["prices"] if levers.prices else []
        taking_part += ["models"] if self._tries_models else []
        taking_part += ["compression"] if levers.compression is not None else []
        return taking_part + (["cache"] if levers.cached_share is not None else [])

    def _with_share(self, one: Metered, share: Decimal) -> Metered:
        """The call with this share of its prompt cached, where it is long enough for a cache; sums by their mean."""
        if one.usage.input_tokens < settings.PROMPT_CACHE_LEAST_TOKENS * one.calls:
            return one
        return replace(one, usage=with_cached_share(one.usage, share))

    def _cached(self, call: RecordedCall, metered: Metered, serving: str, places: dict[Any, _Place]) -> Metered:
        """The call with the cache it finds at the model that serves it in the replay."""
        if call.conversation_id is None or metered.calls != 1:
            return metered
        key = (call.project_id, call.conversation_id, call.role_id)
        place, usage = places.get(key), metered.usage
        places[key] = _Place(call.model_id, serving, call.occurred_at, usage.input_tokens)
        if place is None:
            return metered
        switched, switches = place.own != call.model_id, place.model != serving
        if switches and not switched:
            return replace(metered, usage=replace(usage, cache_read=0)) if usage.cache_read else metered
        warm = call.occurred_at - place.at <= timedelta(seconds=settings.PROMPT_CACHE_SECONDS)
        if switched and not switches and warm and place.input_tokens >= settings.PROMPT_CACHE_LEAST_TOKENS:
            return with_cache(metered, min(place.input_tokens, usage.input_tokens)) or metered
        return metered


def known_qualities() -> dict[str, Mapping[ModelKey, Quality]]:
    """How models do, by task type, as the statistics are now; "" is all of them."""
    kinds = ModelQuality.objects.order_by("task_type").values_list("task_type", flat=True).distinct()
    return {kind: qualities(kind or None) for kind in kinds}


def by_group(known: Mapping[str, Mapping[ModelKey, Quality]]) -> dict[Group, Quality]:
    """The same by the groups of a tally."""
    return {
        ("/".join(model), kind): quality for kind, models in known.items() if kind for model, quality in models.items()
    }


def _first_calls(start: datetime, end: datetime, project_ids: Sequence[int]) -> dict[tuple[int, str], FirstCall]:
    """The first calls of the tasks that began in [start, end), with how the task went and what it cost."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT project_id, first_id, success, CASE WHEN unpriced_calls = 0 THEN cost_usd END FROM costs_tasktotal"
            " WHERE first_at >= %s AND first_at < %s AND calls > 0 AND project_id = ANY(%s)",
            [start, end, list(project_ids)],
        )
        return {
            (project_id, first_id): FirstCall(success, femto(cost))
            for project_id, first_id, success, cost in cursor.fetchall()
        }


def _can_be_asked(decided: Decided) -> bool:
    return decided.action == "route" and decided.score is not None and "sizes" in decided.asked


def _own(call: RecordedCall) -> str:
    return f"{call.provider}/{call.metered.model}"


def _canonical(model: ModelKey) -> ModelKey:
    return canonical_provider(model[0]), model[1]
