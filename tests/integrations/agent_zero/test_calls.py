"""The plugin's metered calls, on a model that plays a script: what the agent gets, and what Bursar is told."""

import asyncio
import time
import types
from typing import Any

import pytest

from tests.integrations.agent_zero.stage import (
    FakeAgent,
    HandledException,
    InterventionException,
    ProviderError,
    Stage,
    stage,
    stops_at_a_whole_object,
)

__all__ = ["stage"]
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 7},
    "cost": 0.00042,
}


def decision(action: str = "route", model: str | None = "gpt-4.1-mini", **fields: Any) -> Any:
    named = types.SimpleNamespace(provider="openai", name=model) if model else None
    values = {"id": "d1", "fallbacks": (), "reason": "Cheapest.", **fields}
    return types.SimpleNamespace(action=action, model=named, **values)


def fallback(name: str) -> Any:
    return types.SimpleNamespace(provider="openai", name=name)


def entry(**fields: Any) -> dict[str, Any]:
    one = {"provider": "openai", "name": "gpt-4.1-mini", "context_window": 1_000_000, "supports": ["tools"], **fields}
    return {"model_tiers": {"simple": {"models": [one]}}}


def test_the_counts_are_the_providers_although_the_agent_leaves_the_stream_early(stage: Stage) -> None:
    stage.script |= {"chunks": ['{"tool', '":1}', "\n"], "usage": USAGE}

    assert stage.call(response_callback=stops_at_a_whole_object) == ('{"tool":1}', "")

    [record] = stage.told()
    assert {name: record.get(name) for name in ("input_tokens", "output_tokens", "cache_read_input_tokens")} == {
        "input_tokens": 120,
        "output_tokens": 30,
        "cache_read_input_tokens": 100,
    }
    assert (record["reasoning_output_tokens"], record["cost_usd"]) == (7, "0.000420000000000")
    assert (record["status"], record["provider"], record["model"]) == ("ok", "openai", "gpt-4.1")
    assert (record["agent"], record["role"], record["conversation_id"]) == ("agent-zero", "chat", "chat0001")
    assert "usage_source" not in record
    assert record["time_to_first_token_ms"] <= record["latency_ms"]


def test_the_counts_of_a_whole_answer_are_read_off_it(stage: Stage) -> None:
    async def complete(**_: Any) -> Any:
        return types.SimpleNamespace(usage=USAGE)

    models: Any = types.SimpleNamespace(acompletion=complete)
    stage.module("tap").hear_answers(models)
    stage.module("tap").hear_answers(models)  # once is enough
    assert models.acompletion.__wrapped__ is complete

    async def asked(self: Any, **kwargs: Any) -> tuple[str, str]:
        await models.acompletion(metadata=kwargs["metadata"])
        return "hello", ""

    stage.model.unified_call = types.MethodType(asked, stage.model)  # type: ignore[method-assign]
    stage.call()

    assert stage.told()[0]["input_tokens"] == USAGE["prompt_tokens"]


def test_a_model_that_babbles_is_cut_and_estimated(stage: Stage) -> None:
    stage.script |= {"chunks": ["{a}", *["blah "] * 100], "usage": USAGE}

    assert stage.call(response_callback=stops_at_a_whole_object) == ("{a}", "")

    [record] = stage.told()
    assert record["usage_source"] == "estimate"
    assert (record["input_tokens"], record["output_tokens"]) == (2, 1)


def test_a_stream_that_does_not_end_is_not_waited_for(stage: Stage) -> None:
    stage.config["drain_seconds"] = 0.05
    stage.script |= {"chunks": ["{a}"], "stall": 30}
    began = time.monotonic()

    assert stage.call(response_callback=stops_at_a_whole_object) == ("{a}", "")

    assert time.monotonic() - began < 5
    assert stage.told()[0]["usage_source"] == "estimate"


def test_without_counts_an_estimate_is_told_never_nothing(stage: Stage) -> None:
    assert stage.call() == ("hello", "")

    [record] = stage.told()
    assert (record["usage_source"], record["input_tokens"], record["output_tokens"]) == ("estimate", 2, 1)


