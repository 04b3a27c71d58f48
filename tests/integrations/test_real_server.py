"""The client against Bursar itself: one day of an agent, from the config to a budget that is used up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bursar_client import BudgetRefused, Client, Model
from pytest_django.live_server_helper import LiveServer

from apps.access.domain.identity import Scope
from apps.costs.models import UsageRecord
from tests.budgets.acts import make_budget
from tests.cast import HeldKey
from tests.integrations.conftest import QUICK
from tests.routing.acts import load_book


@pytest.mark.django_db(transaction=True)
def test_a_day_of_an_agent(live_server: LiveServer, make_held_key: Callable[..., HeldKey], tmp_path: Path) -> None:
    load_book()
    make_budget("0.01")
    key = make_held_key(Scope.USAGE_WRITE, Scope.ROUTING_USE)
    with Client(live_server.url, key.secret, spool=tmp_path, agent="coder", **QUICK) as client:
        config = client.config()
        assert config is not None
        assert config.on_unreachable == "open"
        client._policies._fresh_until = 0
        assert client.config() is config  # by a 304

        decision = client.decide(message="hello", conversation_id="42", current=("openai", "gpt-4.1"))
        assert (decision.source, decision.model) == ("server", Model("openai", "gpt-4.1"))
        with client.reserve("0.001", conversation_id="42") as held:
            assert held.is_held
            assert client.extend(held, 600)
            calls: dict[str, Any] = {
                "provider": "openai",
                "model": "gpt-4.1",
                "input_tokens": 1000,
                "output_tokens": 1000,
            }
            client.report(**calls, conversation_id="42", decision_id=decision.id or "")
        client.outcome(conversation_id="42", success=True, source="user")
        client.report(**{**calls, "input_tokens": -1})
        assert client.flush(10)

        stats = client.stats()
        assert (stats.stored, stats.refused, stats.waiting) == (2, 1, 0)
        (budget,) = client.budgets
        assert (budget["spent_usd"], budget["reserved_usd"]) == ("0.01", "0.00")
        status = client.budget_status(conversation_id="42")
        assert status is not None
        assert status[0]["remaining_usd"] == "0.00"
        with pytest.raises(BudgetRefused) as refused, client.reserve("0.001", conversation_id="43"):
            pytest.fail("the block ran")
        assert refused.value.refusal["limit_usd"] == "0.01"
    record = UsageRecord.objects.get()
    assert (record.reservation_id, record.decision_id) == (held.id, decision.id)
