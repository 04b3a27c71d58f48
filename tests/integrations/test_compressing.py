"""Compression through the client: what the server makes of messages, and what is sent when it makes nothing."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar_client import AsyncClient

from tests.integrations.conftest import QUICK, MakeClient
from tests.integrations.server import KEY, Answer, Fake

PATH = "/api/routing/compressions"
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello. " * 20}]
SHORT = [TALK[0], {"role": "assistant", "content": "Hello."}]
SUMMED = [TALK[0], {"role": "assistant", "content": "(…)"}]
REQUEST = {"messages": [{"role": "user", "content": "Sum up."}], "max_tokens": 64, "indexes": [1]}


def told(messages: Any = SHORT, **fields: Any) -> Answer:
    usual = {"id": "c1", "messages": messages, "tokens_before": 50, "tokens_after": 10, "worth_it": True}
    return Answer(200, {**usual, "usd_saved": "0.03", "cache_usd_lost": "0.01", **fields})


def test_it_works(fake: Fake, make_client: MakeClient) -> None:
    client = make_client(fake)
    fake.next[PATH] = [told()]
    found = client.compress(TALK, provider="openai", model="gpt-4.1", target_tokens=10, keep=None)
    assert (found.messages, found.id) == (SHORT, "c1")
    client.report(provider="openai", model="gpt-4.1", input_tokens=9, output_tokens=1, **found.fields)
    assert client.flush(5)
    (record,) = fake.records
    assert (record["compressed"], record["compression_id"]) == (True, "c1")
    assert fake.asked[0] == (
        "POST", PATH, {"provider": "openai", "model": "gpt-4.1", "target_tokens": 10, "messages": TALK}
    )  # fmt: skip


def test_messages_stay_as_they_are(fake: Fake, away: Fake, make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(fake)
    answers = [told(TALK, worth_it=False), Answer(422, {"detail": "no"}), Answer(200, {"messages": []}), Answer(500)]
    for answer in answers:
        client._compression_breaker.note(None)
        fake.next[PATH] = [answer]
        found = client.compress(TALK)
        assert (found.messages, found.fields) == (TALK, {})
    assert make_client(away).compress(TALK).messages == TALK
    assert client.decide(message="x").source == "server", "a failed compression stops no decision"


def test_a_summary_by_the_agents_own_model(fake: Fake, make_client: MakeClient) -> None:
    client = make_client(fake)
    plainly = told(summary_request=REQUEST)
    dear, worth, useless = (
        told(SUMMED, id="c2", usd_saved="0.05", summary_usd=cost, tokens_after=5) for cost in ("0.021", "0.019", "0.01")
    )
    useless.body["worth_it"] = False
    for second, wanted in ((dear, SHORT), (worth, SUMMED), (useless, SHORT), (Answer(500), SHORT)):
        client._compression_breaker.note(None)
        fake.next[PATH] = [plainly, second]
        found = client.compress(TALK, summarize=lambda messages, limit: (f"{len(messages)} {limit}", Decimal("0.02")))
        assert found.messages == wanted
        assert fake.asked[-2][2]["summary"] is True
        assert fake.asked[-1][2]["summary"] == {"text": "1 64", "cost_usd": "0.02"}
    client._compression_breaker.note(None)
    fake.next[PATH] = [plainly]
    assert client.compress(TALK, summarize=lambda *_: 1 / 0).messages == SHORT  # type: ignore[arg-type]


def test_asyncio(fake: Fake, tmp_path: Path) -> None:
    async def summarize(messages: list[dict[str, Any]], limit: int) -> tuple[str, str]:
        return "Hello.", "0.001"

    async def work() -> None:
        async with AsyncClient(fake.url, KEY, spool=tmp_path, **QUICK) as client:
            fake.next[PATH] = [told(summary_request=REQUEST), told(SUMMED, usd_saved="0.05", summary_usd="0.001")]
            assert (await client.compress(TALK, summarize=summarize)).messages == SUMMED
            fake.next[PATH] = [Answer(500)]
            assert (await client.compress(TALK)).messages == TALK

    asyncio.run(work())
