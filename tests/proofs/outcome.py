"""What must hold after every proof that killed something."""

from decimal import Decimal

import psycopg

from tests.proofs.clients import Agent
from tests.proofs.truth import differences


def assert_nothing_lost_or_doubled(database_url: str, agents: list[Agent]) -> None:
    """Every acknowledged record is stored once, nothing else is; money and rollups agree to the last digit."""
    assert [wrong for agent in agents for wrong in agent.story.wrong] == []
    acknowledged = {name: cost for agent in agents for name, cost in agent.story.acknowledged.items()}
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT usage_id FROM costs_usagerecord")
        stored = [name for (name,) in cursor.fetchall()]
        assert len(stored) == len(set(stored))
        assert acknowledged.keys() <= set(stored), "an acknowledged record is lost"
        cursor.execute("SELECT usage_id, cost_usd FROM costs_usagerecord")
        costs: dict[str, Decimal] = dict(cursor.fetchall())
        assert {name: costs[name] for name in acknowledged} == acknowledged
        assert differences(cursor) == []
