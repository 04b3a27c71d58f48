"""Whatever was sent before and after a merge, under whichever name: as if all had been sent to one project.

Every act is done in two worlds. In one the project is called `help_desk` or `helpdesk`, and at some moment the first is
merged into the second; in the other it always was `support`. Ids of calls, conversations, tasks and reservations are of
one name of the project, as agents choose them. In the end every question has the same answer in both.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.access.domain.errors import Conflict
from apps.access.models import Project
from apps.access.services import places
from apps.budgets.domain.scopes import Facts
from apps.budgets.models import Counter
from apps.budgets.services import proving
from apps.budgets.services.merging import SETTLES_AFTER, settle_merges
from apps.budgets.services.reserving import reserve
from apps.costs.selectors.conversations import conversation_page, conversation_sums
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.outcomes.recording import record_outcomes
from apps.costs.services.task_folding import fold_tasks
from apps.costs.services.waste_folding import fold_waste
from tests.budgets.acts import assert_ledger_balances, make_budget
from tests.costs.factories import NOW, REPORTER, Usage, any_usage, record
from tests.costs.rerating.steps import applied, disagreements, set_price
from tests.merging.acts import MergeProjects, project_merger
from tests.merging.test_histories import START, answers

pytestmark = pytest.mark.django_db
OLD, NEW, ONCE = "help_desk", "helpdesk", "support"
BUDGETS: tuple[dict[str, Any], ...] = (
    {"project": OLD}, {"project": NEW}, {"project": NEW, "each": "agent"}, {"project": OLD, "each": "user"},
    {"project": NEW, "tag:team": "x"}, {"project": OLD, "agent": "coder", "limit_usd": None, "limit_calls": 10**6},
    {"project": OLD, "each": "conversation", "period": "conversation"},
    {"project": NEW, "period": "rolling", "rolling_days": 5, "each": "agent"},
)  # fmt: skip
OF_ALL: tuple[dict[str, Any], ...] = (
    {"each": "project"}, {"each": "agent"}, {"each": "project", "limit_usd": None, "limit_tokens": 10**8},
    {"each": "project", "period": "rolling", "rolling_days": 5}, {"each": "agent", "period": "day"},
    {"each": "conversation", "period": "conversation"},
)  # fmt: skip


class History:
    """A random history of both worlds."""

    def __init__(self, seed: str, merge: MergeProjects) -> None:
        self.dice, self.merge = random.Random(seed), merge
        self.sent: list[Usage] = []
        self.held: list[tuple[str, str]] = []
        self.is_merged = False

    def make_budgets(self) -> None:
        usual = {"limit": "2000000", "period": "once", "thresholds": [{"percent": 80, "action": "notify"}]}
        for number, fields in enumerate(BUDGETS):
            scope = {name: value for name, value in fields.items() if name in ("agent", "project", "tag:team")}
            plain = {name: value for name, value in fields.items() if name not in scope}
            make_budget(**usual | plain, name=f"one {number}", scope=scope)
            make_budget(**usual | plain, name=f"other {number}", scope=scope | {"project": ONCE})
        for number, fields in enumerate(OF_ALL):
            make_budget(**usual | fields, name=f"all {number}")

    def post(self) -> None:
        batch = [self._usage() for _ in range(self.dice.randrange(1, 25))]
        self._record(batch)
        self.sent += batch

    def post_again(self) -> None:
        """What is sent again under its own name is a duplicate for ever."""
        if self.sent:
            self._record(self.dice.sample(self.sent, min(5, len(self.sent))))

    def judge(self) -> None:
        name = self._name()
        success, task = self.dice.choice((True, False)), f"{name}-t{self.dice.randrange(4)}"
        for project in (name, ONCE):
            told = {"task_id": task, "project": project, "success": success, "source": "judge"}
            record_outcomes([told], caller=REPORTER, now=NOW)

    def hold(self) -> None:
        """Some reservations are settled under the name they were made under, some stay open."""
        name, number = self._name(), len(self.held)
        amount, agent = Decimal(self.dice.randrange(1, 90)), self.dice.choice(("coder", "worker"))
        for project in (name, ONCE):
            project_id = places.ensure_projects([project])[project]
            facts = Facts(project_id=project_id, project=project, agent=agent, conversation=f"{name}-c1")
            reserve(facts=facts, amount_usd=amount, id=f"hold-{number}", ttl_seconds=3000)
        self.held.append((name, agent))

    def settle_one(self) -> None:
        if self.held:
            number = self.dice.randrange(len(self.held))
            name, agent = self.held[number]
            final = self.dice.choice((True, False))
            usage = self._usage(name) | {"agent": agent, "reservation_id": f"hold-{number}", "reservation_final": final}
            self._record([usage])

    def fold(self) -> None:
        fold_closed_days(now=NOW)
        fold_tasks(now=NOW)
        fold_waste(at_most=self.dice.randrange(1, 6))

    def price(self) -> None:
        set_price("made-up", str(self.dice.randrange(1, 9)), "2", START + timedelta(days=self.dice.randrange(3)))
        set_price("gpt-4.1", str(self.dice.randrange(1, 9)), "3")
        with suppress(Conflict):  # nothing changes by it
            applied()

    def become_one(self) -> None:
        if not self.is_merged:
            self._record([self._usage(OLD), self._usage(NEW)])
            self.merge(OLD, NEW)
            self.is_merged = True

    def settle(self) -> None:
        settle_merges(now=datetime.now(UTC) + self.dice.choice((timedelta(), SETTLES_AFTER * 2)))

    def _name(self) -> str:
        return self.dice.choice((OLD, NEW))

    def _usage(self, name: str | None = None) -> Usage:
        name = name or self._name()
        usage = {**any_usage(self.dice, START, NOW), "agent": self.dice.choice(("coder", "worker", f"of {name}"))}
        usage["id"] = f"{name}-{usage['id']}"
        for field in ("conversation_id", "task_id", "request_id", "run_id", "decision_id"):
            if field in usage:
                usage[field] = f"{name}-{usage[field]}"
        return usage | {"project": name}

    def _record(self, batch: list[Usage]) -> None:
        record(*batch)
        record(*(one | {"project": ONCE} for one in batch))


def told(project: str) -> dict[object, object]:
    """The answers to every kind of question about a project."""
    query = UsageQuery(START - timedelta(days=1), NOW, filters={"project": (project,)})
    listed = conversation_page(query, limit=500).conversations
    sums = {(one.id, one.agent, one.calls, one.cost_usd, one.success, one.quality) for one in listed}
    return {"conversations": sums, "sums": conversation_sums(query), **answers(project, None)}


def counters(project: str, side: str) -> set[tuple[Any, ...]]:
    """What every counter has that is of a project alone, by the number of its budget and its value."""
    ids = set(Project.objects.filter(name=project).values_list("id", flat=True))
    found = set()
    for row in Counter.objects.select_related("budget").exclude(spent=0, reserved=0, unpriced_calls=0):
        name, owner = row.budget.name, row.each_value.partition(":")[0]
        if name.startswith("all") and (not owner.isdigit() or int(owner) not in ids):
            continue
        if name.startswith(("one", "other")) and not name.startswith(side):
            continue
        value = row.each_value.partition(":")[2] if owner.isdigit() else row.each_value
        amounts: tuple[Any, ...] = (row.spent, row.carried, row.unpriced_calls, row.reserved)
        if not name.startswith("all"):
            # A budget that did not cover a call when it was reserved holds nothing of it.
            amounts = amounts[:-1]
        held = () if row.budget.each == "conversation" else tuple(row.in_force)
        if any(amounts):
            found.add((name.rpartition(" ")[2], name[:3] == "all", value, row.period_start, *amounts, held))
    return found


OF_CONVERSATIONS = {(str(number), is_all) for is_all, budgets in ((False, BUDGETS), (True, OF_ALL))
                    for number, fields in enumerate(budgets) if fields.get("each") == "conversation"}  # fmt: skip


def same_counters() -> None:
    """Those of conversations are opened at their first use: what a scope did not cover before has none yet."""
    twice, once = counters(NEW, "one"), counters(ONCE, "other")
    whole = {one for one in once if one[:2] not in OF_CONVERSATIONS}
    assert {one for one in twice if one[:2] not in OF_CONVERSATIONS} == whole
    assert {one for one in twice if one[:2] in OF_CONVERSATIONS} <= once - whole


def prove(seed: int, commits: Callable[..., Any], *, length: int = 9) -> None:
    """One history: a merge at some moment of it, and every answer afterwards."""
    history = History(f"projects {seed}", project_merger(commits))
    dice = history.dice
    places.ensure_projects([OLD, NEW, ONCE])
    for act in (history.post, history.make_budgets, history.post, history.hold):
        act()
    acts = [history.post, history.post, history.post_again, history.judge, history.fold, history.price, history.settle,
            history.hold, history.settle_one]  # fmt: skip
    steps = [dice.choice(acts) for _ in range(length)]
    steps.insert(dice.randrange(length + 1), history.become_one)
    for step in [*steps, history.settle_one, history.fold]:
        step()
    settle_merges(now=datetime.now(UTC))
    expected = told(ONCE)
    for name in (OLD, NEW):
        assert told(name) == expected, name
    assert answers(OLD, "coder") == answers(ONCE, "coder")
    same_counters()
    settle_merges(now=datetime.now(UTC) + SETTLES_AFTER * 2)
    same_counters()
    assert disagreements(START - timedelta(days=1), NOW) == []
    assert_ledger_balances()
    run = proving.prove_books(now=datetime.now(UTC))
    assert run.is_balanced, run.words
    same_counters()


def test_as_if_it_always_had_one_name(django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    prove(3, django_capture_on_commit_callbacks, length=3)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(40))
def test_many_histories(seed: int, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    prove(seed, django_capture_on_commit_callbacks)
