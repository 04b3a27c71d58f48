"""P7: re-rating in any history of usage, prices, folds, approvals, kills and reversals.

After every step records, rollups, conversations and folds agree, and each record is billed as the applied lines say,
beginning with what ingest billed. At the end one run of everything makes each cost what the prices of now say, a
second one finds nothing to do; and when all runs are put back, it is as if there had been none.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from apps.access.domain.errors import Conflict, Refused
from apps.access.models import Project
from apps.costs.extension_points import recharging
from apps.costs.models import (
    DayFold,
    LanguageModel,
    LineState,
    Provider,
    RerateLine,
    RerateRun,
    RerateState,
    RerateStep,
    RerateSum,
    UsageRecord,
)
from apps.costs.selectors import proof
from apps.costs.services import rerating
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.rerating import Filter
from apps.costs.services.task_folding import fold_tasks
from apps.costs.services.waste_folding import fold_waste
from tests.costs.rerating.steps import ADMIN
from tests.proofs.model import Record
from tests.proofs.test_histories import AGES, NOW, Histories, batches, run_together, send, waste_differences
from tests.proofs.truth import differences, task_differences

BILLING = ("cost_usd", "price_cost_usd", "price_id", "cost_source", "assumed")
Key = tuple[int, str]
Billed = dict[Key, tuple[Any, ...]]
moments = st.sampled_from([None, *(NOW - timedelta(seconds=age) for age in AGES)])
filters = st.builds(
    Filter,
    models=st.sampled_from([(), (), ("m",), ("n", "unheard")]),
    only_unpriced=st.booleans(),
    start=moments,
    include_reported=st.booleans(),
)


class ReratedHistories(Histories):
    """The histories of P2 with runs of re-rating in between."""

    def __init__(self) -> None:
        for table in (RerateSum, RerateLine, RerateStep, RerateRun):
            table.objects.all().delete()
        super().__init__()
        self.at_first: Billed = {}

    @rule(wanted=filters, size=st.integers(1, 3), steps=st.integers(0, 4))
    def ask(self, wanted: Filter, size: int, steps: int) -> None:
        try:
            rerating.ask(caller=ADMIN, wanted=wanted)
        except Refused:
            return
        _work(size, steps)

    @rule(size=st.integers(1, 3), steps=st.integers(0, 4), dies=st.booleans())
    def work(self, size: int, steps: int, dies: bool) -> None:
        _work(size, steps, dies=dies)

    @rule(size=st.integers(1, 3), batch=batches)
    def work_while_usage_comes_in(self, size: int, batch: list[Record]) -> None:
        with _batches_of(size):
            _revive()
            sent, _ = run_together([lambda: send(batch), lambda: rerating.work_on_rerates(batches=2)])
        self._check([(batch, sent)])

    @rule(size=st.integers(1, 3), steps=st.integers(0, 9), number=st.integers(0, 3), folds=st.booleans())
    def approve_and_work(self, size: int, steps: int, number: int, folds: bool) -> None:
        if folds:
            fold_closed_days(now=NOW)
            fold_tasks(now=NOW)
            # A few of them: each takes as long as many other steps.
            fold_waste(at_most=3)
        waiting = list(RerateRun.objects.filter(state=RerateState.PREVIEWED).order_by("id"))
        if waiting:
            _decide(rerating.approve, waiting[number % len(waiting)])
        _work(size, steps)

    @rule(number=st.integers(0, 5), act=st.sampled_from([rerating.ask_to_reverse, rerating.abandon]))
    def take_back(self, number: int, act: Any) -> None:
        runs = list(RerateRun.objects.order_by("id"))
        if runs:
            _decide(act, runs[number % len(runs)])

    @invariant()
    def everything_agrees(self) -> None:
        with connection.cursor() as cursor:
            assert differences(cursor) == []
        folds = DayFold.objects.values_list("bucket", "ends_at")
        assert [one for fold in folds for one in proof.fold_differences(fold)] == []
        self._lines_tell_how_records_are_billed()

    def teardown(self) -> None:
        self._finish()
        assert waste_differences() == []
        fold_closed_days(now=NOW, at_most=100)
        self._a_run_of_everything_makes_costs_those_of_now()
        self.everything_agrees()
        with connection.cursor() as cursor:
            assert task_differences(cursor, NOW - timedelta(days=400), NOW + timedelta(days=1)) == []
        self._finish()
        while run := RerateRun.objects.filter(lines__state=LineState.APPLIED).order_by("-lines__step_id").first():
            rerating.ask_to_reverse(caller=ADMIN, run_id=run.pk)
            _work(500, 99)
        self.everything_agrees()
        assert _billed() == self.at_first
        super().teardown()

    def _finish(self) -> None:
        """Nothing is left half done, and nothing waits."""
        _work(500, 99)
        for run in RerateRun.objects.filter(state__in=["draft", "previewed"]):
            rerating.abandon(caller=ADMIN, run_id=run.pk)

    def _lines_tell_how_records_are_billed(self) -> None:
        """What ingest billed, then each applied line from what the one before it left; never anything else."""
        now, told = _billed(), dict(self.at_first)
        for key in now.keys() - told.keys():
            self.at_first[key] = told[key] = now[key]
        for line in RerateLine.objects.filter(state=LineState.APPLIED).order_by("step_id", "id"):
            key = (line.project_id, line.usage_id)
            assert told[key] == _side(line, "was")
            told[key] = _side(line, "is")
        assert told == now

    def _a_run_of_everything_makes_costs_those_of_now(self) -> None:
        for changes in (True, False):
            run = rerating.ask(caller=ADMIN, wanted=Filter())
            _work(500, 99)
            run.refresh_from_db()
            assert run.state == RerateState.PREVIEWED
            if run.changed:
                assert changes, "a second run found something to change"
                rerating.approve(caller=ADMIN, run_id=run.pk)
                _work(500, 99)
                run.refresh_from_db()
                assert (run.state, run.applied) == (RerateState.APPLIED, run.changed)
        rows = UsageRecord.objects.exclude(cost_source=2).values_list("project_id", "usage_id", "cost_usd")
        names = dict(Project.objects.values_list("id", "name"))
        for project, usage, cost in rows:
            record = {**self.model.stored[names[project], usage].record}
            record.pop("cost_usd", None)  # a reported one that a run was asked to replace
            assert (None if cost is None else Fraction(cost)) == self.model.cost(record)


def _billed() -> Billed:
    rows = UsageRecord.objects.values_list("project_id", "usage_id", *BILLING)
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _side(line: RerateLine, side: str) -> tuple[Any, ...]:
    return tuple(getattr(line, f"{side}_{name}") for name in BILLING)


def _decide(act: Any, run: RerateRun) -> None:
    """A decision; those that do not fit the run's state are refused and change nothing."""
    try:
        act(caller=ADMIN, run_id=run.pk)
    except Conflict:
        now = RerateRun.objects.get(pk=run.pk)
        assert (now.state, now.applied, now.reversed) == (run.state, run.applied, run.reversed)


