"""P2: whatever is sent, resent, split, reordered, sent at the same time or cut off, each id has exactly one effect.

Hypothesis makes up histories; after each, records, rollups and totals are compared with a model in memory. Short
runs are the same every time; `make prove` makes up new ones, BURSAR_PROVE_EXAMPLES of them.
"""

import os
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from apps.access.domain.identity import ALL_SCOPES, Caller
from apps.access.services import places
from apps.costs.extension_points import charging
from apps.costs.models import LanguageModel, Price, Provider, UsageRecord
from apps.costs.selectors import proof, rate_book
from apps.costs.selectors.metrics import GroupRow, Totals, UsageQuery, grouped, totals
from apps.costs.selectors.waste_backlog import waste_folds_between
from apps.costs.services import names, partitions
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.ingest import Outcome, placing, record_usage
from apps.costs.services.ingest.reading import Window
from apps.costs.services.task_folding import fold_tasks
from tests.proofs.model import Model, Rate, Record, is_possible, key_of
from tests.proofs.truth import differences, task_differences

NOW = datetime.now(UTC).replace(microsecond=0)
AGENT = Caller("key", "proofs", key_id=7, user_id=None, scopes=ALL_SCOPES, role=None, project_ids=None)
# Around the edges of quarter-hours, days that may be folded, and months.
AGES = [0, 1, 15 * 60, 15 * 60 + 1, 3600, 86_400, 86_400 + 7, 3 * 86_400, 30 * 86_400]
THREADS = 4
CUBE, NARROW = ("project", "model", "agent"), ("user", "tool", "tag:k", "tag:l")

# Each optional field, how often in ten records it is sent, and its values.
OPTIONAL: dict[str, tuple[int, list[Any]]] = {
    "agent": (5, ["x", "x/y"]),
    "user": (5, ["u", "v"]),
    "tool": (3, ["t"]),
    "operation": (3, ["chat", "embeddings", "execute_tool"]),
    "conversation_id": (5, ["c", "d"]),
    "task_id": (3, ["", "c", "t", "é"]),
    "success": (2, [True, False]),
    "quality": (1, [0, 0.25]),
    "tags": (3, [{}, {"k": ""}, {"k": "1"}, {"k": "1", "l": "="}]),
    "status": (4, ["ok", "error", "cancelled"]),
    "calls": (2, [1, 5]),
    "cache_hit": (1, [True, False]),
    "cache_read_input_tokens": (2, [0, 1, 2]),
    "cost_usd": (2, ["0", "0.000000000000001", "0.1", "1000000000", "999999999.999999999999999"]),
    "latency_ms": (4, [0, 24, 25, 10**9]),
    "time_to_first_token_ms": (2, [0, 999]),
    "attempt": (2, [1, 2]),
}


def record_of(number: int) -> Record:
    """A record for every number: some ids and few names, so that they meet, and values at the edges."""
    dice = random.Random(number)
    record = {
        "id": dice.choice(["a", "b", "c", "d", "e", str(number), str(number), str(number)]),
        "project": dice.choice("pq"),
        "occurred_at": (NOW - timedelta(seconds=dice.choice(AGES))).isoformat(),
        "provider": "maker",
        "model": dice.choice(["m", "m", "n", "unheard"]),
        "input_tokens": dice.choice([0, 1, 3, 10**12]),
        "output_tokens": dice.choice([0, 7, 1_000_003]),
    }
    for name, (often, values) in OPTIONAL.items():
        if dice.randrange(10) < often:
            record[name] = dice.choice(values)
    return record | ({"tool": "t"} if record.get("operation") == "execute_tool" else {})


batches = st.lists(st.integers(0, 2**32).map(record_of), min_size=1, max_size=8)
prices = st.lists(st.sampled_from(["2", "3", "0.000000001", "0"]), min_size=2, max_size=2)