def test_a_failed_model_is_followed_by_the_next_and_both_are_told(stage: Stage) -> None:
    stage.script |= {"gpt-4.1": {"errors": [ProviderError(429)]}, "backup": {"usage": USAGE}}
    stage.client.decision = decision("keep", "gpt-4.1", fallbacks=(fallback("backup"),))

    assert stage.call() == ("hello", "")

    first, second = stage.told(2)
    assert (first["status"], first["error_type"], first["model"], first["attempt"]) == ("error", "429", "gpt-4.1", 1)
    assert (second["status"], second["model"], second["attempt"]) == ("ok", "backup", 2)
    assert first["request_id"] == second["request_id"]
    assert first["id"] != second["id"]
    assert [line[1] for line in stage.agent.lines] == ["Bursar: openai/gpt-4.1 failed (429), openai/backup goes on."]
    stage.call()
    assert stage.client.questions[-1]["failed_attempts"] == [
        {"provider": "openai", "name": "gpt-4.1", "error_type": "429"}
    ]


HELD = {"id": "r1", "amount_usd": "0.01"}


def test_what_is_held_is_settled_by_the_last_attempt(stage: Stage) -> None:
    stage.script |= {"gpt-4.1": {"errors": [ProviderError(429)]}, "backup": {"usage": USAGE}}
    stage.client.decision = decision("keep", "gpt-4.1", fallbacks=(fallback("backup"),), reservation=HELD)

    stage.call()

    settling = [(record["reservation_id"], record["reservation_final"]) for record in stage.told(2)]
    assert settling == [("r1", False), ("r1", True)]
    [question] = stage.client.questions
    assert (question["reserve"], question["reserve_ttl_s"]) == (True, 900)
    assert stage.client.released == []


def test_what_is_held_is_given_back_by_a_call_that_is_not_made(stage: Stage) -> None:
    stage.config |= {"attempt_pause_seconds": 30}
    stage.script |= {"errors": [ProviderError(429)]}
    stage.client.decision = decision("keep", "gpt-4.1", reservation=HELD)

    async def stopped() -> None:
        model = await stage.metered()
        task = asyncio.create_task(model.unified_call())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    [record] = stage.told()
    assert (record["reservation_id"], record["reservation_final"]) == ("r1", False)
    assert stage.client.released == ["r1"]


def test_nothing_is_held_where_the_settings_say_so(stage: Stage) -> None:
    stage.config |= {"hold_seconds": 0}
    stage.call()
    assert "reserve" not in stage.client.questions[0]
    assert "reservation_id" not in stage.told()[0]


def test_a_lone_model_is_tried_three_times_not_eighteen(stage: Stage) -> None:
    stage.script["errors"] = [ProviderError(429) for _ in range(20)]

    with pytest.raises(ProviderError):
        stage.call()

    assert [record["attempt"] for record in stage.told(3)] == [1, 2, 3]
    assert all((call["a0_retry_attempts"], call["max_retries"]) == (0, 0) for call in stage.model.seen)


def test_what_the_user_did_is_no_error_of_a_model(stage: Stage) -> None:
    stage.client.decision = decision("keep", "gpt-4.1", fallbacks=(fallback("backup"),))

    async def intervene(chunk: str, full: str) -> None:
        raise InterventionException("Stop that.")

    with pytest.raises(InterventionException):
        stage.call(response_callback=intervene)

    [record] = stage.told()
    assert record["status"] == "interrupted"
    assert stage.made == []


def test_a_stopped_chat_is_told_as_cancelled(stage: Stage) -> None:
    stage.script |= {"chunks": ["a", "b"], "pause": 10}

    async def stopped() -> None:
        model = await stage.metered()
        task = asyncio.create_task(model.unified_call())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    assert stage.told()[0]["status"] == "cancelled"


def test_the_decisions_model_takes_the_call_and_nothing_of_the_old_one_goes_with_it(stage: Stage) -> None:
    stage.client.decision = decision()
    stage.client.policy = entry(limit_requests=60, key_pool=["openai-a"], parameters={"temperature": 0})

    stage.call()

    [made] = stage.made
    conf = made.a0_model_conf
    assert (conf.name, conf.api_base, conf.api_key, conf.limit_requests) == ("gpt-4.1-mini", "", "", 60)
    assert (conf.ctx_length, conf.kwargs) == (100_000, {"temperature": 0})
    assert stage.told()[0]["decision_id"] == "d1"
    assert stage.told()[0]["model"] == "gpt-4.1-mini"
    [(kind, heading, text)] = stage.agent.lines
    assert (kind, heading) == ("info", "Bursar: openai/gpt-4.1-mini takes over. Cheapest.")
    assert "Cheapest." in text
    assert "undo" in text


@pytest.mark.parametrize(
    ("model", "fields"), [({"context_window": 50_000}, {}), ({"supports": ["tools"]}, {"vision": True})]
)
def test_a_model_with_less_window_or_without_eyes_is_refused(
    stage: Stage, model: dict[str, Any], fields: dict[str, Any]
) -> None:
    for name, value in fields.items():
        setattr(stage.model.a0_model_conf, name, value)
    stage.client.decision = decision()
    stage.client.policy = entry(**model)

    stage.call()

    assert stage.made == []
    assert stage.told()[0]["model"] == "gpt-4.1"


