"""Every call through LiteLLM is reported once: whole, streamed, left, failed, fallen back, sync and async."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
import pytest  # noqa: E402

from bursar_client import Client, about  # noqa: E402
from bursar_client.litellm import BursarLogger  # noqa: E402
from sdk_tests.conftest import Records  # noqa: E402
from sdk_tests.provider import Provider  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
MESSAGES = [{"role": "user", "content": "Hi " * 40}]
CHAT = {"provider": "openai", "operation": "chat", "model": "gpt-4.1-2025-04-14", "status": "ok", "attempt": 1,
        "response_id": "chatcmpl-1", "input_tokens": 1200, "output_tokens": 300, "cache_read_input_tokens": 800,
        "reasoning_output_tokens": 100}  # fmt: skip
SMALL = {"provider": "openai", "operation": "chat", "model": "gpt-4.1", "input_tokens": 0, "output_tokens": 0}


# LiteLLM keeps what was ever a callback, so there is one, which is told anew for whom it works.
LOGGER = BursarLogger(Client())
litellm.callbacks.append(LOGGER)
litellm.suppress_debug_info = True


@pytest.fixture
def ask(provider: Provider, bursar: Client) -> dict[str, Any]:
    """The arguments of a call; LiteLLM reports to `bursar`."""
    LOGGER._bursar = bursar
    return {"model": "openai/gpt-4.1", "messages": MESSAGES, "api_base": provider.url, "api_key": "x", "max_retries": 0}


def told(records: Records, count: int = 1) -> Records:
    """So many records, once LiteLLM's background has told of them, without what differs from run to run."""
    deadline = time.monotonic() + 5
    while len(records) < count and time.monotonic() < deadline:
        time.sleep(0.05)
        gc.collect()  # LiteLLM's threads hold a call for a moment after its stream was left
    time.sleep(0.1)  # a second report of the same call would come now
    for record in records:
        record.pop("request_id")
        record.pop("time_to_first_token_ms", None)
    return records


def test_it_works(ask: Any, records: Records) -> None:
    with about(task_type="answer"):
        litellm.completion(**ask, user="alice", metadata={"session_id": "42", "bursar": {"tags": {"team": "x"}}})
    assert told(records) == [
        CHAT | {"task_type": "answer", "user": "alice", "conversation_id": "42", "tags": {"team": "x"}}
    ]


def test_streams_with_the_providers_usage(ask: Any, records: Records) -> None:
    for _ in litellm.completion(**ask, stream=True, stream_options={"include_usage": True}):
        pass
    assert told(records) == [CHAT | {"model": "gpt-4.1"}]


def test_a_stream_without_usage_is_marked_as_an_estimate(ask: Any, records: Records) -> None:
    for _ in litellm.completion(**ask, stream=True):
        pass
    (record,) = told(records)
    assert (record["status"], record["usage_source"], record["output_tokens"]) == ("ok", "estimate", 3)
    assert 30 < record["input_tokens"] < 60


def test_a_stream_that_is_left_is_not_lost(ask: Any, records: Records) -> None:
    stream = litellm.completion(**ask, stream=True)
    next(iter(stream))
    del stream
    (record,) = told(records)
    assert (record["status"], record["usage_source"]) == ("interrupted", "estimate")
    assert 30 < record["input_tokens"] < 60


def test_embeddings(ask: Any, records: Records) -> None:
    ask.pop("messages")
    litellm.embedding(**{**ask, "model": "openai/text-embedding-3-small"}, input=["x"])
    assert told(records) == [{"provider": "openai", "operation": "embeddings", "role": "embedding", "status": "ok",
                              "model": "text-embedding-3-small", "input_tokens": 8, "output_tokens": 0,
                              "attempt": 1}]  # fmt: skip


def test_anthropic_with_cache_writes(ask: Any, records: Records) -> None:
    litellm.completion(**{**ask, "model": "anthropic/claude-haiku-4-5"})
    (record,) = told(records)
    record.pop("response_id")
    assert record == {"provider": "anthropic", "operation": "chat", "model": "claude-haiku-4-5", "status": "ok",
                      "attempt": 1, "input_tokens": 1200, "output_tokens": 300, "cache_read_input_tokens": 800,
                      "cache_creation_input_tokens": 200, "cache_creation_1h_input_tokens": 50}  # fmt: skip


