"""Thresholds: what is accepted, when they hold, and that they do not flicker."""

from decimal import Decimal
from typing import Any

import pytest

from apps.access.domain.errors import Refused
from apps.budgets.domain.drafts import checked_draft
from apps.budgets.domain.scopes import Facts, Scope, each_value, scope_words
from apps.budgets.domain.thresholds import ceiling, checked_thresholds, in_force, strictest

FOUR = checked_thresholds(
    [
        {"percent": 50, "action": "notify"},
        {"percent": "80", "action": "downgrade", "tier": "simple"},
        {"usd": "95", "action": "cheapest"},
        {"percent": 110, "action": "block"},
    ],
    unit="usd",
)


def held(used: str, *before: str, limit: str = "100", raised: str = "0") -> list[str]:
    found = in_force(
        FOUR, limit=Decimal(limit), raised=Decimal(raised), used=Decimal(used), forecast=None, before=before
    )
    return [key.split(":")[2] for key in found]


def test_below_at_and_above_each_level() -> None:
    table = [
        ("49.999999999999999", []),
        ("50", ["notify"]),
        ("79.99", ["notify"]),
        ("80", ["notify", "downgrade"]),
        ("95", ["notify", "downgrade", "cheapest"]),
        ("110", ["notify", "downgrade", "block", "cheapest"]),
    ]
    for used, expected in table:
        assert held(used) == expected, used


def test_an_action_ends_only_somewhat_below_its_level() -> None:
    key = FOUR[1].key
    assert held("78.5", key) == ["notify", "downgrade"]
    assert held("78.4", key) == ["notify", "downgrade"]
    assert held("78.39", key) == ["notify"]
    assert held("120", limit="200", raised="100") == ["notify"]


def test_the_ceiling_has_grace_and_rises_with_a_raise() -> None:
    assert ceiling(FOUR, Decimal(100), grace_percent=Decimal(5)) == Decimal("115.5")
    assert ceiling(FOUR, Decimal(200), raised=Decimal(100), grace_percent=Decimal(0)) == 220
    assert ceiling(FOUR[:2], Decimal(100), grace_percent=Decimal(0)) is None
    assert strictest(FOUR, [one.key for one in FOUR]) is FOUR[2]
    assert strictest(FOUR, []) is None


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"name": ""}, "name", "invalid"),
    ({"limit_usd": None}, "limit_usd", "required"),
    ({"limit_usd": "0"}, "limit_usd", "invalid"),
    ({"limit_usd": 0.1}, "limit_usd", "money_as_number"),
    ({"limit_usd": 10}, "limit_usd", "money_as_number"),
    ({"limit_usd": "1e3"}, "limit_usd", "money"),
    ({"limit_usd": "-1"}, "limit_usd", "money"),
    ({"paused": "yes"}, "paused", "invalid"),
    ({"limit_tokens": 5}, "limit_usd", "required"),
    ({"period": "fortnight"}, "period", "invalid"),
    ({"rolling_days": 3}, "rolling_days", "invalid"),
    ({"period": "rolling"}, "rolling_days", "invalid"),
    ({"timezone": "Mars/Olympus"}, "timezone", "unknown"),
    ({"each": "model"}, "each", "invalid"),
    ({"period": "conversation", "each": "user"}, "each", "invalid"),
    ({"scope": {"planet": "x"}}, "scope", "unknown"),
    ({"scope": {"agent": 3}}, "scope", "invalid"),
    ({"thresholds": [{"percent": 80, "action": "shout"}]}, "thresholds.0.action", "invalid"),
    (
        {"thresholds": [{"percent": 80, "action": "block", "on": "forecast"}]},
        "thresholds.0.on",
        "forecast_never_blocks",
    ),
    ({"thresholds": [{"percent": 80, "action": "downgrade"}]}, "thresholds.0.tier", "invalid"),
    ({"thresholds": [{"percent": 80, "usd": "3", "action": "notify"}]}, "thresholds.0", "invalid"),
    ({"thresholds": [{"usd": 3, "action": "notify"}]}, "thresholds.0.usd", "money_as_number"),
    ({"thresholds": [{"usd": "0.00", "action": "notify"}]}, "thresholds.0.usd", "invalid"),
    ({"thresholds": [{"percent": "NaN", "action": "notify"}]}, "thresholds.0.percent", "invalid"),
    ({"thresholds": [{"percent": 8, "action": "notify"}] * 2}, "thresholds", "repeated"),
    ({"exempt": [{}]}, "exempt", "invalid"),
    ({"grace_percent": "101"}, "grace_percent", "invalid"),
]


def test_what_is_refused_names_its_field() -> None:
    for change, path, code in REFUSALS:
        sent = {"name": "x", "limit_usd": "1", "period": "month"} | change
        with pytest.raises(Refused) as refused:
            checked_draft(sent)
        assert (refused.value.path, refused.value.code) == (path, code), change


def test_scopes_cover_conjunctions_subordinates_and_no_demo() -> None:
    call = Facts(project_id=1, agent_id=5, agent="coder/sub", key_id=3, user="ada", model="m", tags={"team": "x"})
    covering = [
        Scope(), Scope(project_id=1), Scope(agent="coder"), Scope(agent="old", agents=frozenset({5})),
        Scope(keys=frozenset({3})), Scope(plain=(("model", "m"), ("user", "ada"))), Scope(tags=(("team", "x"),)),
    ]  # fmt: skip
    beside = [
        Scope(project_id=2), Scope(agent="code"), Scope(agent="coder/sub/sub"), Scope(keys=frozenset()),
        Scope(plain=(("tool", "t"),)), Scope(tags=(("team", "y"),)), Scope(project_id=1, agent="x"),
    ]  # fmt: skip
    assert [scope.covers(call) for scope in covering] == [True] * len(covering)
    assert [scope.covers(call) for scope in beside] == [False] * len(beside)
    demo = Facts(project_id=1, is_demo=True)
    assert (Scope().covers(demo), Scope(project_id=1).covers(demo)) == (False, True)
    assert (each_value("agent", call), each_value("user", call), each_value("conversation", call)) == (
        "1:coder/sub", "ada", None,
    )  # fmt: skip
    assert scope_words({"agent": "a", "tag:team": "x"}) == "agent a, tag team = x"
