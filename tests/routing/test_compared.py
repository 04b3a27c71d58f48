"""Compressed calls beside others: who is counted where, what was saved, and what the page and the API say."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.access.domain.identity import ALL_SCOPES
from apps.access.models import Project, User
from apps.costs.domain import formats
from apps.routing.domain.comparing import Share, difference
from apps.routing.models import Compression
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, load_prices, posted
from tests.routing.test_compressions import TALK


@pytest.mark.parametrize(
    ("one", "other", "low", "high", "verdict"),
    [
        # Newcombe 1998, Table II, examples (a) and (c), method 10.
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339, "higher"),
        (Share(48, 80), Share(56, 70), -0.3339, -0.0524, "lower"),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090, "too_few"),
        (Share(30, 60), Share(30, 60), -0.1735, 0.1735, "no_difference_seen"),
    ],
)
def test_difference(one: Share, other: Share, low: float, high: float, verdict: str) -> None:
    found = difference(one, other)
    assert found.verdict == verdict
    assert found.interval == pytest.approx((low, high), abs=0.0002)


def test_nothing_says_nothing() -> None:
    assert difference(Share(0, 0), Share(3, 10)).value is None
    assert Share(0, 0).interval is None


@pytest.fixture
def agent(make_held_key: Callable[..., HeldKey]) -> HeldKey:
    load_prices()
    return make_held_key(*ALL_SCOPES)


def compress(agent: HeldKey, **fields: Any) -> dict[str, Any]:
    body = {"messages": TALK, "provider": "openai", "model": "gpt-4.1", "target_reduction": 0.3, "keep_recent": 2}
    told: dict[str, Any] = agent.client.post("/api/routing/compressions", json.dumps(body | fields), JSON).json()
    return told


def usage(task: str, **fields: Any) -> dict[str, Any]:
    return call(task_id=task, task_type="answer", **fields)


def metrics(agent: HeldKey, query: str = "") -> dict[str, Any]:
    answer = agent.client.get(f"/api/metrics/compression{query}")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_compressed_calls_beside_others(agent: HeldKey, alice: User, signed_in: Callable[[User], Client]) -> None:
    made = compress(agent)
    warm = compress(agent, cached_tokens=100, calls_ahead=50)
    assert Decimal(warm["cache_usd_lost"]) > 0
    marked = [usage(f"c{n}", compressed=True, compression_id=made["id"]) for n in range(24)]
    marked += [usage("c0", compression_id=warm["id"]), usage("c1", compression_id=warm["id"])]
    marked += [usage("c2", compression_id=made["id"], status="error", input_tokens=0, attempt=2)]
    marked += [usage("c3", compressed=True)]
    others = [usage(f"o{n}", **({"status": "error"} if n < 12 else {})) for n in range(30)]
    posted(agent, [*marked, *others, call(task_type="other")])
    judged = [{"task_id": f"c{n}", "success": n < 12, "source": "tests"} for n in range(24)]
    judged += [{"task_id": f"o{n}", "success": n < 27, "source": "tests"} for n in range(30)]
    agent.client.post("/api/outcomes", {"outcomes": judged}, content_type=JSON)

    told = metrics(agent)

    (one,) = told["results"]
    did, rest = one["compressed"], one["uncompressed"]
    assert (one["task_type"], did["calls"], did["tasks"], rest["calls"], rest["tasks"]) == ("answer", 28, 24, 30, 30)
    counts = {name: (did[name]["count"], did[name]["n"]) for name in ("success", "errors", "retries")}
    assert counts == {"success": (12, 24), "errors": (1, 28), "retries": (1, 28)}
    assert [rest[name]["count"] for name in counts] == [27, 12, 0]
    verdicts = {name: found["verdict"] for name, found in one["difference"].items()}
    assert verdicts == {"success": "lower", "errors": "lower", "retries": "no_difference_seen"}
    saved, again = (Compression.objects.get(compression_id=one["id"]) for one in (made, warm))
    assert saved.usd_saved_per_call is not None
    assert again.usd_saved_per_call is not None
    whole = 24 * saved.usd_saved_per_call + 2 * again.usd_saved_per_call
    assert Decimal(one["saved_usd"]) == whole
    assert Decimal(one["lost_usd"]) == Decimal(warm["cache_usd_lost"]), "once, however many calls"
    assert Decimal(told["totals"]["net_usd"]) == whole - Decimal(warm["cache_usd_lost"])
    assert (one["known_calls"], one["unknown_calls"]) == (27, 1)
    tokens = 24 * (saved.tokens_before - saved.tokens_after) + 2 * (again.tokens_before - again.tokens_after)
    assert one["tokens_saved"] == tokens
    assert one["tokens_before"] == tokens + 26 * usage("x")["input_tokens"]

    shown = signed_in(alice).get("/routing/compression").content.decode()
    assert "50.0%" in shown
    assert "n = 24" in shown
    assert '<span class="badge danger">lower</span>' in shown
    assert "1 call unknown" in shown
    assert f"of {formats.tokens(one['tokens_before'])} before" in shown


def test_a_later_step_saves_what_the_earlier_one_took_out_as_well(agent: HeldKey) -> None:
    first = compress(agent, target_reduction=0.05)
    second = compress(agent, messages=first["messages"], target_reduction=0.3, builds_on=first["id"])
    stranger = compress(agent, messages=first["messages"], target_reduction=0.3, builds_on="nobody's")
    assert second["tokens_before"] == first["tokens_after"]
    both, alone = (Compression.objects.get(compression_id=one["id"]) for one in (second, stranger))
    assert (both.tokens_before, both.tokens_after) == (first["tokens_before"], second["tokens_after"])
    assert (alone.tokens_before, alone.tokens_after) == (second["tokens_before"], second["tokens_after"])
    assert alone.usd_saved_per_call is not None
    assert both.usd_saved_per_call is not None
    share = Decimal(both.tokens_before - both.tokens_after) / (alone.tokens_before - alone.tokens_after)
    assert abs(both.usd_saved_per_call - alone.usd_saved_per_call * share) <= Decimal("1e-14")


def test_before_anything(agent: HeldKey, alice: User, signed_in: Callable[[User], Client]) -> None:
    posted(agent, [call(task_type="answer")])
    assert metrics(agent)["results"] == []
    assert metrics(agent)["totals"]["net_usd"] == "0.00"
    assert "No compressed call yet" in signed_in(alice).get("/routing/compression").content.decode()
    assert agent.client.get("/api/metrics/compression?from=2020-01-01T00:00:00Z").status_code == 422


def test_only_what_one_may_see(agent: HeldKey, make_held_key: Callable[..., HeldKey]) -> None:
    made = compress(agent)
    posted(agent, [usage("a", project="secret", compression_id=made["id"])])
    posted(agent, [usage("c", project="open")])
    bound = make_held_key(*ALL_SCOPES, project_id=Project.objects.get(name="open").pk)
    posted(bound, [usage("b", compressed=True)])
    (mine,) = metrics(bound)["results"]
    assert (mine["compressed"]["calls"], mine["saved_usd"], mine["unknown_calls"]) == (1, "0.00", 1)


def test_what_was_not_worth_it_is_not_kept(agent: HeldKey) -> None:
    compress(agent, keep=list(range(len(TALK))))
    assert not Compression.objects.exists()
