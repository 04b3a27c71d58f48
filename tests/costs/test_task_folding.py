"""Folded tasks: the same answers before and after, however a task changes, and what does not add up is found."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import Settings

from apps.access.models import Project
from apps.costs.models import TaskFold, TaskSlice, TaskTakenBack, TaskTotal
from apps.costs.selectors import proof
from apps.costs.selectors.metrics import TaskRow, TaskTotals, UsageQuery, tasks_by
from apps.costs.services.outcomes.recording import record_outcomes
from apps.costs.services.proof_sweep import prove_closed_hours
from apps.costs.services.task_folding import fold_tasks
from tests.costs.factories import NOW, REPORTER, any_usages, make_usage, record

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
START = datetime(2026, 11, 14, tzinfo=UTC)
QUERY = UsageQuery(START - DAY, NOW)
GROUPS = ((), ("project",), ("model", "agent"), ("tier", "status"), ("provider",), ("agent", "task_type", "status"))
EDGES = tuple(START + DAY * number for number in range(-1, 6))


def judge(task: str, success: bool | None = None, quality: float | None = None, project: str = "support") -> None:
    told = {"task_id": task, "project": project, "success": success, "quality": quality, "source": "judge"}
    sent = {name: value for name, value in told.items() if value is not None}
    assert record_outcomes([sent], caller=REPORTER, now=NOW).count("accepted") == 1


def usage(seed: str) -> None:
    """Some tasks of several days, judged in every way."""
    dice = random.Random(seed)
    tasks = [f"t{number}" for number in range(40)]
    record(*(one | {"task_id": dice.choice(tasks)} for one in any_usages(dice, 200, START, NOW - DAY)))
    for task in tasks[:30]:
        judge(task, dice.choice((True, False, None)), dice.choice((0, 0.25, 1)), dice.choice(("support", "sales")))


def answers(query: UsageQuery = QUERY) -> dict[object, dict[object, TaskTotals]]:
    def told(rows: list[TaskRow]) -> dict[object, TaskTotals]:
        return {(row.bucket, row.values): row.totals for row in rows}

    whole = {group_by: told(tasks_by(query, group_by)) for group_by in GROUPS}
    return whole | {(*group_by, "by day"): told(tasks_by(query, group_by, edges=EDGES)) for group_by in GROUPS}


def differences() -> list[proof.Difference]:
    folds = proof.task_folds_between(START - DAY, NOW)
    return [one for fold in folds for one in proof.task_fold_differences(fold)]


def test_answers_are_the_same_from_folds() -> None:
    usage("same")
    queries = [
        QUERY,
        UsageQuery(START + timedelta(hours=5), NOW, filters={"model": ("gpt-4.1",)}),
        UsageQuery(START, START + 2 * DAY, filters={"project": ("sales",), "agent": ("coder",)}),
    ]
    before = [answers(query) for query in queries]
    assert fold_tasks(now=NOW).days >= 3
    assert TaskFold.objects.count() >= 3
    assert not TaskTotal.objects.filter(is_folded=False, first_at__lt=START + 2 * DAY).exists()
    assert [answers(query) for query in queries] == before
    assert differences() == []
    assert fold_tasks(now=NOW).days == 0


def test_folds_are_what_answers_are_read_from() -> None:
    record(make_usage(START, task_id="t"))
    fold_tasks(now=NOW)
    TaskSlice.objects.update(tasks=7)
    assert [row.totals.tasks for row in tasks_by(QUERY, ("model",))] == [7]
    assert [row.totals.tasks for row in tasks_by(QUERY, ("model", "agent", "tier"))] == [1], "no slice has these"
    assert [row.totals.tasks for row in tasks_by(UsageQuery(START - DAY, START + DAY / 2), ())] == [1], "cut in two"


def more() -> None:
    record(make_usage(START + timedelta(hours=9), project="support", task_id="t", cost_usd="2"))


def earlier() -> None:
    record(make_usage(START - timedelta(hours=9), project="support", task_id="t", model="o3"))


def other_words() -> None:
    judge("t", False, 0.5)


def gone() -> None:
    TaskTotal.objects.all().delete()


@pytest.mark.parametrize("change", [more, earlier, other_words, gone])
def test_a_task_that_changes_leaves_its_fold_until_it_rests_again(change: Callable[[], None]) -> None:
    record(make_usage(START, project="support", task_id="t"), make_usage(START, project="sales", task_id="u"))
    judge("t", True, 1)
    fold_tasks(now=NOW)
    change()
    after = answers()
    assert TaskTakenBack.objects.count() == (2 if change is gone else 1)
    assert not TaskTotal.objects.filter(task_id="t", is_folded=True).exists()
    assert differences() == []
    fold_tasks(now=NOW)
    assert not TaskTakenBack.objects.exists()
    assert not TaskTotal.objects.filter(is_folded=False).exists()
    assert answers() == after
    assert differences() == []
    assert not TaskSlice.objects.filter(tasks=0).exists()
    assert TaskFold.objects.exists() is (change is not gone)


def test_a_task_that_goes_on_is_not_folded() -> None:
    record(make_usage(START, task_id="t"), make_usage(NOW - timedelta(minutes=59), task_id="t"))
    fold_tasks(now=NOW)
    assert not TaskTotal.objects.filter(is_folded=True).exists()
    fold_tasks(now=NOW + timedelta(minutes=2))
    assert TaskTotal.objects.get().is_folded


def test_another_reporting_zone_replaces_the_folds(settings: Settings) -> None:
    usage("zone")
    before = answers()
    fold_tasks(now=NOW)
    settings.REPORTING_ZONE = "Asia/Kathmandu"
    assert answers() == before
    run = fold_tasks(now=NOW)
    assert (run.removed > 2, run.days, run.left) == (True, 0, True)
    assert answers() == before
    assert fold_tasks(now=NOW).days >= 3
    assert set(TaskFold.objects.values_list("zone", flat=True)) == {"Asia/Kathmandu"}
    assert answers() == before


def test_what_does_not_add_up_is_named_and_folded_anew() -> None:
    record(make_usage(START, project="support", task_id="t"))
    judge("t", True)
    fold_tasks(now=NOW)
    TaskSlice.objects.filter(slice=0).update(judged_usd=Decimal("9.5"))
    project = Project.objects.get().pk
    (found,) = differences()
    assert str(found) == (
        f"TaskSlice 2026-11-14T00:00Z [slice 0, project_id {project}] judged_usd: 9.5, by the records 0.0028"
    )
    run = prove_closed_hours(now=NOW)
    assert [one.column for one in run.found] == ["judged_usd"]
    assert not TaskFold.objects.exists()
    fold_tasks(now=NOW)
    assert differences() == []
