"""Compression through the client: what the server makes of messages, and what is sent when it makes nothing."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bursar_client import AsyncClient, Client
from pytest_django.live_server_helper import LiveServer

from apps.access.domain.identity import Scope
from tests.cast import HeldKey
from tests.costs.posting import load_prices
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


@pytest.mark.django_db(transaction=True)
def test_with_bursar_itself(live_server: LiveServer, make_held_key: Callable[..., HeldKey], tmp_path: Path) -> None:
    load_prices()
    key = make_held_key(Scope.ROUTING_USE)
    told = "The depot closes early when it snows and nobody has ever found out why that is so. " * 12
    talk = [
        {"role": "user", "content": "Where is X77Q1?"},
        {"role": "assistant", "content": f"{told}X77Q1 is in Graz."},
    ]
    talk += [{"role": "user", "content": "Who drives X77Q1 to Graz?"}]
    wish: Any = {"provider": "openai", "model": "gpt-4.1", "target_tokens": 20, "keep_recent": 1}
    with Client(live_server.url, key.secret, spool=tmp_path, **QUICK) as client:
        found = client.compress(talk, summarize=lambda *_: ("X77Q1 is in Graz.", "0.0001"), seconds=30, **wish)
        plainly = client.compress(talk, seconds=30, **wish)
    assert found.id is not None
    assert found.raw["tokens_after"] < found.raw["tokens_before"]
    assert (found.messages[0], found.messages[2]) == (talk[0], talk[2])
    assert plainly.raw["summary_request"] is None