class Histories(RuleBasedStateMachine):
    """The product beside its model."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.sent: list[Record] = []
        _empty()

    @initialize(rates=prices, batch=batches)
    def begin(self, rates: list[str], batch: list[Record]) -> None:
        self._add_price("m", None, *rates)
        self._check([(batch, send(batch))])

    @rule(batch=batches)
    def send(self, batch: list[Record]) -> None:
        self._check([(batch, send(batch))])

    @rule(batch=batches, sizes=st.lists(st.integers(0, 5), min_size=2, max_size=THREADS), data=st.data())
    def send_at_the_same_time(self, batch: list[Record], sizes: list[int], data: st.DataObject) -> None:
        """Copies and overlapping parts of a batch, in orders of their own, on connections of their own."""
        parts = [data.draw(st.permutations(batch))[: size + 1] for size in sizes]
        self._check(list(zip(parts, _send_together(parts), strict=True)))

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Any of what was sent before, reordered and split anew."""
        if self.sent:
            again = data.draw(st.lists(st.sampled_from(self.sent), min_size=1, max_size=8))
            cut = data.draw(st.integers(0, len(again) - 1))
            for part in filter(None, (again[:cut], again[cut:])):
                self._check([(part, send(part))])

    @rule(batch=batches)
    def cut_off_before_the_commit(self, batch: list[Record]) -> None:
        """The last step of the transaction fails; nothing of it may remain."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(charging, "registered", _fail)
            try:
                outcomes = send(batch)
                assert "accepted" not in {outcome.status for outcome in outcomes}
            except OperationalError:
                self.sent += batch

    @rule(batch=batches)
    def lose_the_memory_and_send(self, batch: list[Record]) -> None:
        _forget()
        self._check([(batch, send(batch))])

    @rule(model=st.sampled_from(["m", "n"]), age=st.sampled_from([None, *AGES]), rates=prices, batch=batches)
    def change_a_price_and_send(self, model: str, age: int | None, rates: list[str], batch: list[Record]) -> None:
        """The process is not told: it has to notice by itself."""
        self._add_price(model, None if age is None else NOW - timedelta(seconds=age), *rates)
        self._check([(batch, send(batch))])

    @rule(batch=batches)
    def fold_days_and_send(self, batch: list[Record]) -> None:
        """What comes late for a folded day must be seen at once."""
        fold_closed_days(now=NOW, at_most=2)
        fold_tasks(now=NOW)
        self._check([(batch, send(batch))])

    def teardown(self) -> None:
        self._records_are_the_models()
        with connection.cursor() as cursor:
            assert differences(cursor) == []
            assert task_differences(cursor, NOW - timedelta(days=40), NOW + timedelta(days=1)) == []
        self._totals_are_the_models()

    def _add_price(self, model: str, start: datetime | None, input_rate: str, output_rate: str) -> None:
        row = LanguageModel.objects.get(provider_id="maker", name=model)
        rates = {"input_usd_per_mtok": Decimal(input_rate), "output_usd_per_mtok": Decimal(output_rate)}
        Price.objects.create(model=row, source="tests", effective_from=start, fingerprint="", **rates)
        self.model.rates.append(Rate(model, start, Fraction(input_rate), Fraction(output_rate)))

    def _check(self, sendings: Sequence[tuple[Sequence[Record], Sequence[Outcome]]]) -> None:
        """Of each new id one record is accepted; the others are told what they are beside it."""
        told = [pair for records, outcomes in sendings for pair in zip(records, outcomes, strict=True)]
        self.sent += [record for record, _ in told]
        for record, outcome in told:
            assert (outcome.status == "rejected") == (not is_possible(record))
            if outcome.status == "accepted":
                self.model.accept(record)
        for record, outcome in told:
            if outcome.status != "rejected":
                assert outcome.status in ("accepted", self.model.seen(record))
            if outcome.status == "accepted":
                cost = self.model.stored[key_of(record)].cost
                assert outcome.cost == (None if cost is None else cost * 10**15)

    def _records_are_the_models(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT p.name, r.usage_id, r.cost_usd, r.input_tokens, r.output_tokens, r.occurred_at"
                " FROM costs_usagerecord r JOIN access_project p ON p.id = r.project_id"
            )
            found = cursor.fetchall()
        assert len(found) == len(self.model.stored)
        for project, name, cost, inputs, outputs, moment in found:
            stored = self.model.stored[project, name]
            assert (None if cost is None else Fraction(cost)) == stored.cost
            assert (inputs, outputs) == (stored.record["input_tokens"], stored.record["output_tokens"])
            assert moment == datetime.fromisoformat(stored.record["occurred_at"])

    def _totals_are_the_models(self) -> None:
        begin, middle, end = NOW - timedelta(days=34), NOW - timedelta(days=3, seconds=3), NOW + timedelta(minutes=1)
        whole = self.model.sums()
        assert _sums(totals(UsageQuery(begin, end)), whole) == whole
        for start, until in ((begin, middle), (middle, end)):
            part = self.model.sums(partial(_is_between, start, until))
            (row,) = grouped(UsageQuery(start, until), (), edges=()) or [GroupRow((), Totals())]
            assert _sums(row.totals, part) == part
        # Which dimensions depends on the history, so that each is looked at often and none every time.
        for dimension in (CUBE[len(self.sent) % len(CUBE)], NARROW[len(self.sent) % len(NARROW)]):
            for row in grouped(UsageQuery(begin, end), (dimension,), edges=()):
                group = self.model.sums(partial(_has, dimension, row.values[0]))
                assert _sums(row.totals, group) == group, (dimension, row.values)


def waste_differences() -> list[proof.Difference]:
    folds = waste_folds_between(NOW - timedelta(days=400), NOW + timedelta(days=1))
    return [one for fold in folds for one in proof.waste_fold_differences(fold)]


def _is_between(start: datetime, end: datetime, record: Record) -> bool:
    return start <= datetime.fromisoformat(record["occurred_at"]) < end


def _has(dimension: str, value: str, record: Record) -> bool:
    if dimension.startswith("tag:"):
        return bool(record.get("tags", {}).get(dimension[4:]) == value)
    return bool(record.get(dimension, "" if dimension == "agent" else None) == value)


def _sums(found: Any, like: dict[str, Fraction]) -> dict[str, Fraction]:
    return {name: Fraction(getattr(found, name)) for name in like}


def send(batch: Sequence[Record]) -> Sequence[Outcome]:
    window = Window(NOW, NOW - timedelta(days=35), NOW + timedelta(minutes=5))
    return record_usage(batch, caller=AGENT, now=NOW, window=window).outcomes


def _send_together(parts: Sequence[Sequence[Record]]) -> list[Sequence[Outcome]]:
    return run_together([partial(send, part) for part in parts])


def run_together(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Acts begun at the same time, on connections of their own; what each returns."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts, timeout=60))


def _fail(*_: Any) -> Any:
    raise OperationalError("cut off")


def _forget() -> None:
    for memory in (names, placing, places, rate_book):
        memory.forget()
    partitions.forget_known()


def _empty() -> None:
    """An installation without usage, with two models that have no price yet."""
    tables = ["usagerecord", "usagekey", "usagequarter", "usagequarterby", "conversationtotal", "tasktotal", "outcome"]
    tables += [
        "taskfold",
        "taskslice",
        "tasktakenback",
        "usageday",
        "dayslice",
        "dayfold",
        "wasteslice",
        "price",
        "label",
        "usedmodel",
        "cell",
    ]
    every = [*(f"costs_{table}" for table in tables), "access_agent", "access_project"]
    emptied = ", ".join(f"{name}_emptied AS (DELETE FROM {name})" for name in every)
    with transaction.atomic(), connection.cursor() as cursor:
        # Prices are only ever appended: triggers would refuse this.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"WITH {emptied} UPDATE costs_pricebookstate SET version = version + 1")
    _forget()


def _prove(**options: Any) -> None:
    Provider.objects.create(id="maker", name="Maker")
    for name in ("m", "n"):
        LanguageModel.objects.create(provider_id="maker", name=name)
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Histories,
        settings=settings(deadline=None, database=None, suppress_health_check=checks, print_blob=True, **options),
    )
    assert not UsageRecord.objects.filter(usage_id="").exists()


@pytest.mark.django_db(transaction=True)
def test_every_id_has_exactly_one_effect() -> None:
    _prove(max_examples=80, stateful_step_count=5, derandomize=True, phases=[Phase.generate])


@pytest.mark.prove
@pytest.mark.django_db(transaction=True)
def test_every_id_has_exactly_one_effect_in_long_histories() -> None:
    _prove(max_examples=int(os.environ.get("BURSAR_PROVE_EXAMPLES", "2000")), stateful_step_count=25)
