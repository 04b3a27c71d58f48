"""How fast pages answer with 10 million records over 90 days, and how long proving a closed hour and day takes.

    python -m benchmarks.dashboard [--records 10000000] [--days 90] [--requests 40] [--independent] [--keep DIR]

The history is made inside a private PostgreSQL from a fixed seed (some minutes), days are folded as Celery does, then
pages and API are asked through the whole stack, warm, with and without filters. The anchor is one scan of the records
of the same 30 days, measured in the same run. At last the product is served by one worker, as in production: a large
download is timed and the worker's memory watched, and a browser clicks on filters.

With `--keep DIR` the history stays and is measured again by the next run with the same DIR and numbers; the file
DIR/complete says what there is, and without it the history is made anew. It ends when it was made: measure it on the
same day, or the last 30 days have fewer records.
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
    "Overview 30 days, by agent": "/?period=30d&group=agent",
    "Overview 7 days": "/?period=7d",
    "Overview today": "/?period=today",
    "Explore 30 days": "/explore?period=30d",
    "Explore 30 days, and by task type": "/explore?period=30d&then=task_type",
    "Explore 30 days, p95 latency": "/explore?period=30d&measure=latency_p95",
    "Explore 30 days, agents by status": "/explore?period=30d&group=agent&then=status",
    "Explore 30 days, cost per success": "/explore?period=30d&measure=cost_per_success",
    "Explore 30 days, failed calls": "/explore?period=30d&measure=failed_usd&then=task_type",
    "Explore 30 days, by tool": "/explore?period=30d&group=tool",
    "Explore 30 days, by user": "/explore?period=30d&group=user",
    "records, 30 days": "/explore/records?period=30d",
    "records, 30 days, a rare model": "/explore/records?period=30d&model=ministral-3b-latest",
    "records, 30 days, a rare tool": "/explore/records?period=30d&tool=tool-55",
    "conversations, 30 days": "/c?period=30d",
    "API cost, 30 days": "/api/metrics/cost?from={from}&to={to}",
    "API performance, 30 days": "/api/metrics/performance?from={from}&to={to}",
    "API efficiency, 30 days, by model": "/api/metrics/efficiency?from={from}&to={to}&group_by=model",
    "API cost, 30 days, by day and model": "/api/metrics/cost?from={from}&to={to}&interval=day&group_by=model",
}


def main() -> None:
    """Make the history, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--independent", action="store_true", help="draw every dimension by itself: the worst case")
    parser.add_argument("--keep", type=Path, help="a folder to keep the history in, and to measure it again from")
    chosen = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    # The machine may be so busy that a page waits half a minute between two questions of its snapshot: it is not stuck.
    os.environ.update(BURSAR_STATEMENT_TIMEOUT_MS="0", BURSAR_IDLE_TRANSACTION_TIMEOUT_MS="0")
    from controlplane.launch.postgres import COMPLETE, private_postgres

    with tempfile.TemporaryDirectory() as folder:
        home = chosen.keep or Path(folder)
        made, wanted = home / COMPLETE, _words(chosen)
        if made.exists() and made.read_text() != wanted:
            raise SystemExit(f"{made} says {made.read_text()!r}, not {wanted!r}: remove it to make the history anew")
        with private_postgres(home, settings=SERVER, keep=chosen.keep is not None) as database:
            os.environ["DATABASE_URL"] = database.url
            _prepare(chosen.records, chosen.days, independent=chosen.independent, is_made=made.exists())
            made.write_text(wanted)
            _measure(chosen.requests, chosen.records / chosen.days)


def _words(chosen: argparse.Namespace) -> str:
    how = ", every dimension by itself" if chosen.independent else ""
    return f"{chosen.records} records over {chosen.days} days{how}"


def _prepare(records: int, days: int, *, independent: bool, is_made: bool) -> None:
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    from apps.costs.models import UsageRecord
    from benchmarks.history import make_history

    call_command("migrate", verbosity=0)
    now = datetime.now(UTC)
    begin = time.monotonic()

    def say(step: str) -> None:
        print(f"{time.monotonic() - begin:6.0f} s  {step}", file=sys.stderr, flush=True)

    if not (is_made and UsageRecord.objects.exists()):
        make_history(records=records, start=now - timedelta(days=days), days=days, say=say, independent=independent)
    say("folding days")
    fold(now, say)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    say("ready")


def fold(now: datetime, say: Callable[[str], None]) -> None:
    """Days, tasks and waste, as Celery folds them."""
    from apps.costs.services.folding import fold_closed_days
    from apps.costs.services.task_folding import fold_tasks
    from apps.costs.services.waste_folding import fold_waste

    while (run := fold_closed_days(now=now, seconds=600)).folded:
        say(f"folded {run.folded} days")
    say(fold_tasks(now=now, seconds=600).words)
    while (waste := fold_waste(seconds=60)).left:
        say(waste.words)


def _measure(requests: int, per_day: float) -> None:
    import gc

    from django.test import Client

    from apps.access.domain.identity import Role
    from apps.access.models import User

    person, _ = User.objects.get_or_create(
        email="bench@localhost", defaults={"role": Role.OWNER, "must_change_password": False}
    )
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    # As gunicorn_conf.py does in a worker.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    anchor = _timed(_scan, 3)
    print(f"{'what':36}{'p50 ms':>10}{'p95 ms':>10}{'vs anchor':>11}")
    _print("anchor: scan of 30 days of records", anchor, anchor)
    now = datetime.now(UTC)
    times = {"from": f"{now - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}", "to": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    for name, address in PAGES.items():
        asked = address.format(**times)
        _print(name, _timed(lambda asked=asked: _get(client, asked), requests), anchor)  # type: ignore[misc]
    _prove(anchor, requests)
    _browse(client.cookies["sessionid"].value, anchor, requests, per_day)


def _browse(session: str, anchor: list[float], requests: int, per_day: float) -> None:
    from benchmarks.browsing import clicks, download, served

    with served() as worker:
        lines, started, grown = download(worker, session, per_day=per_day)
        print(f"CSV of {lines - 1:,} records: starts after {started * 1000:.0f} ms, the worker grows by {grown:.0f} MB")
        try:
            _print("filter click to painted chart", clicks(session, requests // 2), anchor)
        except RuntimeError as error:
            print(f"filter click to painted chart: {error}")


def _get(client: Any, address: str) -> None:
    response = client.get(address)
    if response.status_code != 200:
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
    # As often as an hour: of ten times, the slowest alone would be the p95.
    _print("prove one closed day", _timed(lambda: prove(24), requests), anchor)


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