def test_a_used_up_budget_ends_the_turn_without_a_retry(stage: Stage) -> None:
    stage.client.decision = decision("block", None, reason="Support has spent $5.00 of $5.00; it resets on Monday.")

    with pytest.raises(HandledException):
        stage.call()

    assert stage.agent.lines == [
        ("error", "Bursar: the budget is used up", "Support has spent $5.00 of $5.00; it resets on Monday.")
    ]
    assert stage.model.seen == []


def test_budgets_go_on_where_routing_is_switched_off(stage: Stage) -> None:
    off = {"reason_code": "routing_disabled", "reason": "Routing is switched off here. Support is used up."}
    stage.client.decision = decision("keep", None, **off, budget={"name": "Support", "action": "block"})
    with pytest.raises(HandledException):
        stage.call()
    assert stage.agent.lines == [("error", "Bursar: the budget is used up", off["reason"])]
    stage.client.decision = decision("keep", None, **off, budget={"name": "Support", "action": "notify"})
    assert stage.call() == ("hello", "")


def test_a_budget_that_begins_to_hold_calls_up_is_heeded_by_the_next_one(stage: Stage) -> None:
    remembered = stage.client._decider._remembered
    mine = {"id": "1", "each": {"field": "conversation", "value": "chat0001"}, "action": "none"}
    seen = []
    for action in ("none", "none", "downgrade", "downgrade", "block", "none"):
        remembered["question"] = "answer"
        stage.client.budgets = [{**mine, "action": action}]
        stage.call()
        seen.append(len(remembered))

    assert seen == [1, 1, 0, 1, 0, 0]


@pytest.mark.parametrize("failure", [RuntimeError("away"), TimeoutError()])
def test_without_bursar_the_agent_goes_on(stage: Stage, failure: Exception) -> None:
    stage.client.decision = failure

    assert stage.call() == ("hello", "")
    assert stage.made == []


def test_without_an_address_nothing_is_touched(stage: Stage) -> None:
    stage.config["base_url"] = ""

    assert asyncio.run(stage.metered()) is stage.model


def test_a_subordinate_reports_under_its_own_name_and_the_chats_task(stage: Stage) -> None:
    turns = stage.module("turns")
    turns.begin(stage.agent)
    subordinate = FakeAgent(number=1)
    subordinate.context = stage.agent.context
    turns.begin(subordinate)
    task = turns.task_of(stage.agent)
    stage.agent = subordinate

    stage.call()
    turns.end(subordinate, success=True)

    [record] = stage.told()
    assert (record["agent"], record["task_id"]) == ("agent-zero/A1", task)
    assert stage.client.outcomes == []


def test_a_turn_tells_how_it_went(stage: Stage) -> None:
    turns = stage.module("turns")
    turns.begin(stage.agent)
    turns.end(stage.agent, success=True)
    turns.judge(turns.task_of(stage.agent), False, stage.module("options").read_options(stage.config))

    task = turns.task_of(stage.agent)
    assert stage.client.outcomes == [
        {"task_id": task, "success": True, "source": "agent"},
        {"task_id": task, "success": False, "source": "user"},
    ]


def test_tools_are_told_with_their_time_and_a_raising_one_as_failed(stage: Stage) -> None:
    executions = stage.module("executions")
    executions.begin(stage.agent, "search")
    executions.begin(stage.agent, "code")
    executions.end(stage.agent, "code")

    failed, done = stage.told(2)
    assert (failed["tool"], failed["status"], failed["operation"]) == ("search", "error", "execute_tool")
    assert (done["tool"], done["status"]) == ("code", "ok")
    assert done["latency_ms"] >= 0


def test_a_call_that_nobody_metered_is_told_by_the_tap(stage: Stage) -> None:
    tap = stage.module("tap")
    from datetime import UTC, datetime, timedelta

    began = datetime(2026, 11, 25, tzinfo=UTC)
    told = tap.stranger(
        {"call_type": "aembedding", "model": "text-embedding-3-small", "custom_llm_provider": "openai"},
        types.SimpleNamespace(usage={"prompt_tokens": 9}),
        began,
        began + timedelta(seconds=1.5),
        agent="agent-zero",
    )

    assert (told["operation"], told["role"], told["provider"]) == ("embeddings", "embedding", "openai")
    assert (told["input_tokens"], told["output_tokens"], told["latency_ms"]) == (9, 0, 1500)
    assert not tap.heard({}, None)
