"""P5: splitting, order and retries never change a total, which equals the sum of fractions to the last digit."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apps.access.domain.identity import ALL_SCOPES, Caller
from apps.costs.domain import pricing
from apps.costs.domain.money_format import format_money
from apps.costs.models import UsageRecord
from apps.costs.selectors.metrics import UsageQuery, grouped
from apps.costs.services.ingest import record_usage
from tests.costs.posting import call, load_prices

NOW = datetime.now(UTC)
AGENT = Caller("key", "proofs", key_id=7, user_id=None, scopes=ALL_SCOPES, role=None, project_ids=None)
SMALLEST, BILLION, LARGEST = "0.000000000000001", "1000000000", "999999999999.999999999999999"

whole_part = st.integers(0, 10**12 - 1).map(str)
amounts = st.one_of(
    st.sampled_from([SMALLEST, BILLION, LARGEST, "0", "0.1", "0.0000000001"]),
    whole_part,
    st.builds("{}.{}".format, whole_part, st.text("0123456789", min_size=1, max_size=15)),
)


@given(st.lists(amounts, min_size=1))
@settings(database=None)
def test_femto_dollars_hold_every_amount_exactly(texts: list[str]) -> None:
    femto = [pricing.femto_of(text) for text in texts]
    assert sum(femto) == sum(Fraction(text) for text in texts) * 10**15
    with localcontext(prec=3):
        # Whatever the decimal context says.
        assert [Fraction(pricing.usd(one)) for one in femto] == [Fraction(text) for text in texts]


@given(amounts)
@example("0.10")
@example("1" + "0" * 11)
@settings(database=None)
def test_money_out_is_the_same_number_with_at_least_two_decimals_and_no_idle_zeros(text: str) -> None:
    out = format_money(Decimal(text))
    _, _, decimals = out.partition(".")
    assert Fraction(out) == Fraction(text)
    assert len(decimals) == 2 or (len(decimals) > 2 and not out.endswith("0"))


@given(texts=st.lists(amounts, min_size=1, max_size=40), dice=st.randoms(use_true_random=False))
@example(texts=[LARGEST, SMALLEST] * 20, dice=random.Random(0))
@example(texts=[BILLION, SMALLEST, SMALLEST], dice=random.Random(0))
@settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.django_db
def test_totals_do_not_depend_on_splitting_order_or_retries(texts: list[str], dice: random.Random) -> None:
    _RUN[0] += 1
    whole = [_reported(text, f"{number}") for number, text in enumerate(texts)]
    _send(whole, "whole")
    pieces = [*whole, *dice.choices(whole, k=len(whole) // 2)]
    dice.shuffle(pieces)
    while pieces:
        size = dice.randint(1, 7)
        _send(pieces[:size], "pieces")
        pieces = pieces[size:]
    exact = sum(Fraction(text) for text in texts)
    for project in ("whole", "pieces"):
        for dimension in ("project", "user", "tag:team"):
            rows = grouped(_query(project), (dimension,), edges=())
            assert sum(Fraction(row.totals.cost_usd) for row in rows) == exact
        records = UsageRecord.objects.filter(task_id=f"{project}-{_RUN[0]}")
        assert sum(Fraction(record.cost_usd or 0) for record in records) == exact
        assert records.count() == len(texts)


def test_arithmetic_makes_no_error_in_10_000_cases() -> None:
    _compare_with_fractions(10_000)


@pytest.mark.prove
def test_arithmetic_makes_no_error_in_a_million_cases() -> None:
    _compare_with_fractions(1_000_000)


def _compare_with_fractions(cases: int) -> None:
    dice = random.Random(5)
    units = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"]
    for case in range(cases):
        if case % 100 == 0:
            usd = [dice.choice(["0.000000001", BILLION, f"{dice.randrange(10**11)}e-9"]) for _ in units]
            card = pricing.RateCard(pricing.Rates({unit: Decimal(rate) for unit, rate in zip(units, usd, strict=True)}))
            fresh, read, written, spoken = (Fraction(rate) for rate in usd)
        inputs = dice.choice([0, 1, 10**12, dice.randrange(10**9)])
        cached = dice.randint(0, inputs)
        creation = dice.randint(0, inputs - cached)
        outputs = dice.randrange(10**9)
        exact = fresh * (inputs - cached - creation) + read * cached + written * creation + spoken * outputs
        femto, _ = card.charge(inputs, outputs, cached, creation)
        assert femto is not None
        assert Fraction(femto, 10**15) == exact / 10**6


@pytest.mark.django_db
def test_priced_totals_equal_the_sum_of_fractions() -> None:
    load_prices()
    dice = random.Random(3)
    rates = {"gpt-4.1": (2, Fraction(1, 2), 8), "never heard of": None}
    records, exact = [], Fraction(0)
    for _ in range(1000):
        inputs, outputs = dice.choice([0, 1, 10**9, dice.randrange(10**6)]), dice.randrange(10**6)
        cached, model = dice.randint(0, inputs), dice.choice(list(rates))
        records.append(call(model=model, input_tokens=inputs, output_tokens=outputs, cache_read_input_tokens=cached))
        if rate := rates[model]:
            exact += ((inputs - cached) * rate[0] + cached * rate[1] + outputs * rate[2]) / Fraction(10**6)
    told = record_usage(records, caller=AGENT, now=NOW)
    (row,) = grouped(UsageQuery(NOW - timedelta(hours=1), NOW + timedelta(hours=1)), (), edges=())
    assert Fraction(told.cost_usd) == Fraction(row.totals.cost_usd) == exact
    assert told.unpriced == row.totals.unpriced_calls > 400


_RUN = [0]
"""Hypothesis runs every example in one transaction of one test: each has projects and ids of its own."""


def _reported(cost: str, name: str) -> dict[str, Any]:
    return call(id=f"{_RUN[0]}-{name}", cost_usd=cost, user="u", tags={"team": "t"})


def _send(records: Sequence[dict[str, Any]], project: str) -> None:
    place = {"project": f"{project}-{_RUN[0]}", "task_id": f"{project}-{_RUN[0]}"}
    told = record_usage([record | place for record in records], caller=AGENT, now=NOW)
    assert told.count("accepted") + told.count("duplicate") == len(records)


def _query(project: str) -> UsageQuery:
    filters = {"project": (f"{project}-{_RUN[0]}",)}
    return UsageQuery(NOW - timedelta(hours=1), NOW + timedelta(hours=1), filters=filters)
