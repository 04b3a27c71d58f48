"""`POST /api/routing/compressions` on the real price book."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from apps.access.domain.identity import Scope
from apps.routing.models import Compression
from tests.cast import HeldKey
from tests.costs.posting import load_prices

ROWS = json.dumps([{"flight": f"HAT{number:03}", "origin": "JFK", "price": 100 + number} for number in range(40)])
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Which flights are there?"},
    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": ROWS},
    {"role": "assistant", "content": [{"type": "text", "text": "There are many. HAT003 costs 103."}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
    {"role": "user", "content": "Take HAT003."},
]


@pytest.fixture
def post(make_held_key: Callable[..., HeldKey]) -> Callable[..., Any]:
    held = make_held_key(Scope.ROUTING_USE)

    def posted(**body: Any) -> Any:
        return held.client.post("/api/routing/compressions", json.dumps(body), content_type="application/json")

    return posted


def test_it_works(post: Callable[..., Any]) -> None:
    load_prices()

    answer = post(messages=TALK, provider="openai", model="gpt-4.1", target_reduction=0.3, keep_recent=2, colour="red")

    told = answer.json()
    assert answer.status_code == 200, told
    assert told["worth_it"]
    assert told["tokens_after"] < told["tokens_before"] * 0.7
    assert told["target_met"]
    assert [one["reason"] for one in told["dropped"]] == ["narrow_json"]
    assert "HAT039" in told["messages"][3]["content"]
    assert told["messages"][:3] == TALK[:3]
    assert told["messages"][5:] == TALK[5:]
    assert told["quality"] == {"messages_changed": 1, "values_kept": 1.0}
    saved = (told["tokens_before"] - told["tokens_after"]) * 2 * 5
    assert told["usd_saved"] == f"{saved / 1_000_000:.6f}".rstrip("0")
    assert told["cache_usd_lost"] == "0.00"
    assert [warning["path"] for warning in told["warnings"]] == ["colour"]


def test_a_warm_cache_that_is_worth_more_leaves_the_messages_alone(post: Callable[..., Any]) -> None:
    load_prices()
    long = [*TALK[:4], {"role": "user", "content": "word " * 20_000}]

    told = post(
        messages=long, provider="openai", model="gpt-4.1", target_tokens=10, cached_tokens=10**6, calls_ahead=1
    ).json()

    assert not told["worth_it"]
    assert told["messages"] == long
    assert (told["tokens_after"], told["dropped"], told["usd_saved"]) == (told["tokens_before"], [], "0.00")


def test_without_a_price_tokens_are_told_and_money_is_unknown(post: Callable[..., Any]) -> None:
    told = post(messages=TALK, target_reduction=0.5, keep_recent=1).json()

    assert told["tokens_after"] < told["tokens_before"]
    assert (told["usd_saved"], told["cache_usd_lost"]) == (None, None)


def test_what_is_kept_stays(post: Callable[..., Any]) -> None:
    told = post(messages=TALK, target_reduction=0.9, keep_recent=0, keep=[3, 4]).json()

    assert told["messages"] == TALK
    assert not told["worth_it"]


def test_a_summary_of_the_agents_own_model(post: Callable[..., Any]) -> None:
    load_prices()
    told = "The depot closes early when it snows and nobody has ever found out why that is so. " * 12
    talk = [
        {"role": "user", "content": "Where is X77Q1?"},
        {"role": "assistant", "content": f"{told}X77Q1 is in Graz. Its driver is Ada."},
        {"role": "assistant", "content": f"{told}The price is 84."},
        {"role": "user", "content": "Who drives X77Q1, and for how much? Ada, for 84?"},
    ]
    ask = {"messages": talk, "provider": "openai", "model": "gpt-4.1", "target_tokens": 100, "keep_recent": 1}

    first = post(**ask, summary=True).json()

    request = first["summary_request"]
    assert request["indexes"] == [1, 2]
    assert "X77Q1 is in Graz" in request["messages"][0]["content"]
    assert first["summary_usd"] is None
    second = post(**ask, summary={"text": "The depot closes in snow. X77Q1 is in Graz.", "cost_usd": "0.0001"}).json()
    assert second["messages"][1]["content"] == (
        "(a summary of messages 2, 3: The depot closes in snow. X77Q1 is in Graz.)\n(they also told of Ada, 84)"
    )
    assert second["messages"][2]["content"] == "(see the summary in message 2)"
    assert (second["summary_usd"], second["summary_request"], second["worth_it"]) == ("0.0001", None, True)
    assert [one["reason"] for one in second["dropped"]] == ["summary", "summary"]
    kept = Compression.objects.get(compression_id=second["id"])
    assert kept.usd_lost == Decimal("0.0001")
    dear = post(**ask, summary={"text": "All well.", "cost_usd": "5"}).json()
    assert (dear["worth_it"], dear["messages"]) == (False, talk)
    assert dear["reason"].startswith("The lost cache and the summary cost more")


def test_a_summary_that_is_too_long_is_cut_and_loses_nothing_named(post: Callable[..., Any]) -> None:
    chat = "The depot closes early when it snows and nobody has ever found out why that is so. " * 200
    talk = [
        {"role": "user", "content": "Where is X77Q1?"},
        {"role": "assistant", "content": f"{chat}X77Q1 is in Graz."},
        {"role": "user", "content": "Is X77Q1 in Graz?"},
    ]
    ask = {"messages": talk, "model": "gpt-4.1", "target_tokens": 100, "keep_recent": 1}
    told = post(**ask, summary={"text": f"{'snow ' * 2000}X77Q1 is in Graz.", "cost_usd": "0.0001"}).json()
    assert told["messages"][1]["content"] == (
        f"(a summary of messages 2: {('snow ' * 819).strip()})\n(they also told of X77Q1, Graz)"
    ), "0.8 of 1,024"


def test_what_needs_no_model_asks_for_none(post: Callable[..., Any]) -> None:
    assert post(messages=TALK, target_reduction=0.3, keep_recent=2, summary=True).json()["summary_request"] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content"),
        ({"messages": TALK, "keep": [99]}, "keep"),
        ({"messages": TALK, "target_tokens": 0}, "target_tokens"),
        ({"messages": TALK, "target_reduction": 1}, "target_reduction"),
        ({"messages": TALK, "target_reduction": 0.5, "target_tokens": 5}, "target_reduction"),
        ({"messages": TALK, "query": 5}, "query"),
        ({"messages": TALK, "summary": "x"}, "summary"),
        ({"messages": TALK, "summary": {"text": "x"}}, "summary.cost_usd"),
        ({"messages": TALK, "summary": {"text": " ", "cost_usd": "1"}}, "summary.text"),
        ({"messages": [{"role": "user", "content": "x"}] * 2001}, "messages"),
    ],
)
def test_what_cannot_be_understood_names_the_field(post: Callable[..., Any], body: dict[str, Any], path: str) -> None:
    answer = post(**body)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]
