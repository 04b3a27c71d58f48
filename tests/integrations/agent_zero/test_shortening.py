"""Shorter prompts: asked for by the policy's settings, kept in the same words, and never in the way of a call."""

import dataclasses
import json
import sys
import types
from typing import Any

import pytest

from tests.integrations.agent_zero.stage import Stage, stage, stub

__all__ = ["stage"]
RESULT = json.dumps({"tool_name": "list", "tool_result": "the same long list of flights " * 10})
CALL = json.dumps({"thoughts": ["."], "tool_name": "list", "tool_args": {"day": "2026-11-25"}})


@dataclasses.dataclass
class Message:
    """As LangChain's, as far as it is used."""

    type: str
    content: Any


class Compressions:
    """Bursar's answers: the tool results in the questions become `short`, or what `answer` says."""

    def __init__(self, **answer: Any) -> None:
        self.answer, self.bodies = answer, list[dict[str, Any]]()

    def ask(self, method: str, path: str, *, body: dict[str, Any], seconds: float) -> Any:
        assert (method, path) == ("POST", "/api/routing/compressions")
        self.bodies.append(body)
        if self.answer.get("error"):
            raise TimeoutError
        messages = [{**one, "content": "short"} if one["role"] == "tool" else one for one in body["messages"]]
        told = {"id": "c1", "messages": messages, "tokens_after": 20, "worth_it": True, **self.answer}
        return types.SimpleNamespace(status=self.answer.get("status", 200), json=lambda: told)


def policy(usd: str = "30", **context: Any) -> dict[str, Any]:
    entry = {"provider": "openai", "name": "gpt-4.1", "context_window": 100_000, "input_usd_per_mtok": usd}
    return {
        "model_tiers": {"standard": {"models": [entry]}},
        "context": {"chat_model_ctx_history": 0.7, **context},
        "compression": {"min_cost_per_1k_tokens": "0.005", "target_reduction": 0.3, "keep_recent": 5},
    }


def history(turns: int = 2) -> list[Message]:
    return [
        Message("system", "Be kind."),
        *[Message("human", "Find it."), Message("ai", CALL), Message("human", RESULT)] * turns,
    ]


def ready(stage: Stage, **answer: Any) -> Compressions:
    stage.config["compress"] = True
    stage.client.policy = policy()
    transport = Compressions(**answer)
    stage.client.__dict__["_transport"] = transport
    return transport


def call(stage: Stage, messages: list[Message]) -> list[Any]:
    """What the model was sent."""
    import asyncio

    data = {"model": stage.model, "messages": messages}

    async def made() -> None:
        await stage.module("routing").meter(stage.agent, data, "chat")
        await data["model"].unified_call(messages=data["messages"])  # type: ignore[attr-defined]

    asyncio.run(made())
    return [one.content for one in stage.model.seen[-1]["messages"]]


def test_tool_results_become_shorter_and_the_call_is_marked(stage: Stage) -> None:
    transport = ready(stage)
    messages = history()

    sent = call(stage, messages)

    assert [json.loads(text)["tool_result"] for text in (sent[3], sent[6])] == ["short", "short"]
    assert [sent[place] for place in (0, 1, 2)] == ["Be kind.", "Find it.", CALL]
    assert messages[3].content == RESULT  # the history is Agent Zero's own
    [record] = stage.told()
    assert (record["compressed"], record["compression_id"]) == (True, "c1")
    [body] = transport.bodies
    assert [one["role"] for one in body["messages"]] == ["system", *["user", "assistant", "tool"] * 2]
    assert body["messages"][2]["tool_calls"][0]["function"] == {"name": "list", "arguments": '{"day": "2026-11-25"}'}
    assert "target_tokens" not in body  # the policy's target_reduction and keep_recent hold


def test_the_next_calls_are_the_same_words_without_a_question_until_the_prompt_has_grown(stage: Stage) -> None:
    transport = ready(stage)
    first = call(stage, history())

    again = call(stage, [*history(), Message("human", "And now?")])

    assert again[: len(first)] == first
    assert len(transport.bodies) == 1
    call(stage, [*history(), Message("human", "long " * 200)])
    assert [body.get("builds_on") for body in transport.bodies] == [None, "c1"]
    # Agent Zero has put its history together itself: what the earlier step took out is not there to be saved.
    call(stage, [Message("human", "longer " * 400)])
    assert [body.get("builds_on") for body in transport.bodies[2:]] == [None]


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, 1),
        ({"compress": False}, 0),
        ({"policy": policy("2")}, 0),  # $0.002 for 1,000 tokens is little
        ({"policy": policy("2", chat_model_ctx_history=0.0005)}, 1),  # but the history fills its share
        ({"policy": {}}, 0),
    ],
)
def test_the_settings_of_the_policy_say_when(stage: Stage, change: dict[str, Any], asked: int) -> None:
    transport = ready(stage)
    stage.client.policy = change.get("policy", stage.client.policy)
    stage.config["compress"] = change.get("compress", True)

    call(stage, history())

    assert len(transport.bodies) == asked


def test_agent_zeros_own_compression_takes_the_shares_of_the_policy(stage: Stage) -> None:
    ready(stage)
    stub("helpers.history", CURRENT_TOPIC_RATIO=0.5, HISTORY_TOPIC_RATIO=0.3, HISTORY_BULK_RATIO=0.2)
    stage.client.policy = policy(history_split={"current": 0.4, "topics": 0.3, "bulks": 0.3})

    call(stage, history())

    own = sys.modules["helpers.history"]
    assert (own.CURRENT_TOPIC_RATIO, own.HISTORY_TOPIC_RATIO, own.HISTORY_BULK_RATIO) == (0.4, 0.3, 0.3)


@pytest.mark.parametrize(
    "answer", [{"error": True}, {"status": 503}, {"worth_it": False}, {"messages": []}, {"id": None}]
)
def test_whatever_is_wrong_the_prompt_goes_as_it_is(stage: Stage, answer: dict[str, Any]) -> None:
    ready(stage, **answer)

    sent = call(stage, history())

    assert answer == {"id": None} or (sent[3] == RESULT and "compressed" not in stage.told()[0])
    assert stage.told()[0]["status"] == "ok"


def test_images_stay_and_are_not_sent_to_bursar(stage: Stage) -> None:
    transport = ready(stage)
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    stage.model.a0_model_conf.vision = True

    sent = call(stage, [*history(), Message("human", picture)])

    assert sent[-1] == picture
    [body] = transport.bodies
    assert (body["keep"], body["messages"][7]["content"]) == ([7], "")


def test_what_the_provider_has_in_its_cache_is_told(stage: Stage) -> None:
    transport = ready(stage)
    stage.script["usage"] = {"prompt_tokens": 900, "prompt_tokens_details": {"cached_tokens": 800}}
    stage.client.policy = policy("2")
    call(stage, history())
    stage.told()
    stage.client.policy = policy()

    call(stage, history())

    assert transport.bodies[0]["cached_tokens"] == 900
