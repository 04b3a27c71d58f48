"""What another choice would have come to, from tasks that chance gave away: on made-up tasks whose truth is known."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.routing.domain.off_policy import WHOLE, Drawn, DrawnSums, OffPolicy, added, estimated

STEP = Decimal("0.0001")
BLOCKS = 200


def made(seed: int, tasks: int = 4_000, share: float = 0.1) -> tuple[list[Drawn], dict[str, float]]:
    """Easy and hard tasks at a cheap model, some of them drawn to the dear one that is on trial; and the truth.

    Hard tasks are drawn more often, so the tasks that the dear model got are not the average task. A task needs more
    tokens when it is hard; the dear model succeeds more often, and costs ten times as much.
    """
    generator = np.random.default_rng(seed)
    hard = generator.random(tasks) < 0.4
    chance_dear = np.where(hard, 3 * share, share)
    dear = generator.random(tasks) < chance_dear
    success = {False: np.where(hard, 0.3, 0.9), True: np.where(hard, 0.8, 0.95)}
    tokens = np.where(hard, 4.0, 1.0) * generator.uniform(0.5, 1.5, tasks)
    cost = {False: 1_000 * tokens, True: 10_000 * tokens * np.where(hard, 0.8, 1.1)}
    chance = np.where(dear, chance_dear, 1 - chance_dear)
    went = generator.random(tasks) < np.where(dear, success[True], success[False])
    units = [
        Drawn(
            round(chance[n] * WHOLE), bool(dear[n]), True, WHOLE * bool(went[n]),
            round(WHOLE * success[bool(dear[n])][n]), round(WHOLE * success[True][n]),
        )
        for n in range(tasks)
    ]  # fmt: skip
    paid = np.where(dear, cost[True], cost[False])
    truth = {
        "success": float(success[True].mean()), "cost": float(cost[True].mean()), "paid": float(paid.mean()),
        "naive": float(went[dear].mean()),
    }  # fmt: skip
    return units, truth


def costs(units: Sequence[Drawn], seed: int) -> list[Drawn]:
    """The same tasks by what they cost; expected is the first call alone, a tenth of the task."""
    generator = np.random.default_rng(seed)
    tasks = len(units)
    hard = generator.random(tasks) < 0.4
    generator.random(tasks)
    tokens = np.where(hard, 4.0, 1.0) * generator.uniform(0.5, 1.5, tasks)
    found = []
    for n, one in enumerate(units):
        cheap, dear = 1_000 * tokens[n], 10_000 * tokens[n] * (0.8 if hard[n] else 1.1)
        size = 100 * (4 if hard[n] else 1)
        came = dear if one.is_taken else cheap
        found.append(replace(one, came=round(came), here=size * (10 if one.is_taken else 1), there=size * 10))
    return found


def told(units: Sequence[Drawn], *, is_scaled: bool = False, unit: int = WHOLE) -> OffPolicy:
    blocks: dict[int, DrawnSums] = {}
    for number, one in enumerate(units):
        blocks.setdefault(crc32(str(number).encode()) % BLOCKS, DrawnSums()).add(one)
    return estimated(list(blocks.values()), is_scaled=is_scaled, unit=unit, step=STEP)


def test_the_truth_is_found_where_the_tasks_that_were_drawn_mislead() -> None:
    units, truth = made(3, 20_000)
    found = told(units)
    for estimate, within in ((found.weighed, 0.04), (found.normed, 0.02), (found.robust, 0.02)):
        assert estimate is not None
        assert abs(float(estimate.value) - truth["success"]) < within
        assert estimate.low < estimate.value < estimate.high
    assert truth["naive"] < truth["success"] - 0.02, "the dear model's own tasks are the hard ones"
    assert found.change is not None
    assert found.before is not None
    assert found.robust is not None
    assert abs(found.change.value - (found.robust.value - found.before.value)) <= STEP
    assert found.change.low > 0, "it would do better, and that is sure"
    assert abs(found.overlap - 1) < Decimal("0.03")
    assert found.effective < found.moved_taken


def test_either_right_chances_or_right_expectations_are_enough() -> None:
    units, truth = made(5, 20_000)
    blind = [replace(one, here=WHOLE // 2, there=WHOLE // 2) for one in units]
    wrong = [replace(one, chance=min(WHOLE, one.chance * 3)) for one in units]
    for one, is_right in ((blind, True), (wrong, True)):
        found = told(one)
        assert found.robust is not None
        assert (abs(float(found.robust.value) - truth["success"]) < 0.02) is is_right
    neither = told([replace(one, here=WHOLE // 2, there=WHOLE // 2) for one in wrong])
    assert neither.robust is not None
    assert abs(float(neither.robust.value) - truth["success"]) > 0.1
    weighed = told(wrong).weighed
    assert weighed is not None
    assert abs(float(weighed.value) - truth["success"]) > 0.3, "weights alone need their chances"


def test_the_cost_of_a_task_from_the_expected_cost_of_its_first_call() -> None:
    units, truth = made(7, 20_000)
    found = told(costs(units, 7), is_scaled=True, unit=1)
    assert found.robust is not None
    assert found.before is not None
    assert float(found.before.value) == pytest.approx(truth["paid"], rel=0.001)
    assert float(found.robust.value) == pytest.approx(truth["cost"], rel=0.02)
    assert found.robust.low < Decimal(truth["cost"]) < found.robust.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says_and_the_estimates_are_not_biased() -> None:
    held, robust, weighed, true = 0, [], [], []
    for seed in range(40):
        units, truth = made(100 + seed, 1_500)
        found = told(units)
        assert found.robust is not None
        assert found.weighed is not None
        held += found.robust.low <= Decimal(truth["success"]) <= found.robust.high
        robust.append(float(found.robust.value))
        weighed.append(float(found.weighed.value))
        true.append(truth["success"])
    assert held >= 35
    assert abs(np.mean(robust) - np.mean(true)) < 0.008
    assert abs(np.mean(weighed) - np.mean(true)) < 0.02
    assert np.std(robust) < np.std(weighed), "expectations take the scatter off"


def test_what_is_too_little_is_not_told() -> None:
    units, _ = made(1, 400)
    stay = [replace(one, is_moved=False) for one in units]
    few = [replace(one, is_taken=one.is_taken and number < 60) for number, one in enumerate(units)]
    for given_, why in (([], "nothing_drawn"), (stay, "nothing_moves"), (few, "too_few"), (units[:25], "too_few")):
        found = told(given_)
        assert (found.why, found.robust) == (why, None)
    assert told(units).why == ""
    # A thousand tasks that stay do not speak for a change that two tasks saw.
    steady = Drawn(990_000, True, False, WHOLE, WHOLE, WHOLE)
    seen = Drawn(10_000, True, True, WHOLE, WHOLE, WHOLE)
    assert told([*[steady] * 1_000, seen, seen]).effective == 2


def test_models_that_chance_could_never_have_taken_show_as_missing_overlap() -> None:
    units, _ = made(2, 4_000)
    found = told([replace(one, is_taken=one.is_taken and number % 2 == 0) for number, one in enumerate(units)])
    assert abs(found.overlap - Decimal("0.5")) < Decimal("0.05")


DRAWN = st.builds(
    Drawn, st.integers(1, WHOLE), st.booleans(), st.booleans(), *(st.integers(0, WHOLE) for _ in range(3))
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(DRAWN, max_size=4), max_size=6))
def test_sums_add_up_however_they_are_cut(parts: list[list[Drawn]]) -> None:
    blocks, whole = [], DrawnSums()
    for part in parts:
        block = DrawnSums()
        for one in part:
            block.add(one)
            whole.add(one)
        blocks.append(block)
    assert added(blocks) == whole
    assert [DrawnSums(*block.as_plain()) for block in blocks] == blocks


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, WHOLE), min_size=60, max_size=90), st.integers(1, WHOLE))
def test_a_choice_that_was_always_taken_comes_to_what_came(values: list[int], expected: int) -> None:
    found = told([Drawn(WHOLE, True, True, value, expected, expected) for value in values])
    if not found.why:
        assert found.before is not None
        for estimate in (found.weighed, found.normed, found.robust):
            assert estimate is not None
            assert abs(estimate.value - found.before.value) <= STEP
            assert abs(estimate.low - found.before.low) <= STEP
        assert found.change is not None
        assert max(abs(found.change.low), abs(found.change.high)) <= STEP
        assert found.overlap == 1
