"""Decisions, config, budgets and reservations: quick when the server answers, harmless when it does not."""

import asyncio
import contextlib
import gc
import time
from pathlib import Path
from typing import Any

import pytest
from bursar_client import AsyncClient, BudgetRefused, Client, Decision, Model

from tests.integrations.conftest import QUICK, MakeClient
from tests.integrations.server import KEY, Answer, Fake, serving

OWN = ("anthropic", "claude-haiku-4-5")
DECISIONS, CONFIG = "/api/routing/decisions", "/api/routing/config"


def wait_for_config(client: Any) -> None:
    deadline = time.monotonic() + 5
    while not client._policies.is_fresh and time.monotonic() < deadline:
        time.sleep(0.01)


def test_it_works(fake: Fake, make_client: MakeClient) -> None:
    fake.decision = {"fallbacks": [{"provider": "openai", "name": "large"}], "tier": "simple", "budget": {"name": "x"}}
    client = make_client(fake, agent="coder")
    decision = client.decide(current=OWN, message="hello", conversation_id="42", requires=["tools"])
    assert decision.model == Model("openai", "small")
    assert decision.fallbacks == (Model("openai", "large"),)
    assert (decision.action, decision.tier, decision.source) == ("route", "simple", "server")
    _, path, body = fake.asked[0]
    assert path == DECISIONS
    assert body.pop("id") == decision.id
    assert body == {
        "agent": "coder",
        "current": {"provider": "anthropic", "name": "claude-haiku-4-5"},
        "message": "hello",
        "conversation_id": "42",
        "requires": ["tools"],
    }


FIRST: dict[str, Any] = {"conversation_id": "42", "message": "one", "current": OWN}


@pytest.mark.parametrize(
    ("answer", "second", "asked"),
    [
        ({}, {**FIRST, "message": "two"}, 1),
        ({}, {**FIRST, "conversation_id": "43"}, 2),
        ({}, {**FIRST, "role": "utility"}, 2),
        ({}, {**FIRST, "pinned": OWN}, 2),
        ({}, {**FIRST, "failed_attempts": [{"provider": "openai", "name": "small", "error_type": "429"}]}, 2),
        ({}, {**FIRST, "reserve": True}, 2),
        ({"budget_blocks": True}, {**FIRST, "reserve": True}, 2),
        ({"budget_blocks": False}, {**FIRST, "reserve": True, "message": "two"}, 1),
        ({"sticky": False}, FIRST, 1),
        ({"sticky": False}, {**FIRST, "message": "two"}, 2),
        ({"ttl_s": 0}, FIRST, 2),
        ({"action": "block", "model": None}, FIRST, 2),
    ],
)
def test_how_long_a_decision_holds(
    fake: Fake, make_client: MakeClient, answer: dict[str, Any], second: dict[str, Any], asked: int
) -> None:
    fake.decision = answer
    client = make_client(fake)
    client.decide(**FIRST)
    again = client.decide(**second)
    assert fake.paths().count(DECISIONS) == asked
    assert again.source == ("cache" if asked == 1 else "server")


def test_what_is_held_is_held_for_one_call(fake: Fake, make_client: MakeClient) -> None:
    fake.decision = {"reservation": {"id": "r"}, "budget_blocks": True}
    client = make_client(fake)
    asked = {**FIRST, "reserve": True}
    assert [client.decide(**asked).reservation for _ in range(2)] == [{"id": "r"}] * 2
    decision = client.decide(**asked)
    assert decision.fields == {"decision_id": decision.id, "reservation_id": "r"}
    client.release(decision.fields["reservation_id"])
    assert client.flush(10)
    assert "/api/reservations/r/release" in fake.paths()
    # Where nothing blocks, the answer is remembered without the hold.
    fake.decision |= {"budget_blocks": False}
    assert [client.decide(**asked).reservation for _ in range(3)] == [{"id": "r"}, None, None]
    assert fake.paths().count(DECISIONS) == 4


def test_a_hold_of_an_answer_that_came_too_late_is_given_back(fake: Fake, make_client: MakeClient) -> None:
    client = make_client(fake, project="p", decision_timeout=0.2)
    fake.next[DECISIONS] = [Answer(201, {}, delay=1)]
    assert client.decide(reserve=True, current=OWN).source == "agent"
    assert client.decide(reserve=True, current=OWN).source == "agent"  # nobody is asked for a while
    assert client.flush(10)
    [(identity, project)] = [(body["id"], body["project"]) for _, path, body in fake.asked if path == DECISIONS]
    released = [(path, body) for _, path, body in fake.asked if path.endswith("/release")]
    assert (released, project) == ([(f"/api/reservations/{identity}/release", {"project": "p"})], "p")


