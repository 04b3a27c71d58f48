"""P3: no blocking budget is overspent, whatever happens at once, and the ledger is the counter."""

import pytest

from tests.budgets.clients import Stage, make_stage, overspent, run_clients, unbalanced


def prove(stage: Stage, *, clients: int, operations: int) -> None:
    told = run_clients(stage, clients=clients, operations=operations, seed=3)
    assert told.errors == []
    assert sum(told.done.values()) == operations
    assert overspent() == []
    assert unbalanced() == []
    for act in ("reserved", "settled", "settled in part", "drawn", "released", "left to expire", "refused"):
        assert told.done[act] > operations // 200, told.done


@pytest.mark.django_db(transaction=True)
def test_nothing_is_overspent_in_20_000_operations() -> None:
    prove(make_stage(1), clients=8, operations=20_000)


@pytest.mark.prove
@pytest.mark.django_db(transaction=True)
def test_nothing_is_overspent_in_a_million_operations() -> None:
    prove(make_stage(50), clients=16, operations=1_000_000)
