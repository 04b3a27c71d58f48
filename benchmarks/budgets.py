"""How fast budgets are: reserving and settling beside a bare UPDATE of the same row, and what ingest pays for them.

    python -m benchmarks.budgets [--seconds 4] [--clients 16] [--rounds 3] [--only ingest]

A private server with fsync and synchronous commit on. 1. Each client of pgbench reserves and settles on one hot budget,
on 64, or runs the bare conditional UPDATE, in random order each round. 2. Decisions' part of budgets (state, then
reserve) while 4 processes store batches that are charged to the same budget. 3. Batches of 1,000 with no budget, with
20, and with that of every conversation.
"""

import argparse
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

AMOUNT = Decimal("0.01")
BUDGETS = 64
INGEST_PROCESSES = 4
PARTS = ("pairs", "decisions", "ingest")
BARE = "UPDATE budgets_counter SET reserved = reserved + %s WHERE id = %s AND spent + reserved + %s <= ceiling"


def prepared(url: str) -> None:
    """Migrate and start the product in this process."""
    os.environ.update(DATABASE_URL=url, DJANGO_SETTINGS_MODULE="tests.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def make_counters(many: int) -> tuple[int, list[int]]:
    """So many blocking budgets with open counters: the version of the tables, and the counters' ids."""
    from django.utils import timezone

    from apps.budgets.selectors import matching
    from apps.budgets.services.opening import Wanted, open_counters
    from tests.budgets.acts import make_budget

    for number in range(many):
        make_budget("999999999", name=f"B{number}", scope={"agent": f"a{number}"})
    known = matching.matcher(fresh=True)
    wanted = [Wanted(rule, "", "", rule.cycle.span(timezone.now())) for rule in known.rules[:many]]
    return known.version, sorted(open_counters(wanted).values())


def rate(url: str, script: Path, clients: int, seconds: float) -> float:
    """Runs of a script a second, of so many clients, each on a connection of its own."""
    from controlplane.launch.programs import installed_programs

    command = [str(installed_programs() / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2"]
    told = subprocess.run(
        [*command, "-T", f"{seconds:g}", "-f", str(script), url], capture_output=True, text=True, check=True
    )
    found = re.search(r"^tps = ([0-9.]+)", told.stdout, re.MULTILINE)
    if found is None or "0 (0.000%)" not in told.stdout:
        raise RuntimeError(told.stdout + told.stderr)
    return float(found[1])


def pair_script(version: int, first: int, last: int) -> str:
    """Reserve, then settle, on one of these counters: by the product's statements, awaited on the disk as it does."""
    from apps.access.statements import WAIT
    from apps.budgets.services.statements import CHARGE_IN_ONE, RESERVE_IN_ONE

    values = {
        "version": version, "public_id": ":id", "project": 1, "fingerprint": "''", "key": "NULL", "amount": AMOUNT,
        "seconds": 120, "counter": ":counter", "in_unit": AMOUNT, "held": "NULL", "checked": "true", "spent": AMOUNT,
        "unpriced": 0, "cost": AMOUNT, "final": "true",
    }  # fmt: skip
    lines = [rf"\set id random(1, {10**18})", rf"\set counter random({first}, {last})"]
    for statement in (RESERVE_IN_ONE, CHARGE_IN_ONE):
        # Exactly one row, or pgbench gives up; \gset without a semicolon sends it.
        lines += [" ".join((statement % values).split()), r"\gset its_", r"\if :its_waits", f"{WAIT};", r"\endif"]
    return "\n".join([*lines, ""])


def measure_pairs(url: str, clients: int, seconds: float, rounds: int, folder: Path) -> None:
    """The table of rates, and the two ratios. pgbench sends: a client in Python would be what is measured."""
    version, counters = make_counters(BUDGETS)
    bare = f"\\set id {counters[0]}\n{BARE.replace('%s', '{}').format(AMOUNT, ':id', AMOUNT)};\n"
    scripts = {
        "bare UPDATE, hot row": bare,
        "reserve + settle, one hot budget": pair_script(version, counters[0], counters[0]),
        "reserve + settle, 64 budgets": pair_script(version, counters[0], counters[-1]),
    }
    rates: dict[str, list[float]] = {name: [] for name in scripts}
    dice, script = random.Random(5), folder / "script.sql"
    for _ in range(rounds):
        for name in dice.sample(list(scripts), len(scripts)):
            script.write_text(scripts[name])
            rates[name].append(rate(url, script, clients, seconds))
    anchor = statistics.median(rates["bare UPDATE, hot row"])
    print(f"{clients} clients, {rounds} rounds of {seconds:g} s, median (min-max) a second")
    for name, found in rates.items():
        middle = statistics.median(found)
        print(
            f"  {name:34} {middle:8.0f} ({min(found):.0f}-{max(found):.0f})  x{middle / anchor:.2f} of the bare UPDATE"
        )


def _batch(number: int, agents: int = 1, conversations: int = 0) -> list[dict[str, Any]]:
    dice, now = random.Random(number), datetime.now(UTC).isoformat()
    return [
        {
            "occurred_at": now,
            "provider": "openai",
            "model": dice.choice(("gpt-4.1", "gpt-4.1-mini")),
            "input_tokens": 900,
            "output_tokens": 90,
            "cost_usd": "0.0001",
            "agent": f"a{dice.randrange(agents)}",
            "task_type": dice.choice(("code", "main_loop", "memory_recall")),
            "conversation_id": f"c{conversations}-{dice.randrange(40)}",
            "user": f"u{dice.randrange(5)}",
        }
        for _ in range(1000)
    ]


def _ingest(url: str, until: float) -> None:
    """A process that stores batches of 100 until then."""
    prepared_quietly(url)
    from apps.costs.services.ingest import record_usage
    from tests.budgets.acts import REPORTER

    records = _batch(os.getpid())
    while time.time() < until:
        record_usage(records[:100], caller=REPORTER, now=datetime.now(UTC))


def prepared_quietly(url: str) -> None:
    """Start the product in a new process, without migrating."""
    os.environ.update(DATABASE_URL=url, DJANGO_SETTINGS_MODULE="tests.settings")
    import django

    django.setup()


def measure_decisions(url: str, seconds: float) -> None:
    """How long state and reserve take while batches are charged to the same budget."""
    from apps.budgets.selectors.states import budget_state
    from apps.budgets.services import reserving
    from tests.budgets.acts import facts

    until = time.time() + seconds + 4
    processes = [
        multiprocessing.get_context("spawn").Process(target=_ingest, args=(url, until)) for _ in range(INGEST_PROCESSES)
    ]
    for process in processes:
        process.start()
    time.sleep(4)
    from django.utils import timezone

    known, took = facts(agent="a0"), []
    while time.time() < until:
        begin = time.perf_counter()
        budget_state(facts=known, now=timezone.now())
        reserving.reserve(facts=known, amount_usd=AMOUNT, ttl_seconds=1)
        took.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.01)
    for process in processes:
        process.join()
    took.sort()
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"state + reserve while {INGEST_PROCESSES} processes ingest into the same budget: n={len(took)}")
    print(f"  p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def measure_ingest(rounds: int) -> None:
    """What 20 budgets, and the budget of every conversation, add to a batch of 1,000 of 40 conversations."""
    cases = {
        "no budget": (0, False),
        "20 budgets that all apply": (20, False),
        "every conversation, going on": (1, False),
        "no budget, new conversations": (0, True),
        "every conversation, new ones": (1, True),
    }
    took: dict[str, list[float]] = {name: [] for name in cases}
    number = 0
    for _ in range(rounds * 2):
        for name in random.Random(number).sample(list(cases), len(cases)):
            budgets, is_new = cases[name]
            _stand(budgets)
            for step in range(5):
                number += 1
                seconds = _stored(_batch(number, conversations=number if is_new else 0))
                if step:
                    took[name].append(seconds)
    print(f"batches of 1,000 records, median of {len(took['no budget'])}")
    for name, found in took.items():
        middle, is_new = statistics.median(found), cases[name][1]
        without = statistics.median(took["no budget, new conversations" if is_new else "no budget"])
        print(f"  {name:30} {middle * 1000:6.1f} ms  {middle / without - 1:+.0%}")


def _stand(budgets: int) -> None:
    """Only so many budgets: one is that of every conversation, 20 are of everything and of an agent."""
    from apps.budgets.models import Budget
    from apps.budgets.selectors import matching
    from apps.budgets.services import opening
    from tests.budgets.acts import make_budget

    Budget.objects.all().delete()
    opening.forget()
    for place in range(budgets):
        scope = {"agent": "a0"} if place % 2 else {}
        period = {"period": "conversation", "each": "conversation"} if budgets == 1 else {}
        make_budget("999999999", name=f"I{place}", scope=scope, **period)
    matching.forget()


def _stored(records: list[dict[str, Any]]) -> float:
    """Seconds it took to store these."""
    from apps.costs.services.ingest import record_usage
    from tests.budgets.acts import REPORTER

    begin = time.perf_counter()
    result = record_usage(records, caller=REPORTER, now=datetime.now(UTC))
    seconds = time.perf_counter() - begin
    if result.count("accepted") != len(records):
        raise RuntimeError(f"{result.count('accepted')} stored")
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PARTS)
    asked = parser.parse_args()
    from controlplane.launch.postgres import private_postgres

    with tempfile.TemporaryDirectory() as folder, private_postgres(Path(folder)) as server:
        prepared(server.url)
        if asked.only in (None, "pairs"):
            measure_pairs(server.url, asked.clients, asked.seconds, asked.rounds, Path(folder))
        if asked.only in (None, "decisions"):
            measure_decisions(server.url, asked.seconds * 2)
        if asked.only in (None, "ingest"):
            measure_ingest(asked.rounds)


if __name__ == "__main__":
    main()
