"""Replays: ladders, advice, dominance and savings, on tasks whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.routing.domain.replay import savings
from apps.routing.domain.replay.advising import Strategy, advise
from apps.routing.domain.replay.dominance import cheaper_as_good
from apps.routing.domain.replay.intervals import ratio
from apps.routing.domain.replay.ladders import TRUE_VERIFIER, Verifier, climb
from apps.routing.domain.replay.splits import across_splits, summary_of
from apps.routing.domain.replay.table import Outcomes, half_of, outcomes_of


def table(quality: list[list[float]], cost: list[list[float]]) -> Outcomes:
    models = tuple("abcdef"[: len(quality[0])])
    return Outcomes(tuple(map(str, range(len(quality)))), models, np.array(quality), np.array(cost))


TWO = table([[1, 1], [0, 1], [0, 0]], [[1, 10], [1, 10], [1, 10]])


def test_every_attempt_is_paid_and_an_accepted_answer_is_final() -> None:
    for verifier, quality, cost in (
        (TRUE_VERIFIER, [1, 1, 0], [1, 11, 11]),
        (Verifier(0, 0), [1, 0, 0], [1, 1, 1]),
        (Verifier(0, 1), [1, 0, 0], [11, 1, 1]),
        (Verifier(0.8, 0.1), [1, 0.8, 0], [1 + 0.1 * 10, 1 + 0.8 * 10, 1 + 0.8 * 10]),
    ):
        replayed = climb(TWO, [0, 1], verifier)
        assert replayed.quality == pytest.approx(quality)
        assert replayed.cost == pytest.approx(cost)


def test_rows_become_a_table_of_the_models_they_share() -> None:
    rows = [
        {"key": "x", "models": {"b": {"q": 1, "c": 2}, "a": {"q": 0, "c": 1}, "z": {"q": 1, "c": 1}}},
        {"key": "y", "models": {"a": {"q": 1, "c": 1}, "b": {"q": 1, "c": 3}}},
    ]
    found = outcomes_of(rows)
    assert (found.models, found.keys, found.cost.tolist()) == (("a", "b"), ("x", "y"), [[1, 2], [1, 3]])
    assert found.models[found.best] == "b"
    with pytest.raises(ValueError, match="no rows"):
        outcomes_of([])
    with pytest.raises(ValueError, match="share no model"):
        outcomes_of([rows[0], {"key": "y", "models": {"c": {"q": 1, "c": 1}}}])


def test_halves_are_the_same_for_every_run_and_differ_by_split() -> None:
    keys = [str(n) for n in range(400)]
    assert (half_of(keys, split=1) == half_of(keys, split=1)).all()
    assert 150 < (half_of(keys, split=1) != half_of(keys, split=2)).sum() < 250
    assert 150 < half_of(keys, split=1).sum() < 250


@st.composite
def tables(draw: st.DrawFn) -> Outcomes:
    tasks, models = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    quality = (generator.random((tasks, models)) < 0.6).astype(float)
    return Outcomes(
        tuple(map(str, range(tasks))), tuple("abcd"[:models]), quality, generator.uniform(0.01, 1, (tasks, models))
    )


@given(tables(), st.floats(0, 1), st.floats(0, 1), st.permutations(range(4)))
@settings(max_examples=60, deadline=None)
def test_laws_of_ladders(outcomes: Outcomes, sensitivity: float, false_alarm: float, order: list[int]) -> None:
    ladder = [model for model in order if model < len(outcomes.models)]
    replayed = climb(outcomes, ladder, Verifier(sensitivity, false_alarm))
    assert (replayed.quality >= -1e-12).all()
    assert (replayed.quality <= outcomes.quality.max(1) + 1e-12).all(), "no ladder does what no model can"
    assert (replayed.cost >= outcomes.cost[:, ladder[0]] - 1e-12).all()
    assert (replayed.cost <= outcomes.cost.sum(1) + 1e-12).all()
    perfect = climb(outcomes, ladder, TRUE_VERIFIER)
    assert perfect.quality == pytest.approx(outcomes.quality.max(1))


@given(tables(), st.sampled_from([TRUE_VERIFIER, Verifier(0.8, 0.1)]))
@settings(max_examples=60, deadline=None)
def test_no_strategy_is_dearer_than_the_best_single_model(outcomes: Outcomes, verifier: Verifier) -> None:
    best = outcomes.cost[:, outcomes.best].mean()
    strategies: tuple[Strategy, ...] = ("cost_optimized", "balanced", "quality_first")
    for strategy in strategies:
        ladder = advise(outcomes, strategy, verifier)
        assert climb(outcomes, ladder.steps, verifier).cost.mean() <= best + 1e-12
        assert ladder.single == outcomes.best


def test_dominated_models_take_no_part() -> None:
    outcomes = table([[1, 1, 0, 1], [0, 1, 0, 0]], [[1, 5, 2, 3], [1, 5, 2, 3]])
    assert outcomes.undominated() == [0, 1]


def test_a_cheaper_model_of_the_same_success_is_advised_with_how_sure_that_is() -> None:
    generator = np.random.default_rng(3)
    success = (generator.random(400) < 0.7).astype(float)
    worse = success * (generator.random(400) < 0.5)
    cost = np.column_stack([np.full(400, 1.0), generator.uniform(0.5, 0.77, 400), np.full(400, 0.1)])
    outcomes = Outcomes(
        tuple(map(str, range(400))), ("used", "twin", "weak"), np.column_stack([success, success, worse]), cost
    )
    (advice,) = cheaper_as_good(outcomes, "used")
    assert (advice.model, advice.is_sure, advice.tasks) == ("twin", True, 400)
    assert advice.saving.low < advice.saving.value < advice.saving.high
    assert advice.words("used").startswith("twin would give 100.0% of the success of used for 36% less")
    assert cheaper_as_good(outcomes.only(np.arange(400) < 29), "used") == [], "too few tasks"


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        below = generator.uniform(1, 3, 60)
        found = ratio(generator.random(60) * below, below, draws=200, seed=trial)
        held += found.low <= 0.5 <= found.high
    assert held >= 180
    with pytest.raises(ValueError, match="needs tasks"):
        ratio(np.array([]), np.array([]))


def routed(seed: int, tasks: int = 6_000) -> dict[str, np.ndarray]:
    """Tasks of known difficulty: hard ones take more tokens, and go to the baseline more often."""
    generator = np.random.default_rng(seed)
    difficulty = generator.random(tasks)
    tokens = 1 + 3 * difficulty + generator.random(tasks)
    premium = 0.5 * tokens * np.where(difficulty > 0.5, 1.2, 0.9)
    chance = 0.05 + 0.85 * difficulty
    at_baseline = generator.random(tasks) < chance
    return {
        "difficulty": difficulty, "repriced": 0.5 * tokens, "premium": premium, "chance": chance,
        "at_baseline": at_baseline, "costs": np.where(at_baseline, premium, 0.05 * tokens),
    }  # fmt: skip


def test_the_naive_estimate_is_biased_and_the_others_are_within_five_percent() -> None:
    """The mean of the baseline's own tasks overstates, because those are the hard ones."""
    said = routed(1)
    truth = said["premium"].sum()
    strata = ["hard" if one > 0.5 else "easy" for one in said["difficulty"]]
    pairs = [
        savings.Pair(strata[n], said["repriced"][n], said["premium"][n]) for n in range(0, len(strata), 20)
    ]  # fmt: skip
    assert savings.naive(said["costs"], said["at_baseline"]) > 1.15 * truth
    adjusted = savings.adjusted(strata, said["repriced"], pairs, draws=300)
    robust = savings.doubly_robust(
        said["repriced"], said["chance"], said["at_baseline"], said["costs"], draws=300
    )  # fmt: skip
    for estimate in (adjusted, robust):
        assert estimate.value == pytest.approx(truth, rel=0.05)
        assert estimate.low <= truth <= estimate.high
    assert savings.repriced(said["repriced"], draws=200).value == pytest.approx(said["repriced"].sum())


