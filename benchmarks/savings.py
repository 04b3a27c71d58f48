"""Are savings right to the last digit on real traces, and how fast are they derived and read?

    python -m benchmarks.savings [FOLDER] [--records 1000000] [--days 90] [--requests 20]

1. FOLDER holds the published traces of docs/imports.md (Azure LLM 2023, Mooncake, tau-bench). Each is imported into a
   private PostgreSQL, a baseline is declared, days are derived, and a what-if moves every call to the baseline's model.
   The same is added up here from the raw file in Decimal, with rates written here. Every amount must be equal.
2. A made history (benchmarks/history.py) with decisions: how long a day takes to derive and a what-if to replay, and
   how long pages and API take to answer, by the clock and by processor time (of the page and of the database).
"""

import argparse
import csv
import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

from benchmarks.history_decisions import policy_document
from benchmarks.processes import cpu_seconds

USED, BASELINE = ("openai", "gpt-4o-mini"), ("openai", "gpt-4o")
RATES = {USED: ("0.15", "0.075", "0.6"), BASELINE: ("2.5", "1.25", "10")}
"""USD per million tokens: input, cache read, output; the public list prices."""
TRACES = {
    "azure_llm_2023_conv.csv.gz": ("azure-llm", USED, BASELINE),
    "mooncake_conversation.jsonl.gz": ("mooncake", USED, BASELINE),
    "tau_bench_gpt4o_airline.json.gz": ("tau-bench", BASELINE, USED),
}
PAGES = {
    "Overview 30 days": "/?period=30d",
    "Savings 30 days": "/routing/savings?period=30d",
    "Savings 30 days, one model": "/routing/savings?period=30d&model=gpt-4.1",
    "Savings 90 days": "/routing/savings?from={first}&to={last}",
    "Savings CSV, 30 days by day": "/routing/savings.csv?period=30d",
    "Baselines": "/routing/baselines",
    "What-if, the form with advice": "/routing/what-if",
    "What-if, one of a draft": "/routing/what-if/{run}",
    "API efficiency, 30 days": "/api/metrics/efficiency?from={from}&to={to}",
    "API effects, 30 days": "/api/routing/effects?from={day}&to={until}",
    "API one what-if": "/api/runs/{run}",
    "API what-ifs": "/api/routing/replays",
}
Counts = tuple[int, int, int]
"""Input, of it read from the cache, and output tokens of one call."""


def main() -> None:
    """Check, measure, print; exits with 1 when an amount differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="the folder of the traces")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--requests", type=int, default=20)
    chosen = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ["BURSAR_STATEMENT_TIMEOUT_MS"] = "0"
    from controlplane.launch.postgres import private_postgres

    right = True
    with tempfile.TemporaryDirectory() as folder, private_postgres(Path(folder)) as database:
        os.environ["DATABASE_URL"] = database.url
        _set_up()
        if chosen.folder is None:
            print("left out: the traces lie outside of the project; name their folder")
        else:
            right = _traces(chosen.folder)
        if chosen.records:
            _speed(chosen.records, chosen.days, chosen.requests)
    sys.exit(not right)


def _set_up() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("load_prices", verbosity=0)


def _traces(folder: Path) -> bool:
    print("| trace | calls | what | told | from the raw file | difference |\n|---|---|---|---|---|---|")
    right = [_trace(folder / name, *how) for name, how in TRACES.items()]
    return all(right)


def _trace(path: Path, kind: str, used: tuple[str, str], baseline: tuple[str, str]) -> bool:
    from apps.access.selectors.places import project_id_of
    from apps.costs.selectors.metrics import UsageQuery
    from apps.costs.services.imports import Wanted, import_file
    from apps.routing.selectors.savings import savings_of

    now = datetime.now(UTC)
    start = (now - timedelta(days=5)).replace(hour=0, minute=0, second=0, microsecond=0)
    provider, model = ("", "") if kind == "tau-bench" else used
    import_file(Wanted(path, kind, kind, provider, model, start=start, keep_costs=False))
    project = project_id_of(kind)
    assert project is not None
    declared = _declare(baseline, start, now)
    query = UsageQuery(start, start + timedelta(days=7), project_ids=frozenset({project}))
    found = savings_of(query).whole
    replayed = _replay(used, baseline, project, now)
    calls = list(_raw(path, kind))
    paid, there = (sum((_price(model, one) for one in calls), Decimal(0)) for model in (used, baseline))
    rows = [
        ("paid", found.paid_usd, paid), ("baseline, the same tokens", found.repriced_usd, there),
        ("saved", found.saved_usd, there - paid), ("what-if before", replayed.before_usd, paid),
        ("what-if after", replayed.after_usd, there),
    ]  # fmt: skip
    for what, told, wanted in rows:
        print(f"| {kind} | {len(calls):,} | {what} | ${told:.15f} | ${wanted:.15f} | {told - wanted} |")
    _withdraw(declared, now)
    return len(calls) == found.compared_calls and all(told == wanted for _, told, wanted in rows)


def _price(model: tuple[str, str], one: Counts) -> Decimal:
    fresh, read, written = map(Decimal, RATES[model])
    return ((one[0] - one[1]) * fresh + one[1] * read + one[2] * written) / 1_000_000


def _raw(path: Path, kind: str) -> Iterator[Counts]:
    """The tokens of every call, straight from the file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        if kind == "azure-llm":
            for row in csv.DictReader(file):
                yield int(row["ContextTokens"]), 0, int(row["GeneratedTokens"])
        elif kind == "mooncake":
            seen: set[int] = set()
            for line in file:
                call = json.loads(line)
                known = sum(1 for _ in takewhile(seen.__contains__, call["hash_ids"]))
                seen.update(call["hash_ids"])
                yield call["input_length"], min(512 * known, call["input_length"]), call["output_length"]
        else:
            yield from _talks(json.load(file))


