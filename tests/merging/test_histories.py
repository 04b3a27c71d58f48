"""Whatever was reported before and after a merge, under whichever name: as if all had been reported as one agent.

Every act is done in two projects. In one the agent is called `bot_1` or `bot-1`, and at some moment the first is merged
into the second; in the other it always was `bot-1`. In the end every question has the same answer of both.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.budgets.models import Budget, Counter
from apps.budgets.services import proving
from apps.budgets.services.merging import SETTLES_AFTER, settle_merges
from apps.costs.models import ConversationTotal
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.outcomes.recording import record_outcomes
from apps.costs.services.task_folding import fold_tasks
from apps.costs.services.waste_folding import fold_waste
from tests.budgets.acts import assert_ledger_balances, make_budget
from tests.costs.factories import NOW, REPORTER, Usage, any_usage, record
from tests.costs.rerating.steps import applied, disagreements, set_price
from tests.merging.acts import Merge, merger

pytestmark = pytest.mark.django_db
START = NOW - timedelta(days=3)
TWICE, ONCE = "support", "sales"
"""The project in which the agent has two names, and the one in which it has one."""
GROUPS = (
    ("agent",), ("agent", "model"), ("task_type", "agent"), ("agent", "status"), ("agent", "tier", "role"), ("model",),
    ("user",), ("tag:team",), ("agent", "user"),
)  # fmt: skip
BUDGETS: tuple[dict[str, Any], ...] = (
    {"each": "agent"}, {"each": "agent", "limit_usd": None, "limit_tokens": 10**6}, {"agent": "bot-1"},
    {"agent": "bot_1"}, {"agent": "bot-1", "each": "conversation", "period": "conversation"}, {"tag:team": "x"},
)  # fmt: skip
CONVERSATIONS = "4"


class History:
    """A random history of both projects."""

    def __init__(self, seed: str, merge: Merge) -> None:
        self.dice, self.merge = random.Random(seed), merge
        self.sent: list[Usage] = []
        self.is_merged = False

    def make_budgets(self) -> None:
        for project in (TWICE, ONCE):
            for number, fields in enumerate(BUDGETS):
                scope = {name: value for name, value in fields.items() if name in ("agent", "tag:team")}
                if project == ONCE and "agent" in scope:
                    scope["agent"] = "bot-1"
                plain = {name: value for name, value in fields.items() if name not in scope}
                make_budget(
                    **{"limit": "2000000", "name": f"{number}", "period": "once"} | plain,
                    scope={"project": project, **scope},
                )

    def post(self) -> None:
        batch = [self._usage() for _ in range(self.dice.randrange(1, 30))]
        self._record(batch)
        self.sent += batch

    def post_again(self) -> None:
        """What is sent again is a duplicate for ever, whatever its agent is called by now."""
        if self.sent:
            self._record(self.dice.sample(self.sent, min(5, len(self.sent))))

    def judge(self) -> None:
        task = self.dice.choice(("bot_1-c1", "bot-1-c2", "coder-c3"))
        success = self.dice.choice((True, False))
        for project in (TWICE, ONCE):
            told = {"task_id": task, "project": project, "success": success, "source": "judge"}
            record_outcomes([told], caller=REPORTER, now=NOW)

    def fold(self) -> None:
        fold_closed_days(now=NOW)
        fold_tasks(now=NOW)
        fold_waste(at_most=self.dice.randrange(1, 6))

    def price(self) -> None:
        set_price("made-up", str(self.dice.randrange(1, 9)), "2", START + timedelta(days=self.dice.randrange(3)))
        set_price("gpt-4.1", str(self.dice.randrange(1, 9)), "3")
        applied()

    def become_one(self) -> None:
        if not self.is_merged:
            self._record([self._usage("bot_1"), self._usage("bot-1")])
            self.merge("bot_1", "bot-1", TWICE)
            self.is_merged = True

    def settle(self) -> None:
        settle_merges(now=datetime.now(UTC) + self.dice.choice((timedelta(), SETTLES_AFTER * 2)))

    def _usage(self, name: str | None = None) -> Usage:
        name = name or self.dice.choice(("bot_1", "bot-1", "coder", "worker"))
        usage = {**any_usage(self.dice, START, NOW), "agent": name, "project": TWICE}
        # Two names in one conversation are two prompts to the cache, as long as the waste of it is looked at.
        if "conversation_id" in usage:
            usage["conversation_id"] = f"{name}-{usage['conversation_id']}"
        return usage

    def _record(self, batch: list[Usage]) -> None:
        record(*batch)
        record(*(one | {"project": ONCE, "agent": _once(one["agent"])} for one in batch))


def _once(name: str) -> str:
    return "bot-1" if name == "bot_1" else name


def answers(project: str, agent: str | None) -> dict[object, object]:
    """The answers to every kind of question about a project, or one of its agents; of numbers that add up."""
    filters = {"project": (project,)} | ({"agent": (agent,)} if agent else {})
    query = UsageQuery(START - timedelta(days=1), NOW, filters=filters)
    days = [START - timedelta(days=1) + timedelta(days=number) for number in range(5)]
    found: dict[object, object] = {"totals": metrics.totals(query)}
    for group_by in GROUPS:
        for edges in ((), days):
            key = (group_by, bool(edges))
            rows = metrics.grouped(query, group_by, edges=edges)
            found[key, "sums"] = {(row.bucket, row.values): row.totals for row in rows}
            if all(name in ("agent", "model", "task_type", "status", "tier", "role") for name in group_by):
                tasks = metrics.tasks_by(query, group_by, edges=edges)
                found[key, "tasks"] = {(row.bucket, row.values): row.totals for row in tasks}
                waste = metrics.waste_by(query, group_by, edges=edges)
                found[key, "waste"] = {(row.bucket, row.values): row.totals for row in waste}
    return found


def counters(project: str) -> list[tuple[Any, ...]]:
    """What every counter of a project has, by the number of the budget and its value."""
    rows = Counter.objects.filter(budget__project__name=project).exclude(spent=0, unpriced_calls=0)
    told = rows.values_list("budget__name", "each_value", "spent", "unpriced_calls", "reserved", "in_force")
    return sorted((name, value.partition(":")[2], *more, tuple(held)) for name, value, *more, held in told)


def same_counters() -> None:
    """Budgets of conversations open a counter at its first use: those a scope did not cover before have none yet.

    What holds of conversations that are over nobody looks at again.
    """
    twice, once = counters(TWICE), counters(ONCE)
    assert [one for one in twice if one[0] != CONVERSATIONS] == [one for one in once if one[0] != CONVERSATIONS]
    assert {one[:-1] for one in twice if one[0] == CONVERSATIONS} <= {one[:-1] for one in once}


@pytest.mark.parametrize("seed", [6])
def test_as_if_it_always_had_one_name(seed: int, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    prove(seed, django_capture_on_commit_callbacks)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(40))
def test_many_histories(seed: int, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    prove(seed, django_capture_on_commit_callbacks)


def prove(seed: int, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    """One history: a merge at some moment of it, and every answer afterwards."""
    history = History(f"merge {seed}", merger(django_capture_on_commit_callbacks))
    dice = history.dice
    for act in (history.post, history.make_budgets, history.post):
        act()
    acts = [history.post, history.post, history.post_again, history.judge, history.fold, history.price, history.settle]
    steps = [dice.choice(acts) for _ in range(8)]
    steps.insert(dice.randrange(9), history.become_one)
    for step in [*steps, history.fold]:
        step()
    settle_merges(now=datetime.now(UTC))
    for name in (None, "bot-1", "bot_1", "coder", "worker"):
        assert answers(TWICE, name) == answers(ONCE, name and _once(name)), name
    same_counters()
    settle_merges(now=datetime.now(UTC) + SETTLES_AFTER * 2)
    same_counters()
    assert disagreements(START - timedelta(days=1), NOW) == []
    assert_ledger_balances()
    run = proving.prove_books(now=datetime.now(UTC))
    assert run.is_balanced, run.words
    assert Budget.objects.count() == 2 * len(BUDGETS)
    assert ConversationTotal.objects.exists()
