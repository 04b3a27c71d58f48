"""How fast pages answer with 10 million records over 90 days, and how long proving a closed hour and day takes.

    python -m benchmarks.dashboard [--records 10000000] [--days 90] [--requests 40] [--independent]

The history is made inside a private PostgreSQL from a fixed seed (some minutes), days are folded as Celery does, then
the Overview is asked for through the whole stack, warm, with and without filters. The anchor is one scan of the records
of the same 30 days, measured in the same run.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SERVER: dict[str, Any] = {
    "max_wal_size": "8GB",
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "checkpoint_timeout": "30min",
}
PAGES = {
    "Overview 30 days": "/?period=30d",
    "Overview 30 days, one model": "/?period=30d&model=gpt-4.1",
    "Overview 30 days, model and task": "/?period=30d&model=gpt-4.1&task_type=task-0",
    "Overview 7 days": "/?period=7d",
    "Overview today": "/?period=today",
}


def main() -> None:
    """Make the history, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--independent", action="store_true", help="draw every dimension by itself: the worst case")
    chosen = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ["BURSAR_STATEMENT_TIMEOUT_MS"] = "0"
    from controlplane.launch.postgres import private_postgres

    with tempfile.TemporaryDirectory() as folder, private_postgres(Path(folder), settings=SERVER) as database:
        os.environ["DATABASE_URL"] = database.url
        _prepare(chosen.records, chosen.days, independent=chosen.independent)
        _measure(chosen.requests)


def _prepare(records: int, days: int, *, independent: bool = False) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    from benchmarks.history import make_history

    call_command("migrate", verbosity=0)
    now = datetime.now(UTC)
    begin = time.monotonic()

    def say(step: str) -> None:
        print(f"{time.monotonic() - begin:6.0f} s  {step}", file=sys.stderr, flush=True)

    make_history(records=records, start=now - timedelta(days=days), days=days, say=say, independent=independent)
    say("folding days")
    _fold(now, say)
    say("ready")


def _fold(now: datetime, say: Callable[[str], None]) -> None:
    from apps.costs.services.folding import fold_closed_days

    while (run := fold_closed_days(now=now, seconds=600)).folded:
        say(f"folded {run.folded} days")


def _measure(requests: int) -> None:
    from django.test import Client

    from apps.access.domain.identity import Role
    from apps.access.models import User

    person = User.objects.create(email="bench@localhost", role=Role.OWNER, must_change_password=False)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    anchor = _timed(_scan, 3)
    print(f"{'what':36}{'p50 ms':>10}{'p95 ms':>10}{'vs anchor':>11}")
    _print("anchor: scan of 30 days of records", anchor, anchor)
    for name, address in PAGES.items():
        _print(name, _timed(lambda address=address: _get(client, address), requests), anchor)  # type: ignore[misc]
    _prove(anchor, requests)


def _get(client: Any, address: str) -> None:
    response = client.get(address)
    if response.status_code != 200 or b"Spend" not in response.content:
        raise RuntimeError(f"{address} answered {response.status_code}")


def _scan() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(cost_usd) FROM costs_usagerecord WHERE occurred_at >= now() - interval '30 days'")


def _prove(anchor: list[float], requests: int) -> None:
    from apps.costs.services.proof_sweep import prove_span

    hour = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=5)
    step = timedelta(hours=1)
    proofs = iter(range(10_000))

    def prove(hours: int) -> None:
        begin = hour - next(proofs) % 40 * timedelta(days=1)
        if found := prove_span(begin, begin + hours * step, now=datetime.now(UTC)):
            raise RuntimeError(f"the made history does not add up: {found[0]}")

    _print("prove one closed hour", _timed(lambda: prove(1), requests), anchor)
    _print("prove one closed day", _timed(lambda: prove(24), max(5, requests // 4)), anchor)


def _timed(act: Callable[[], None], times: int) -> list[float]:
    act()
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        act()
        found.append((time.perf_counter() - begin) * 1000)
    return found


def _print(name: str, found: list[float], anchor: list[float]) -> None:
    p95 = sorted(found)[max(0, round(len(found) * 0.95) - 1)]
    middle = statistics.median(found)
    print(f"{name:36}{middle:>10.1f}{p95:>10.1f}{middle / statistics.median(anchor):>11.3f}", flush=True)


if __name__ == "__main__":
    main()