def test_doubly_robust_is_right_when_either_side_is() -> None:
    said = routed(2)
    truth = said["premium"].sum()
    nonsense = np.full(len(said["premium"]), 1.0)
    right_chances = savings.doubly_robust(nonsense, said["chance"], said["at_baseline"], said["costs"], draws=50)
    wrong_chances = np.full(len(nonsense), 0.5)
    right_predictions = savings.doubly_robust(
        said["premium"], wrong_chances, said["at_baseline"], said["costs"], draws=50
    )  # fmt: skip
    assert right_chances.value == pytest.approx(truth, rel=0.05)
    assert right_predictions.value == pytest.approx(truth, rel=0.001)
    impossible = savings.doubly_robust(
        said["premium"], np.zeros(len(nonsense)), said["at_baseline"], nonsense, draws=50
    )
    assert impossible.value == pytest.approx(truth), "what could not be drawn adds its prediction"


def test_a_stratum_with_few_pairs_takes_the_ratio_of_all() -> None:
    pairs = [savings.Pair("a", 1.0, 2.0)] * 10 + [savings.Pair("b", 1.0, 9.0)]
    found = savings.adjusted(["a", "b"], np.array([1.0, 1.0]), pairs, draws=50)
    assert found.value == pytest.approx(2 + 29 / 11)
    with pytest.raises(ValueError, match="nothing to adjust by"):
        savings.adjusted(["a"], np.array([1.0]), [])


def test_what_is_advised_on_one_half_is_measured_on_the_other() -> None:
    """A cheap model that does two thirds, a dear one that does all: with a true verifier all at a third of the cost."""
    generator = np.random.default_rng(2)
    cheap = (generator.random(600) < 2 / 3).astype(float)
    cost = np.column_stack([np.full(600, 0.01), np.full(600, 1.0)])
    outcomes = Outcomes(tuple(map(str, range(600))), ("cheap", "dear"), np.column_stack([cheap, np.ones(600)]), cost)
    found = summary_of(across_splits(outcomes, "balanced", TRUE_VERIFIER, splits=5))
    assert found.usual_ladder == ("cheap", "dear")
    assert found.quality == pytest.approx(1)
    assert found.saving == pytest.approx(0.66, abs=0.03)
    assert found.least_saving <= found.saving
    with pytest.raises(ValueError, match="too few rows"):
        across_splits(outcomes.only(np.arange(600) < 1), "balanced", TRUE_VERIFIER)
