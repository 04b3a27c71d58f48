"""Quality by model and task type: what outcomes are worth, and laws of the estimate."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.costs.domain.kinds import OutcomeSource
from apps.routing.domain.quality import (
    LEFT,
    Estimate,
    Evidence,
    Observed,
    beta_quantile,
    estimate,
    gathered,
    wilson_lower,
)
from apps.routing.domain.quality.bounds import beta_cumulative

SOURCES = [LEFT, *OutcomeSource]


def judged(count: int, successes: float, task_type: str = "code", age_days: float = 0, cohort: str = "") -> Observed:
    return Observed(task_type, OutcomeSource.TESTS, age_days, count, successes, cohort)


@st.composite
def outcomes(draw: st.DrawFn) -> Observed:
    count = draw(st.integers(1, 60))
    total = draw(st.floats(0, count))
    kind, cohort = draw(st.sampled_from("abc")), draw(st.sampled_from("xy"))
    return Observed(kind, draw(st.sampled_from(SOURCES)), draw(st.floats(0, 400)), count, total, cohort)


def test_bounds_are_those_of_the_tables() -> None:
    assert beta_quantile(0.05, 1, 1) == pytest.approx(0.05)
    assert beta_quantile(0.05, 20, 1) == pytest.approx(0.05 ** (1 / 20))
    assert beta_quantile(0.5, 7, 7) == pytest.approx(0.5)
    assert beta_cumulative(0.3, 2, 5) == pytest.approx(0.579825)
    assert beta_cumulative(0.0, 2, 5) == 0
    assert beta_cumulative(1.0, 2, 5) == 1
    assert wilson_lower(8, 10, confidence=0.975) == pytest.approx(0.4901625)
    assert wilson_lower(0, 0) == 0


def test_evidence_weighs_source_and_age() -> None:
    assert gathered([judged(10, 7)]) == Evidence(10, 10, 7)
    assert gathered([judged(10, 7, age_days=45)]) == Evidence(10, 5, 3.5)
    assert gathered([judged(10, 7, age_days=10)], half_life_days=10) == Evidence(10, 5, 3.5)
    assert gathered([Observed("code", OutcomeSource.USER, 0, 10, 5)]) == Evidence(10, 8, 4)
    assert gathered([Observed("code", LEFT, 0, 10, 0)]).successes == 0


def test_with_few_outcomes_the_level_above_speaks_and_with_many_the_level_itself() -> None:
    chat = judged(400, 360, "chat")
    assert estimate([chat]).mean == pytest.approx(361 / 402)
    few = estimate([chat, judged(2, 0)], "code")
    assert few.mean == pytest.approx(25 * (361 / 402) / 27)
    assert not few.is_known
    many = estimate([chat, judged(1_000, 200)], "code")
    assert many.mean == pytest.approx(0.2, abs=0.02)
    assert estimate([chat], "code").n == 0


def test_a_cohort_leans_on_its_task_type() -> None:
    seen = [judged(200, 180, cohort="short"), judged(200, 60, cohort="long"), judged(3, 3, cohort="new")]
    new = estimate(seen, "code", "new")
    assert 0.6 < new.mean < 0.7
    assert estimate(seen, "code", "short").mean == pytest.approx(0.83, abs=0.01)


def test_it_is_unknown_below_twenty_outcomes_of_its_own() -> None:
    assert [estimate([judged(n, n)], "code").is_known for n in (19, 20)] == [False, True]
    assert not estimate([judged(500, 400, "chat"), judged(19, 19)], "code").is_known


@given(st.lists(outcomes(), max_size=8), st.sampled_from("abc"), st.sampled_from(["x", "y", None]))
@settings(max_examples=60, deadline=None)
def test_laws_of_the_estimate(seen: list[Observed], kind: str, cohort: str | None) -> None:
    found = estimate(seen, kind, cohort)
    assert 0 <= found.lower <= found.mean <= 1
    assert found.n == sum(one.count for one in seen if one.task_type == kind and cohort in (None, one.cohort))
    assert 0 <= found.n_eff <= found.n + 1e-9
    shuffled = random.sample(seen, len(seen))
    again = estimate(shuffled, kind, cohort)
    assert (again.mean, again.lower) == pytest.approx((found.mean, found.lower), abs=1e-9)


@given(st.lists(outcomes(), max_size=6), outcomes())
@settings(max_examples=60, deadline=None)
def test_success_never_lowers_and_failure_never_raises_the_estimate(seen: list[Observed], one: Observed) -> None:
    def with_value(value: float) -> Estimate:
        return estimate([*seen, Observed(one.task_type, one.source, one.age_days, one.count, value)], one.task_type)

    before = estimate(seen, one.task_type)
    # An outcome of another task type may not be looked at as prior here, so both share the type that is asked for.
    assert with_value(one.count).mean >= before.mean - 1e-9
    assert with_value(0).mean <= before.mean + 1e-9


@given(st.integers(1, 300), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_ten_times_the_outcomes_bring_the_bound_nearer(count: int, share: float) -> None:
    few, many = estimate([judged(count, share * count)]), estimate([judged(10 * count, share * 10 * count)])
    assert many.mean - many.lower <= few.mean - few.lower + 1e-9


def test_the_lower_bound_holds_about_as_often_as_it_says() -> None:
    """With qualities drawn from the topmost prior, the bound lies below them in 95 % of cases."""
    generator = random.Random(5)
    held, draws = 0, 2_000
    for _ in range(draws):
        quality = generator.random()
        successes = sum(generator.random() < quality for _ in range(30))
        held += estimate([judged(30, successes)]).lower <= quality
    assert held / draws == pytest.approx(0.95, abs=0.02)
