"""Latency histograms: the same bins in Python and PostgreSQL, merging that loses nothing, percentiles within 2 %."""

import random
from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.costs.domain.latency import EDGES, MAX_MS, RELATIVE_ERROR, bin_middle, bin_of, packed, percentile, unpacked
from apps.costs.selectors.metrics import UsageQuery, totals
from apps.costs.services.folding import fold_closed_days
from tests.costs.factories import NOW, make_usage, record

pytestmark = pytest.mark.django_db
SHARES = (0.5, 0.95, 0.99)
on_one_database = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
milliseconds = st.one_of(st.integers(0, 60), st.integers(0, 10**5), st.integers(0, MAX_MS))


def asked(sql: str, *parameters: object) -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)  # type: ignore[arg-type]
        return list(cursor.fetchone())


def within_error(estimate: float, low: float, high: float) -> bool:
    """Half a millisecond is the middle of a bin that is one millisecond wide."""
    return low * (1 - RELATIVE_ERROR) - 0.5 <= estimate <= high * (1 + RELATIVE_ERROR) + 0.5


@on_one_database
@given(st.lists(milliseconds, min_size=1, max_size=50))
def test_postgresql_has_the_same_bins(values: list[int]) -> None:
    [found] = asked(
        "SELECT array_agg(width_bucket(v, %s::bigint[]) ORDER BY n)"
        " FROM unnest(%s::bigint[]) WITH ORDINALITY AS u(v, n)",
        list(EDGES),
        values,
    )
    assert found == [bin_of(value) for value in values]


@pytest.mark.parametrize("number", [1, 25, 26, 27, 100, len(EDGES) - 1])
def test_a_bin_ends_where_the_next_begins(number: int) -> None:
    assert bin_of(EDGES[number - 1]) == number
    assert bin_of(EDGES[number] - 1) == number
    assert bin_of(EDGES[number]) == number + 1
    assert within_error(bin_middle(number), EDGES[number] - 1, EDGES[number - 1])


@on_one_database
@given(st.lists(milliseconds, max_size=300), st.integers(0, 300))
def test_merging_in_any_order_loses_nothing(values: list[int], cut: int) -> None:
    whole: dict[int, int] = {}
    for value in values:
        whole[bin_of(value)] = whole.get(bin_of(value), 0) + 1
    singles = [(bin_of(value) << 40) + 1 for value in values]
    [merged] = asked("SELECT bursar_merged_bins(%s::bigint[], %s::bigint[])", singles[:cut], singles[cut:])
    assert isinstance(merged, list)
    assert unpacked(merged) == whole
    [none_left] = asked(
        "SELECT bursar_adjusted_bins(%s::bigint[], %s::bigint[])", merged, [-entry for entry in packed(whole)]
    )
    assert none_left == ([] if values else merged)


@on_one_database
@given(st.lists(milliseconds, min_size=1, max_size=400))
def test_percentiles_are_those_of_postgresql_within_two_percent(values: list[int]) -> None:
    counts: dict[int, int] = {}
    for value in values:
        counts[bin_of(value)] = counts.get(bin_of(value), 0) + 1
    for share in SHARES:
        disc, cont = asked(
            "SELECT percentile_disc(%s) WITHIN GROUP (ORDER BY v), percentile_cont(%s) WITHIN GROUP (ORDER BY v)"
            " FROM unnest(%s::bigint[]) AS v",
            share,
            share,
            values,
        )
        estimate = percentile(counts, share)
        assert estimate is not None
        assert isinstance(disc, int)
        assert isinstance(cont, float)
        assert within_error(estimate, disc, disc)
        # percentile_cont draws a line between two neighbours; ours is one of the two.
        ordered, rank = sorted(values), share * (len(values) - 1)
        low, high = ordered[int(rank)], ordered[min(int(rank) + 1, len(values) - 1)]
        assert low <= cont <= high
        assert within_error(estimate, low, high)


def test_percentiles_of_a_range_hold_before_and_after_folding() -> None:
    dice = random.Random(1)
    at = NOW - timedelta(days=2)
    values = [int(dice.lognormvariate(7, 1)) for _ in range(700)]
    record(*(make_usage(at + timedelta(minutes=n), latency_ms=value) for n, value in enumerate(values)))
    query = UsageQuery(at - timedelta(days=1), NOW)
    before = totals(query)
    assert fold_closed_days(now=NOW).folded == 2
    assert totals(query) == before
    exact = asked(
        "SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY v) FROM unnest(%s::bigint[]) AS v",
        values,
    )[0]
    assert isinstance(exact, list)
    estimates = (before.latency_p50_ms, before.latency_p95_ms, before.latency_p99_ms)
    assert all(
        abs(estimate / right - 1) < RELATIVE_ERROR for estimate, right in zip(estimates, exact, strict=True) if estimate
    )