def test_responses(ask: Any, records: Records) -> None:
    ask.pop("messages")
    litellm.responses(**ask, input="Hi")
    list(litellm.responses(**ask, input="Hi", stream=True))
    for record in told(records, 2):
        record.pop("response_id")
        assert record == {name: value for name, value in CHAT.items() if name != "response_id"} | {"model": "gpt-4.1"}
    assert len(records) == 2


def test_responses_in_asyncio(ask: Any, provider: Provider, records: Records) -> None:
    ask.pop("messages")

    async def work() -> None:
        with about(conversation_id="42"):
            await litellm.aresponses(**ask, input="Hi")
        async for _ in await litellm.aresponses(**ask, input="Hi", stream=True):
            pass
        provider.next = [429]
        with pytest.raises(litellm.RateLimitError):
            await litellm.aresponses(**ask, input="Hi")
        await asyncio.sleep(0.5)

    asyncio.run(work())
    found = [(one["status"], one.get("error_type"), one["input_tokens"]) for one in told(records, 3)]
    assert found == [("ok", None, 1200), ("ok", None, 1200), ("error", "429", 0)]
    assert [one.get("conversation_id") for one in records] == ["42", None, None]


def test_responses_of_a_provider_without_them(ask: Any, provider: Provider, records: Records) -> None:
    ask.pop("messages")
    litellm.responses(**{**ask, "model": "anthropic/claude-haiku-4-5"}, input="Hi")
    (record,) = told(records)
    assert provider.paths() == ["/v1/messages"]
    assert (record["provider"], record["model"], record["status"]) == ("anthropic", "claude-haiku-4-5", "ok")
    assert (record["input_tokens"], record["output_tokens"]) == (1200, 300)


def test_errors(ask: Any, provider: Provider, records: Records) -> None:
    provider.next = [429]
    with pytest.raises(litellm.RateLimitError):
        litellm.completion(**ask)
    assert told(records) == [SMALL | {"status": "error", "error_type": "429", "attempt": 1}]


def test_a_stream_that_breaks(ask: Any, provider: Provider, records: Records) -> None:
    provider.next = ["cut"]
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever LiteLLM makes of it
        list(litellm.completion(**ask, stream=True))
    (record,) = told(records)
    assert (record["status"], record["attempt"]) == ("error", 1)


def test_a_fallback_is_the_next_attempt(ask: Any, provider: Provider, records: Records) -> None:
    async def work() -> None:
        provider.next = [500]
        await litellm.acompletion(**ask, fallbacks=["openai/gpt-4.1-mini"])
        await asyncio.sleep(0.5)

    asyncio.run(work())
    first, second = told(records, 2)
    assert first == SMALL | {"status": "error", "error_type": "500", "attempt": 1}
    assert second == CHAT | {"model": "gpt-4.1-mini-2025-04-14", "attempt": 2}


def test_asyncio(ask: Any, provider: Provider, records: Records) -> None:
    async def work() -> None:
        with about(conversation_id="42"):
            await litellm.acompletion(**ask)
        async for _ in await litellm.acompletion(**ask, stream=True, stream_options={"include_usage": True}):
            pass
        provider.next = [503]
        with pytest.raises(litellm.ServiceUnavailableError):
            await litellm.acompletion(**ask)
        async for _ in await litellm.acompletion(**ask, stream=True):
            break
        await asyncio.sleep(0.5)

    asyncio.run(work())
    found = [(one["status"], one["input_tokens"] == 1200, one.get("conversation_id", "")) for one in told(records, 4)]
    assert sorted(found) == [("error", False, ""), ("interrupted", False, ""), ("ok", True, ""), ("ok", True, "42")]


def test_a_callback_that_breaks_breaks_nothing(ask: Any, bursar: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bursar, "report", lambda **_: 1 / 0)
    assert litellm.completion(**ask).choices[0].message.content == "Hello there."
