"""A merge of projects that breaks off, and one that happens while agents report under both names."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from apps.access.models import Agent, FormerProjectName, Project, ProjectMerge
from apps.access.services.project_merges import merge_project
from apps.budgets.models import Reservation
from apps.budgets.services import merging, proving, recounting
from apps.budgets.services.merging import SETTLES_AFTER, settle_merges
from apps.budgets.services.reserving import reserve
from tests.budgets.acts import OWNER, assert_ledger_balances, facts, make_budget, spend, state
from tests.merging.acts import MergeProjects, project, project_merger
from tests.merging.test_projects import cost

pytestmark = pytest.mark.django_db
LATER = SETTLES_AFTER * 2


@pytest.fixture
def merge(django_capture_on_commit_callbacks: Callable[..., Any]) -> MergeProjects:
    return project_merger(django_capture_on_commit_callbacks)


@pytest.mark.parametrize("step", ["_take_name", "_move_agents", "audit.record", "project_merged.send"])
def test_a_merge_that_breaks_off_has_done_nothing(
    merge: MergeProjects, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    budget = make_budget("10", each="project")
    spend("3", project="a")
    spend("4", project="b")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"apps.access.services.project_merges.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            merge("a", "b")
    assert cost() == {"a": 3, "b": 4}
    assert [state(budget, project=name).spent for name in ("a", "b")] == [3, 4]
    assert not ProjectMerge.objects.exists()
    assert not FormerProjectName.objects.exists()
    merge("a", "b")
    assert state(budget, project="a").spent == 7


@pytest.mark.parametrize("step", ["_count_now", "_forget_counters", "recounting.recount", "bind_keys_again"])
def test_what_follows_may_break_off_anywhere(merge: MergeProjects, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Even when nothing that follows the commit was done by the process that merged."""
    spend("3", project="a")
    spend("4", project="b")
    named = make_budget("10", name="Named", scope={"project": "b"})
    of_each = make_budget("10", each="project")
    merge_project(caller=OWNER, project_id=project("a").pk, into_id=project("b").pk)
    whole = recounting.recount if "." in step else getattr(merging, step)
    for times in range(3):

        def breaks(*args: Any, left: list[int] = [times], **named: Any) -> Any:  # noqa: B006
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return whole(*args, **named)

        with monkeypatch.context() as patch:
            patch.setattr(f"apps.budgets.services.merging.{step}", breaks)
            try:
                settle_merges(now=datetime.now(UTC) + LATER)
            except KeyboardInterrupt:
                continue
    settle_merges(now=datetime.now(UTC))
    settle_merges(now=datetime.now(UTC) + LATER)
    assert ProjectMerge.objects.get().settled_at is not None
    assert [state(budget, project="a").spent for budget in (named, of_each)] == [7, 7]
    assert proving.prove_books(now=datetime.now(UTC)).is_balanced
    assert_ledger_balances()


@pytest.mark.django_db(transaction=True)
def test_agents_report_under_both_names_meanwhile() -> None:
    """Nothing is lost, nothing counted twice, nobody waits for ever; what old knowledge charged is put right."""
    for name in ("a", "b"):
        spend("1", project=name)
    each = {one: make_budget("1000", name=one, each=one, period="once") for one in ("project", "agent")}
    named = make_budget("1000", name="Named", scope={"project": "b"}, period="once")
    pair: dict[str, Any] = {"project_id": project("a").pk, "into_id": project("b").pk}
    told = {name: facts(project=name) for name in ("a", "b")}

    def report(number: int) -> None:
        try:
            name = ("a", "b")[number % 2]
            for turn in range(20):
                held = reserve(facts=told[name], amount_usd=Decimal("0.5"), id=f"r{number}-{turn}")
                fields: dict[str, Any] = {"id": f"u{number}-{turn}", "reservation_id": held.id, "project": name}
                spend("0.25", agent=("coder", f"new-{turn}")[turn % 2], **fields)
                if turn == 7 and number == 1:
                    merge_project(caller=OWNER, **pair)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report, range(4)))
    assert cost() == {"b": 22}
    assert set(Project.objects.standing().values_list("name", flat=True)) == {"b"}
    assert not Agent.objects.filter(project=pair["project_id"]).exists(), "none came into being where it was before"
    for moment in (datetime.now(UTC), datetime.now(UTC) + LATER):
        settle_merges(now=moment)
    assert [state(budget, project="a").spent for budget in (each["project"], named)] == [22, 22]
    assert [state(budget, project="a").reserved for budget in (*each.values(), named)] == [0, 0, 0]
    assert Reservation.objects.filter(state=1).count() == 80
    assert ProjectMerge.objects.get().settled_at is not None
    assert_ledger_balances()
    assert proving.prove_books(now=datetime.now(UTC)).is_balanced