def test_without_the_server_the_last_decision_stays(fake: Fake, make_client: MakeClient) -> None:
    fake.decision = {"ttl_s": 0.05}
    client = make_client(fake)
    first = client.decide(**FIRST)
    time.sleep(0.1)
    fake.next[DECISIONS] = [Answer(503)]
    assert client.decide(**FIRST).model == first.model


@pytest.mark.parametrize(
    ("question", "policy", "action", "model", "source"),
    [
        ({"current": OWN}, {}, "route", Model("openai", "small"), "config"),
        ({"current": OWN, "requires": ["vision"]}, {}, "route", Model("openai", "large"), "config"),
        ({"current": OWN, "input_tokens": 5000}, {}, "route", Model("openai", "large"), "config"),
        ({"current": OWN, "requires": ["json"]}, {}, "keep", Model(*OWN), "agent"),
        ({"current": ("openai", "large")}, {}, "keep", Model("openai", "large"), "agent"),
        ({"current": OWN, "pinned": ("x", "y")}, {}, "keep", Model("x", "y"), "agent"),
        ({"current": OWN}, {"model_routing_enabled": False}, "keep", Model(*OWN), "agent"),
        ({"current": OWN}, {"model_tiers": "odd"}, "keep", Model(*OWN), "agent"),
        ({}, {"default_tier": "none"}, "keep", None, "agent"),
        ({"current": OWN}, {"on_unreachable": "closed"}, "block", Model(*OWN), "config"),
    ],
)
def test_the_last_config_decides_then_the_agent(
    away: Fake,
    make_client: MakeClient,
    question: dict[str, Any],
    policy: dict[str, Any],
    action: str,
    model: Model | None,
    source: str,
) -> None:
    away.config |= policy
    with serving(away):
        make_client(away).config()
    # Another process, which finds only what the first one left on disk.
    decision = make_client(away).decide(**question)
    assert (decision.action, decision.model, decision.source) == (action, model, source)
    assert "Bursar cannot be reached" in decision.reason


def test_a_first_start_without_the_server_keeps_the_agents_model(away: Fake, make_client: MakeClient) -> None:
    decision = make_client(away).decide(current=OWN)
    assert (decision.action, decision.model, decision.source) == ("keep", Model(*OWN), "agent")


def test_a_slow_server_is_waited_for_once(fake: Fake, make_client: MakeClient) -> None:
    fake.next[DECISIONS] = [Answer(201, delay=1.0)]
    client = make_client(fake, decision_timeout=0.1)
    begin = time.monotonic()
    assert client.decide(current=OWN).source == "agent"
    assert 0.09 < time.monotonic() - begin < 0.5
    begin = time.monotonic()
    for _ in range(100):
        assert client.decide(current=OWN).source == "agent"
    assert time.monotonic() - begin < 0.1
    assert fake.paths() == [DECISIONS]


def test_the_config_is_asked_again_only_after_its_time(fake: Fake, make_client: MakeClient) -> None:
    fake.config["ttl_s"] = 0.05
    client = make_client(fake)
    first = client.config()
    assert first is not None
    assert (first.version, client.config()) == (12, first)
    time.sleep(0.06)
    assert client.config() is first
    fake.config["version"] = 13
    time.sleep(0.06)
    changed = client.config()
    assert changed is not None
    assert changed.version == 13
    assert fake.paths() == [CONFIG] * 3
    make_client(fake, project="support", agent="a b").config()
    assert fake.paths()[3] == f"{CONFIG}?project=support&agent=a+b"


def test_decisions_keep_a_config_at_hand(fake: Fake, make_client: MakeClient) -> None:
    client = make_client(fake)
    client.decide(**FIRST)
    wait_for_config(client)
    client.decide(**{**FIRST, "conversation_id": "43"})
    assert fake.paths().count(CONFIG) == 1


def test_budget_status(fake: Fake, make_client: MakeClient) -> None:
    fake.budgets = [{"name": "Support", "remaining_usd": "98.40"}]
    client = make_client(fake, project="support")
    assert client.budget_status(agent="a b", tags={"team": "x"}) == fake.budgets
    assert fake.paths() == ["/api/budgets/status?project=support&agent=a+b&tag%3Ateam=x"]
    fake.next["/api/budgets/status"] = [Answer(503)]
    assert client.budget_status() is None


