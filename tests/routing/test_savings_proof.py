"""Savings of made-up histories against sums written another way: in Decimal, from what was sent, call by call."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.access.models import User
from apps.costs.selectors.metrics import UsageQuery
from apps.routing.selectors.savings import savings_of
from apps.routing.services.savings.sweeping import derive_due_days
from tests.cast import HeldKey
from tests.costs.posting import call, posted
from tests.routing import acts
from tests.routing.acts import FULL, MINI, OPUS

PER_MILLION = Decimal(10) ** -6
RATES = {
    MINI: tuple(map(Decimal, ("0.4", "0.1", "1.6"))),
    FULL: tuple(map(Decimal, ("2", "0.5", "8"))),
    OPUS: tuple(map(Decimal, ("4", "0.2", "20"))),
}
Call = dict[str, Any]


def price(model: tuple[str, str], inputs: int, cached: int, outputs: int) -> Decimal:
    fresh, read, written = RATES[model]
    return ((inputs - cached) * fresh + cached * read + outputs * written) * PER_MILLION


def made(dice: random.Random, noon: datetime, count: int) -> list[Call]:
    """Calls of two days in a few conversations; some fail, some are embeddings, some are judges."""
    calls = []
    for number in range(count):
        model = dice.choice((MINI, MINI, FULL, OPUS))
        inputs = dice.randrange(0, 9000)
        calls.append(
            call(
                id=f"u{number}", provider=model[0], model=model[1], input_tokens=inputs,
                cache_read_input_tokens=dice.choice((0, inputs // 2)), output_tokens=dice.randrange(0, 900),
                occurred_at=(noon - timedelta(days=dice.randrange(2), seconds=dice.randrange(9000))).isoformat(),
                status=dice.choice(("ok", "ok", "ok", "error", "cancelled", "interrupted")),
                role=dice.choice(("chat", "utility")), task_type=dice.choice(("code", "talk", "judge")),
                operation=dice.choice(("chat", "chat", "chat", "embeddings")),
                conversation_id=dice.choice(("a", "b", "c", None)), project=dice.choice(("support", "sales")),
            )
        )  # fmt: skip
    return calls


def reference(calls: list[Call], baseline: dict[str, tuple[str, str]]) -> dict[str, Decimal]:
    """Paid, at the baseline, and what of that a cache takes off; by the rules of docs/savings.md."""
    sums = dict.fromkeys(("paid", "repriced", "cache", "waste", "overhead"), Decimal(0))
    last: dict[Any, tuple[tuple[str, str], datetime, int]] = {}
    for one in sorted(calls, key=lambda one: (one["occurred_at"], one["project"], one["id"])):
        model, inputs = (one["provider"], one["model"]), one["input_tokens"]
        cached, outputs = one["cache_read_input_tokens"], one["output_tokens"]
        paid = price(model, inputs, cached, outputs)
        embeds, instant = one["operation"] == "embeddings", datetime.fromisoformat(one["occurred_at"])
        warm = 0
        if one.get("conversation_id") and not embeds:
            line = (one["project"], one["conversation_id"], one["role"])
            if line in last and last[line][0] != model and instant - last[line][1] <= timedelta(seconds=300):
                warm = min(last[line][2], inputs) if last[line][2] >= 1024 else 0
            last[line] = (model, instant, inputs)
        there = baseline.get(one["role"], baseline[""])
        sums["paid"] += paid
        if one["task_type"] == "judge":
            sums["overhead"] += paid
        elif one["status"] in ("error", "cancelled"):
            sums["waste"] += paid
        elif embeds or there == model:
            sums["repriced"] += paid
        else:
            sums["repriced"] += price(there, inputs, cached, outputs)
            if warm > cached:
                sums["cache"] += price(there, inputs, cached, outputs) - price(there, inputs, warm, outputs)
    return sums


def prove(key: HeldKey, owner: User, seed: int, count: int) -> None:
    dice, now = random.Random(seed), timezone.now()
    noon = datetime.combine(now.date() - timedelta(days=1), datetime.min.time(), now.tzinfo) + timedelta(hours=12)
    calls = made(dice, noon, count)
    # Two reports: the second one comes late to days that were compared already.
    posted(key, calls[: count // 2])
    acts.baseline(owner, days=9, roles={"utility": MINI})
    derive_due_days(now=now)
    posted(key, calls[count // 2 :])
    derive_due_days(now=now)
    query = UsageQuery(noon - timedelta(days=2, hours=12), noon + timedelta(hours=12))
    wanted = reference(calls, {"": FULL, "utility": MINI})
    for group_by in ((), ("project", "role"), ("model", "status")):
        found = savings_of(query, group_by)
        assert {name: getattr(found.whole, f"{name}_usd") for name in wanted} == wanted
        assert found.whole.compared_calls == count
        if group_by:
            for name, amount in wanted.items():
                assert sum((getattr(row.saved, f"{name}_usd") for row in found.rows), Decimal(0)) == amount


def test_a_made_up_history_comes_to_what_its_calls_say(writer: HeldKey, alice: User) -> None:
    acts.published()
    prove(writer, alice, seed=1, count=300)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(40))
def test_many_histories_come_to_what_their_calls_say(writer: HeldKey, alice: User, seed: int) -> None:
    acts.published()
    prove(writer, alice, seed=seed, count=1000)
