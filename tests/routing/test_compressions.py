"""`POST /api/routing/compressions` on the real price book."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.access.domain.identity import Scope
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
        ({"messages": [{"role": "user", "content": "x"}] * 2001}, "messages"),
    ],
)
def test_what_cannot_be_understood_names_the_field(post: Callable[..., Any], body: dict[str, Any], path: str) -> None:
    answer = post(**body)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]