def _talks(conversations: list[dict[str, Any]]) -> Iterator[Counts]:
    import tiktoken

    vocabulary = tiktoken.get_encoding("o200k_base")

    def count(message: dict[str, Any]) -> int:
        texts = [message.get("content") or ""]
        if message.get("tool_calls"):
            texts.append(json.dumps(message["tool_calls"], separators=(",", ":"), ensure_ascii=False))
        return sum(len(vocabulary.encode(text, disallowed_special=())) for text in texts)

    for conversation in conversations:
        before = 0
        for message in conversation["traj"]:
            size = count(message)
            if message["role"] == "assistant":
                yield before, 0, size
            before += size


def _caller() -> Any:
    from apps.costs.services.imports.running import CALLER

    return CALLER


def _declare(model: tuple[str, str], start: datetime, now: datetime) -> int:
    from apps.routing.services.savings.declaring import Wanted, declare
    from apps.routing.services.savings.sweeping import derive_due_days

    row = declare(caller=_caller(), wanted=Wanted(start.date(), {"": model}), now=now)
    derive_due_days(now=now, seconds=600)
    return row.pk


def _withdraw(baseline_id: int, now: datetime) -> None:
    from apps.routing.services.savings.declaring import withdraw

    withdraw(caller=_caller(), baseline_id=baseline_id, now=now)


def _replay(used: tuple[str, str], baseline: tuple[str, str], project: int, now: datetime) -> Any:
    from apps.routing.domain.scenarios import Move
    from apps.routing.models import ReplayRun
    from apps.routing.selectors.replays import outcome_of
    from apps.routing.services.replays.asking import WhatIf, ask
    from apps.routing.services.replays.working import work_on_replays

    run = ask(caller=_caller(), wanted=WhatIf(7, project, moves=[Move(used, baseline)]), now=now)
    while work_on_replays(seconds=600):
        pass
    return outcome_of(ReplayRun.objects.get(pk=run.pk))