@contextmanager
def _batches_of(size: int) -> Iterator[None]:
    before, django_settings.RERATE_BATCH = django_settings.RERATE_BATCH, size
    try:
        yield
    finally:
        django_settings.RERATE_BATCH = before


def _revive() -> None:
    """The leases of the dead run out."""
    RerateRun.objects.filter(taken_by="dead").update(taken_until=timezone.now() - timedelta(seconds=1))


def _work(size: int, steps: int, *, dies: bool = False) -> None:
    """So many batches. A worker that dies does so at the end of one more, before its commit, and keeps its lease."""
    _revive()
    with _batches_of(size):
        done = 0
        while done < steps and (worked := rerating.work_on_rerates(batches=steps - done)):
            done += max(1, worked.batches)
        if dies:
            _die()


def _die() -> None:
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OperationalError):
        patch.setattr(recharging, "registered", _fail)
        rerating.work_on_rerates(batches=1)
    working = RerateRun.objects.filter(state__in=["draft", "approved", "applying", "reversing"])
    working.update(taken_by="dead", taken_until=timezone.now() + timedelta(seconds=90))


def _fail(*_: Any) -> Any:
    raise OperationalError("killed")


def _prove(**options: Any) -> None:
    Provider.objects.create(id="maker", name="Maker")
    for name in ("m", "n"):
        LanguageModel.objects.create(provider_id="maker", name=name)
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        ReratedHistories,
        settings=settings(deadline=None, database=None, suppress_health_check=checks, print_blob=True, **options),
    )


@pytest.mark.django_db(transaction=True)
def test_rerating_is_exact_and_reversible() -> None:
    _prove(max_examples=8, stateful_step_count=8, derandomize=True, phases=[Phase.generate])


@pytest.mark.prove
@pytest.mark.django_db(transaction=True)
def test_rerating_is_exact_and_reversible_in_long_histories() -> None:
    _prove(max_examples=int(os.environ.get("BURSAR_PROVE_EXAMPLES", "1000")), stateful_step_count=30)
