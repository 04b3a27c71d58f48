"""Clients that reserve, settle, release and expire at once, by the product's statements, each on its own connection."""

import random
import threading
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from apps.budgets.models import Counter
from apps.budgets.selectors import matching
from apps.budgets.services.opening import Wanted, open_counters
from apps.budgets.services.reserving import REFUSED
from apps.budgets.services.statements import CHARGE, CHARGE_IN_ONE, RESERVE, RESERVE_IN_ONE
from tests.budgets.acts import make_budget

CENT = Decimal("0.01")
OTHERS = 63


@dataclass(slots=True)
class Held:
    """A reservation a client holds: its id, what is left of it, its counters, and the row of its parent if any."""

    public_id: str
    row: int
    left: Decimal
    counters: Sequence[int]


@dataclass(slots=True)
class Told:
    """What a client saw."""

    done: Tally[str] = field(default_factory=Tally)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stage:
    """The counters: one that everybody uses, groups, and one of each agent; their ids are sorted in every path."""

    version: int
    paths: tuple[tuple[int, ...], ...]


def make_stage(scale: int) -> Stage:
    """One hot budget, and 63 others: 7 of groups and 56 of the agents in them; every call passes one or three.

    Limits are such that with 20,000 operations times `scale` some calls pass and some are refused until the end.
    """
    ids = [make_budget(str(60 * scale), name="Hot", thresholds=[{"percent": 100, "action": "block"}]).pk]
    for number in range(OTHERS):
        limit = str((2 + number % 5) * scale) if number >= 7 else str(40 * scale)
        block = [{"percent": 100, "action": "block"}]
        ids.append(make_budget(limit, name=f"B{number}", scope={"agent": f"a{number}"}, thresholds=block).pk)
    matching.forget()
    rules = matching.matcher().by_id
    opened = {}
    for budget_id in ids:
        rule = rules[budget_id]
        wanted = Wanted(rule, "", "", rule.cycle.span(timezone.now()))
        opened[budget_id] = open_counters([wanted])[wanted.place]
    hot, groups, agents = opened[ids[0]], [opened[one] for one in ids[1:8]], [opened[one] for one in ids[8:]]
    paths = [tuple(sorted((hot, groups[n % 7], agent))) for n, agent in enumerate(agents)]
    return Stage(matching.stored_version(), (*paths, *((agent,) for agent in agents), *((hot,) for _ in range(20))))