def _speed(records: int, days: int, requests: int) -> None:
    from django.db import connection
    from django.test import Client

    from apps.access.domain.identity import Role
    from apps.access.models import User
    from apps.routing.models import BaselineRow, SavingsDay
    from apps.routing.services.savings.sweeping import derive_due_days
    from benchmarks.dashboard import fold
    from benchmarks.history import make_history

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE costs_usagerecord, costs_usagequarter, costs_usagequarterby, costs_conversationtotal")
        cursor.execute("TRUNCATE costs_tasktotal, costs_outcome, costs_usageday, costs_dayslice, costs_dayfold")
        cursor.execute("TRUNCATE routing_savingsday, routing_savingssum, routing_savingsslice, routing_switchsum")
    now = datetime.now(UTC)
    make_history(records=records, start=now - timedelta(days=days), days=days, say=lambda step: None, decided=True)
    fold(now, lambda step: None)
    BaselineRow.objects.all().delete()
    begin = time.perf_counter()
    _declare(BASELINE, now - timedelta(days=days + 1), now)
    took = time.perf_counter() - begin
    print(f"\n{records:,} records on {SavingsDay.objects.count()} days: derived in {took:.0f} s,", end=" ")
    print(f"{records / took:,.0f} records a second; a run that finds nothing: ", end="")
    begin = time.perf_counter()
    derive_due_days(now=now)
    print(f"{(time.perf_counter() - begin) * 1000:.0f} ms")
    run = _what_if(now)
    print("\n| what | p50 ms | p95 ms | processor p50 ms | p95 ms |\n|---|---|---|---|---|")
    person = User.objects.create(email="bench@localhost", role=Role.OWNER, must_change_password=False)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    times = {
        "from": f"{now - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}", "to": f"{now:%Y-%m-%dT%H:%M:%SZ}", "run": run,
        "day": f"{now - timedelta(days=30):%Y-%m-%dT00:00:00Z}", "until": f"{now:%Y-%m-%dT00:00:00Z}",
        "first": f"{now - timedelta(days=89):%Y-%m-%d}", "last": f"{now:%Y-%m-%d}",
    }  # fmt: skip
    for name, address in PAGES.items():
        asked = address.format(**times)
        _timed(client, asked)
        found = [_timed(client, asked) for _ in range(requests)]
        shown = [sorted(column)[place] for column in zip(*found, strict=True)
                 for place in (requests // 2, max(0, round(requests * 0.95) - 1))]  # fmt: skip
        print(f"| {name} | {' | '.join(f'{value:.0f}' for value in shown)} |")


def _what_if(now: datetime) -> int:
    """A draft and a move replayed over seven days, with the policy in force and its quality known."""
    from apps.routing.domain.scenarios import Move
    from apps.routing.models import PolicyVersion, ReplayRun
    from apps.routing.services.policies import make_draft, publish
    from apps.routing.services.quality import refresh_quality
    from apps.routing.services.replays.asking import WhatIf, ask
    from apps.routing.services.replays.working import work_on_replays

    begin = time.perf_counter()
    refresh_quality(now=now)
    print(f"quality of models in {time.perf_counter() - begin:.0f} s", end="; ")
    caller, document = _caller(), policy_document()
    for changed in (document, document | {"tiers": document["tiers"][1:]}):
        draft = make_draft(caller=caller, document=changed, note="benchmark", based_on=None)
        if not PolicyVersion.objects.published().exists():
            publish(caller=caller, draft_id=draft.pk, now=now)
    moves = [Move(("openai", "gpt-4.1"), ("openai", "gpt-4.1-mini"))]
    wanted = WhatIf(7, None, draft.pk, moves=moves, levers={"cached_share": "0.5", "growth_percent": "20"})
    run = ask(caller=caller, wanted=wanted, now=now)
    begin = time.perf_counter()
    while work_on_replays(seconds=600):
        pass
    took, done = time.perf_counter() - begin, ReplayRun.objects.get(pk=run.pk)
    print(f"a what-if of {done.sums['calls']:,} calls in {took:.0f} s, {done.sums['calls'] / took:,.0f} a second")
    return int(run.pk)


def _timed(client: Any, address: str) -> tuple[float, float]:
    """Milliseconds by the clock, and of processors: of this process and of its connection's."""
    from django.db import connection

    backend = [connection.connection.info.backend_pid] if connection.connection else []
    begin, used = time.perf_counter(), time.process_time() + cpu_seconds(backend)
    answer = client.get(address)
    b"".join(answer.streaming_content) if answer.streaming else answer.content
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    now = connection.connection.info.backend_pid if connection.connection else 0
    after = time.process_time() + (cpu_seconds(backend) if backend == [now] else 0.0)
    return (time.perf_counter() - begin) * 1000, (after - used) * 1000


if __name__ == "__main__":
    main()
