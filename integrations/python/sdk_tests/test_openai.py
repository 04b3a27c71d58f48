"""The metered OpenAI SDK does what the plain one does, and every call is reported with the provider's exact usage."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import openai
import pytest

from bursar_client import Client, about
from bursar_client.openai import meter, provider_of
from sdk_tests.conftest import Records
from sdk_tests.provider import WORDS, Provider

ASK: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi " * 40}]}
TOKENS = {"input_tokens": 1200, "output_tokens": 300, "cache_read_input_tokens": 800, "reasoning_output_tokens": 100}
CHAT = {"provider": "openai", "operation": "chat", "model": "gpt-4.1-2025-04-14", "response_id": "chatcmpl-1",
        "status": "ok", "attempt": 1, **TOKENS}  # fmt: skip
FAILED = {"provider": "openai", "operation": "chat", "model": "gpt-4.1", "input_tokens": 0, "output_tokens": 0}


@pytest.fixture
def client(provider: Provider, bursar: Client) -> openai.OpenAI:
    plain = openai.OpenAI(base_url=provider.url, api_key="x", max_retries=2)
    return meter(plain, bursar, provider="openai")


def only(records: Records, *also: str) -> dict[str, Any]:
    """The one record, without what differs from run to run."""
    (one,) = records
    return {name: value for name, value in one.items() if name not in ("request_id", *also)}


def test_it_works(client: openai.OpenAI, records: Records) -> None:
    with about(conversation_id="42", task_type="answer"):
        answer = client.chat.completions.create(**ASK)
    assert type(answer).__name__ == "ChatCompletion"
    assert answer.choices[0].message.content == "".join(WORDS)
    assert only(records) == CHAT | {"conversation_id": "42", "task_type": "answer"}


def test_embeddings(client: openai.OpenAI, records: Records) -> None:
    client.embeddings.create(model="text-embedding-3-small", input="x")
    assert only(records) == {"provider": "openai", "operation": "embeddings", "role": "embedding", "status": "ok",
                             "model": "text-embedding-3-small", "input_tokens": 8, "output_tokens": 0,
                             "attempt": 1}  # fmt: skip


def test_responses_whole_and_streamed(client: openai.OpenAI, records: Records) -> None:
    client.responses.create(model="gpt-4.1", input="Hi")
    events = list(client.responses.create(model="gpt-4.1", input="Hi", stream=True))
    assert [event.type for event in events][-1] == "response.completed"
    whole, streamed = records
    assert streamed.pop("time_to_first_token_ms") >= 0
    for record in (whole, streamed):
        record.pop("request_id")
        assert record == CHAT | {"model": "gpt-4.1", "response_id": "resp-1"}


RESPONSE = CHAT | {"model": "gpt-4.1", "response_id": "resp-1"}


def test_responses_that_are_left_break_or_fail(client: openai.OpenAI, provider: Provider, records: Records) -> None:
    ask: dict[str, Any] = {"model": "gpt-4.1", "input": "Hi " * 40}
    with client.responses.create(**ask, stream=True) as left:
        next(event for event in left if event.type.endswith(".delta"))
    del left
    gc.collect()
    provider.next = ["cut"]
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the HTTP library makes of it
        list(client.responses.create(**ask, stream=True))
    provider.next = ["failed", "failed", 400]
    assert client.responses.create(**ask).status == "failed"
    list(client.responses.create(**ask, stream=True))
    with pytest.raises(openai.BadRequestError):
        client.responses.create(**ask)
    told = [(one["status"], one.get("error_type"), one.get("usage_source")) for one in records]
    assert told[0] == ("interrupted", None, "estimate")
    assert told[1][0::2] == ("error", "estimate")
    assert told[2] == ("error", "server_error", None)
    assert told[3] == ("error", "server_error", "estimate")
    assert told[4] == ("error", "context_length", None)
    assert records[0]["output_tokens"] == 2
    assert 30 < records[0]["input_tokens"] < 60


def test_the_helper_for_streams_of_responses(client: openai.OpenAI, records: Records) -> None:
    with client.responses.stream(model="gpt-4.1", input="Hi") as stream:
        assert stream.get_final_response().output_text == "".join(WORDS)
    assert only(records, "time_to_first_token_ms") == RESPONSE


def test_responses_in_asyncio(provider: Provider, bursar: Client, records: Records) -> None:
    async def work() -> None:
        client = meter(openai.AsyncOpenAI(base_url=provider.url, api_key="x"), bursar, provider="openai")
        provider.next = [500]
        with about(conversation_id="42"):
            await client.responses.create(model="gpt-4.1", input="Hi")
        events = await client.responses.create(model="gpt-4.1", input="Hi", stream=True)
        assert [event.type async for event in events][-1] == "response.completed"
        async with client.responses.stream(model="gpt-4.1", input="Hi") as stream:
            assert (await stream.get_final_response()).output_text == "".join(WORDS)
        await client.close()

    asyncio.run(work())
    for record in records:
        record.pop("request_id")
        record.pop("time_to_first_token_ms", None)
    talk = {"conversation_id": "42"}
    assert records == [
        FAILED | talk | {"status": "error", "error_type": "500", "attempt": 1},
        RESPONSE | talk | {"attempt": 2},
        RESPONSE,
        RESPONSE,
    ]


def test_a_stream_shows_what_it_would_without_the_meter(
    client: openai.OpenAI, provider: Provider, records: Records
) -> None:
    plain = openai.OpenAI(base_url=provider.url, api_key="x")
    expected = [chunk.to_dict() for chunk in plain.chat.completions.create(**ASK, stream=True)]
    stream = client.chat.completions.create(**ASK, stream=True)
    assert type(stream) is openai.Stream
    found = [{name: value for name, value in chunk.to_dict().items() if name != "usage"} for chunk in stream]
    assert found == expected
    assert provider.asked[-1][1]["stream_options"] == {"include_usage": True}
    assert only(records, "time_to_first_token_ms") == CHAT


def test_a_stream_that_asks_for_usage_itself_gets_it(client: openai.OpenAI, records: Records) -> None:
    stream = client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
    *_, last = stream
    assert last.usage is not None
    assert last.usage.prompt_tokens == 1200
    assert only(records, "time_to_first_token_ms") == CHAT


def test_a_server_that_is_not_asked_for_usage_is_estimated(
    provider: Provider, bursar: Client, records: Records
) -> None:
    plain = openai.OpenAI(base_url=provider.url, api_key="x")
    for _ in meter(plain, bursar, provider="openai", include_usage=False).chat.completions.create(**ASK, stream=True):
        pass
    assert "stream_options" not in provider.asked[0][1]
    record = only(records, "time_to_first_token_ms", "input_tokens")
    assert record == {"provider": "openai", "operation": "chat", "model": "gpt-4.1-2025-04-14", "status": "ok",
                      "response_id": "chatcmpl-1", "output_tokens": 3, "usage_source": "estimate",
                      "attempt": 1}  # fmt: skip
    assert 30 < records[0]["input_tokens"] < 60


@pytest.mark.parametrize("how", ["break", "close"])
def test_a_stream_that_is_left_is_interrupted(client: openai.OpenAI, records: Records, how: str) -> None:
    stream = client.chat.completions.create(**ASK, stream=True)
    next(stream)
    if how == "close":
        stream.close()
    del stream
    gc.collect()
    assert (records[0]["status"], records[0]["usage_source"]) == ("interrupted", "estimate")


def test_a_stream_that_breaks_raises_as_before(client: openai.OpenAI, provider: Provider, records: Records) -> None:
    provider.next = ["cut"]
    with pytest.raises(Exception, match="incomplete|peer|closed|Connection") as raised:
        list(client.chat.completions.create(**ASK, stream=True))
    assert (records[0]["status"], records[0]["usage_source"]) == ("error", "estimate")
    assert records[0]["error_type"] == type(raised.value).__name__


def test_the_stream_helper(client: openai.OpenAI, records: Records) -> None:
    with client.chat.completions.stream(**ASK) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "".join(WORDS)
    assert only(records, "time_to_first_token_ms") == CHAT


def test_every_try_is_reported(client: openai.OpenAI, provider: Provider, records: Records) -> None:
    provider.next = [429, 503]
    client.chat.completions.create(**ASK)
    assert len({record.pop("request_id") for record in records}) == 1
    assert records == [
        FAILED | {"status": "error", "error_type": "429", "attempt": 1},
        FAILED | {"status": "error", "error_type": "503", "attempt": 2},
        CHAT | {"attempt": 3},
    ]


def test_errors_are_raised_as_before(client: openai.OpenAI, provider: Provider, records: Records) -> None:
    provider.next = [400]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**ASK)
    provider.next = [401]
    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(**ASK)
    provider.next = ["hang"]
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.1, max_retries=0).chat.completions.create(**ASK)
    for record in records:
        record.pop("request_id")
    error = FAILED | {"status": "error", "attempt": 1}
    assert records == [
        error | {"error_type": "context_length"},
        error | {"error_type": "401"},
        error | {"error_type": "timeout", "usage_source": "estimate"},
    ]


def test_raw_responses(client: openai.OpenAI, records: Records) -> None:
    raw = client.chat.completions.with_raw_response.create(**ASK)
    assert raw.status_code == 200
    assert raw.parse().id == "chatcmpl-1"
    assert only(records) == CHAT


def test_metering_twice_is_metering_once(client: openai.OpenAI, bursar: Client, records: Records) -> None:
    meter(client, bursar).chat.completions.create(**ASK)
    assert len(records) == 1


def test_a_broken_meter_breaks_nothing(client: openai.OpenAI, bursar: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bursar, "report", lambda **_: 1 / 0)
    assert client.chat.completions.create(**ASK).id == "chatcmpl-1"
    assert len(list(client.chat.completions.create(**ASK, stream=True))) == 4


def test_asyncio(provider: Provider, bursar: Client, records: Records) -> None:
    async def work() -> None:
        client = meter(openai.AsyncOpenAI(base_url=provider.url, api_key="x"), bursar, provider="openai")
        provider.next = [500]
        with about(conversation_id="42"):
            await client.chat.completions.create(**ASK)
        stream = await client.chat.completions.create(**ASK, stream=True)
        assert [chunk async for chunk in stream][-1].choices[0].finish_reason == "stop"
        provider.next = ["hang"]
        hanging = asyncio.create_task(client.chat.completions.create(**ASK))
        await asyncio.sleep(0.2)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        await client.close()

    asyncio.run(work())
    told = [(one["status"], one["attempt"], one["input_tokens"], one.get("conversation_id")) for one in records]
    assert told == [("error", 1, 0, "42"), ("ok", 2, 1200, "42"), ("ok", 1, 1200, None), ("cancelled", 1, 0, None)]


def test_who_bills_follows_from_the_address() -> None:
    addresses = {
        "https://api.openai.com/v1": "openai",
        "https://openrouter.ai/api/v1": "openrouter",
        "https://x.openai.azure.com/openai/v1/": "azure",
        "http://localhost:8000/v1": "localhost",
    }
    for url, provider in addresses.items():
        assert provider_of(openai.OpenAI(base_url=url, api_key="x")) == provider
    azure = openai.AzureOpenAI(azure_endpoint="https://x.openai.azure.com", api_version="1", api_key="x")
    assert provider_of(azure) == "azure"
