"""The metered Anthropic SDK does what the plain one does; input is reported with its cached part."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from bursar_client import Client
from bursar_client.anthropic import meter
from sdk_tests.conftest import Records
from sdk_tests.provider import WORDS, Provider

ASK: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Hi " * 40}],
}
MESSAGE = {"provider": "anthropic", "operation": "chat", "model": "claude-haiku-4-5", "response_id": "msg-1",
           "status": "ok", "attempt": 1, "input_tokens": 1200, "output_tokens": 300, "cache_read_input_tokens": 800,
           "cache_creation_input_tokens": 200, "cache_creation_1h_input_tokens": 50,
           "service_tier": "priority"}  # fmt: skip


@pytest.fixture
def client(provider: Provider, bursar: Client) -> anthropic.Anthropic:
    return meter(anthropic.Anthropic(base_url=provider.url, api_key="x"), bursar)


def stripped(records: Records) -> Records:
    for record in records:
        record.pop("request_id")
        record.pop("time_to_first_token_ms", None)
    return records


def test_it_works(client: anthropic.Anthropic, records: Records) -> None:
    answer = client.messages.create(**ASK)
    assert answer.content[0].text == "".join(WORDS)
    assert stripped(records) == [MESSAGE]


def test_streams(client: anthropic.Anthropic, records: Records) -> None:
    assert len(list(client.messages.create(**ASK, stream=True))) == 9
    with client.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == "".join(WORDS)
        assert stream.get_final_message().usage.output_tokens == 300
    assert stripped(records) == [MESSAGE, MESSAGE]


def test_a_stream_that_is_left_knows_its_input(client: anthropic.Anthropic, records: Records) -> None:
    stream = client.messages.create(**ASK, stream=True)
    for event in stream:
        if event.type == "content_block_stop":
            break
    stream.close()
    del stream, event
    (record,) = stripped(records)
    assert record == MESSAGE | {"status": "interrupted", "output_tokens": 3, "usage_source": "estimate"}


def test_every_try_is_reported(client: anthropic.Anthropic, provider: Provider, records: Records) -> None:
    provider.next = [529]
    client.messages.create(**ASK)
    provider.next = [401]
    with pytest.raises(anthropic.AuthenticationError):
        client.messages.create(**ASK)
    told = [(one["status"], one.get("error_type"), one["attempt"]) for one in records]
    assert told == [("error", "529", 1), ("ok", None, 2), ("error", "401", 1)]


def test_asyncio(provider: Provider, bursar: Client, records: Records) -> None:
    async def work() -> None:
        client = meter(anthropic.AsyncAnthropic(base_url=provider.url, api_key="x"), bursar)
        await client.messages.create(**ASK)
        async with client.messages.stream(**ASK) as stream:
            assert "".join([text async for text in stream.text_stream]) == "".join(WORDS)
        await client.close()

    asyncio.run(work())
    assert stripped(records) == [MESSAGE, MESSAGE]