def test_a_reservation_is_settled_by_its_records_and_freed_after_them(fake: Fake, make_client: MakeClient) -> None:
    client = make_client(fake)
    with client.reserve("0.05", conversation_id="42") as held:
        assert client.extend(held, 600)
        client.report(provider="p", model="m", input_tokens=1, output_tokens=1)
    client.report(provider="p", model="m", input_tokens=1, output_tokens=1)
    assert client.flush(5)
    inside, outside = fake.records
    assert (inside["reservation_id"], inside["reservation_final"]) == (held.id, False)
    assert "reservation_id" not in outside
    writes = [path for path in fake.paths() if path != "/api/usage"]
    assert writes == [
        "/api/reservations",
        f"/api/reservations/{held.id}/extend",
        f"/api/reservations/{held.id}/release",
    ]
    assert fake.paths().index(f"/api/reservations/{held.id}/release") > fake.paths().index("/api/usage")


def test_a_budget_refuses_before_the_block(fake: Fake, make_client: MakeClient) -> None:
    fake.next["/api/reservations"] = [Answer(402, {"detail": "Support is used up.", "limit_usd": "5.00"})]
    client = make_client(fake)
    with pytest.raises(BudgetRefused, match="used up") as refused, client.reserve("0.05"):
        pytest.fail("the block ran")
    assert refused.value.refusal["limit_usd"] == "5.00"
    with client.reserve("0.01") as held:  # a refusal is an answer: the server is not left alone for it
        assert held.is_held


def test_without_the_server_a_reservation_holds_nothing_unless_the_policy_waits(
    away: Fake, make_client: MakeClient
) -> None:
    client = make_client(away)
    with client.reserve("0.05") as held:
        assert not held.is_held
        assert not client.extend(held, 60)
    away.config["on_unreachable"] = "closed"
    with serving(away):
        make_client(away).config()
    with pytest.raises(BudgetRefused, match="wait for it"), make_client(away).reserve("0.05"):
        pytest.fail("the block ran")


def test_asyncio(fake: Fake, tmp_path: Path) -> None:
    fake.budgets = [{"name": "Support"}]

    async def work() -> tuple[Decision, Decision]:
        async with AsyncClient(fake.url, KEY, spool=tmp_path, **QUICK) as client:
            first = await client.decide(**FIRST)
            second = await client.decide(**FIRST)
            async with client.reserve("0.05") as held:
                client.report(provider="p", model="m", input_tokens=1, output_tokens=1)
                assert await client.extend(held, 60)
            assert await client.budget_status() == fake.budgets
            assert (await client.config()) is not None
            assert await client.flush(5)
            fake.next["/api/reservations"] = [Answer(402, {"detail": "used up"})]
            with pytest.raises(BudgetRefused):
                async with client.reserve("0.05"):
                    pytest.fail("the block ran")
            return first, second

    first, second = asyncio.run(work())
    assert (first.source, second.source) == ("server", "cache")
    assert fake.records[0]["reservation_id"]


def test_a_slow_server_does_not_hold_up_the_event_loop(fake: Fake, tmp_path: Path) -> None:
    fake.next[DECISIONS] = [Answer(201, delay=1.0)]

    async def work() -> tuple[Decision, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        async with AsyncClient(fake.url, KEY, spool=tmp_path, **{**QUICK, "decision_timeout": 0.2}) as client:
            ticking = asyncio.create_task(tick())
            decision = await client.decide(current=OWN)
            ticking.cancel()
        return decision, ticks

    decision, ticks = asyncio.run(work())
    assert decision.source == "agent"
    assert ticks > 5


def test_a_client_that_is_dropped_leaves_no_connection_open(fake: Fake, tmp_path: Path) -> None:
    client = Client(fake.url, KEY, spool=tmp_path, **QUICK)
    assert client.budget_status() == []
    [(_, connection)] = client._transport._idle
    with contextlib.closing(connection.sock) as link:
        assert link.fileno() >= 0
        del client
        deadline = time.monotonic() + 5
        while link.fileno() >= 0 and time.monotonic() < deadline:  # the thread that asked may still be ending
            gc.collect()
            time.sleep(0.01)
        assert link.fileno() == -1