def run_clients(stage: Stage, *, clients: int, operations: int, seed: int) -> Told:
    """Let so many clients do so many operations in all; what they saw together."""
    each = operations // clients
    told = [Told() for _ in range(clients)]
    threads = [
        threading.Thread(target=_client, args=(stage, one, each, random.Random(seed + number), f"c{number}"))
        for number, one in enumerate(told)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Told()
    for one in told:
        whole.done.update(one.done)
        whole.errors += one.errors
    return whole


def _connect() -> "psycopg.Connection[Any]":
    known = connection.settings_dict
    names = {"dbname": "NAME", "user": "USER", "host": "HOST", "port": "PORT", "password": "PASSWORD"}
    return psycopg.connect(autocommit=True, **{name: known[key] for name, key in names.items() if known.get(key)})


def _client(stage: Stage, told: Told, operations: int, dice: random.Random, name: str) -> None:
    held: list[Held] = []
    with _connect() as database, database.cursor() as cursor:
        for number in range(operations):
            act = dice.choices(("reserve", "settle", "part", "child", "release", "expire"), (46, 26, 10, 8, 6, 4))[0]
            if act != "reserve" and not held:
                act = "reserve"
            try:
                told.done[_ACTS[act](cursor, stage, held, dice, f"{name}-{number}")] += 1
            except psycopg.Error as error:
                if error.sqlstate == REFUSED:
                    told.done["refused"] += 1
                else:
                    told.errors.append(f"{act}: {error}")


def _reserve(cursor: Any, stage: Stage, held: list[Held], dice: random.Random, name: str, seconds: int = 3600) -> str:
    path = dice.choice(stage.paths)
    amount = dice.randrange(1, 30) * CENT
    asked = _asked(stage, name, amount, seconds)
    row = None
    if len(path) == 1:
        one = asked | {"counter": path[0], "in_unit": amount, "held": None, "checked": True}
        row = cursor.execute(RESERVE_IN_ONE, one, prepare=True).fetchone()
    row = row or _in_any(cursor, asked, path)
    assert row[0] == "reserved"
    if seconds:
        held.append(Held(name, row[1], amount, path))
    return "reserved" if seconds else "left to expire"


def _asked(stage: Stage, name: str, amount: Decimal, seconds: int) -> dict[str, Any]:
    return {
        "version": stage.version, "public_id": name, "project": 1, "fingerprint": "", "key": None, "amount": amount,
        "seconds": seconds,
    }  # fmt: skip


def _in_any(cursor: Any, asked: dict[str, Any], path: Sequence[int], parent: int | None = None) -> Any:
    size = len(path)
    any_number = {
        "parent": parent, "counters": list(path), "in_units": [asked["amount"]] * size, "held": [None] * size,
        "checked": [True] * size,
    }  # fmt: skip
    return cursor.execute(RESERVE, asked | any_number, prepare=True).fetchone()


def _expire(cursor: Any, stage: Stage, held: list[Held], dice: random.Random, name: str) -> str:
    """A reservation nobody settles, and the sweep that frees it."""
    told = _reserve(cursor, stage, held, dice, name, seconds=0)
    cursor.execute(
        "SELECT budgets_end(ARRAY(SELECT id FROM budgets_reservation WHERE state = 0"
        " AND expires_at <= clock_timestamp() ORDER BY id LIMIT 20), 3, 4)",
        prepare=True,
    )
    return told


def _child(cursor: Any, stage: Stage, held: list[Held], dice: random.Random, name: str) -> str:
    parent = dice.choice(held)
    amount = dice.randrange(1, 20) * CENT
    row = _in_any(cursor, _asked(stage, name, amount, 3600), [], parent.row)
    parent.left -= amount
    held.append(Held(name, row[1], amount, parent.counters))
    return "drawn"


def _charge(cursor: Any, stage: Stage, one: Held, amount: Decimal, final: bool) -> None:
    size, rows = len(one.counters), []
    if size == 1:
        alone = {
            "version": stage.version, "counter": one.counters[0], "spent": amount, "unpriced": 0, "project": 1,
            "public_id": one.public_id, "cost": amount, "final": final,
        }  # fmt: skip
        rows = cursor.execute(CHARGE_IN_ONE, alone, prepare=True).fetchall()
    values: dict[str, Any] = {
        "version": stage.version, "counters": list(one.counters), "spent": [amount] * size,
        "holds": [Decimal(0)] * size, "unpriced": [0] * size, "later_of": [], "later_from": [], "later_until": [],
        "projects": [1], "public_ids": [one.public_id], "costs": [amount], "final": [final],
    }  # fmt: skip
    rows = rows or cursor.execute(CHARGE, values, prepare=True).fetchall()
    assert len(rows) == size


def _settle(cursor: Any, stage: Stage, held: list[Held], dice: random.Random, name: str) -> str:
    """A call that costs at most what was held for it, which is what the promise is about."""
    one = held.pop(dice.randrange(len(held)))
    _charge(cursor, stage, one, one.left * dice.randrange(0, 101) / 100, final=True)
    return "settled"


def _part(cursor: Any, stage: Stage, held: list[Held], dice: random.Random, name: str) -> str:
    one = dice.choice(held)
    amount = one.left * dice.randrange(0, 51) / 100
    _charge(cursor, stage, one, amount, final=False)
    one.left -= amount
    return "settled in part"


def _release(cursor: Any, stage: Stage, held: list[Held], dice: random.Random, name: str) -> str:
    one = held.pop(dice.randrange(len(held)))
    cursor.execute("SELECT budgets_end(ARRAY[%s::bigint], 2, 3)", [one.row], prepare=True)
    return "released"


_ACTS = {
    "reserve": _reserve, "settle": _settle, "part": _part, "child": _child, "release": _release, "expire": _expire,
}  # fmt: skip


def overspent() -> list[tuple[int, Decimal]]:
    """Counters that are over their ceiling, with by how much."""
    rows = Counter.objects.exclude(ceiling=None)
    return [(row.pk, over) for row in rows if (over := row.carried + row.spent + row.reserved - (row.ceiling or 0)) > 0]


def unbalanced() -> list[tuple[Any, ...]]:
    """Counters that are not the sum of their ledger, or hold other than what their reservations have left."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.spent - coalesce(e.spent, 0), c.reserved - coalesce(r.held, 0), r.least
            FROM budgets_counter c
            LEFT JOIN (SELECT counter_id, sum(spent) AS spent FROM budgets_entry GROUP BY 1) e ON e.counter_id = c.id
            LEFT JOIN (SELECT h.counter, sum(r."left") AS held, min(r."left") AS least
                FROM budgets_reservation r, unnest(r.counters) AS h(counter) GROUP BY 1) r ON r.counter = c.id
            WHERE c.spent <> coalesce(e.spent, 0) OR c.reserved <> coalesce(r.held, 0) OR r.least < 0
            """
        )
        return list(cursor.fetchall())
