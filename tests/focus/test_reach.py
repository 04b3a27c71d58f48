"""Files of 100,000 rows start within a second, and take little memory however long they are."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
from django.test import Client
from pyarrow import parquet

from apps.access.models import User
from tests.usage import call, report

pytestmark = pytest.mark.prove

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAYS, AGENTS, TASKS = 25, 400, 10
ROWS = DAYS * AGENTS * TASKS
START_SECONDS, GROWTH_MB = 1.0, 50
PERIOD = f"from={(NOW - timedelta(days=DAYS)).date()}&to={NOW.date()}"


def memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def test_files_of_100_000_rows(ann: User, signed_in: Callable[[User], Client]) -> None:
    assert parquet  # is loaded before memory is measured: it takes 50 MB, once in a process
    for day in range(DAYS):
        at = NOW - timedelta(days=day, minutes=1)
        pairs = [(agent, task) for agent in range(AGENTS) for task in range(TASKS)]
        report([call(at, agent=f"agent-{agent}", task_type=f"task-{task}") for agent, task in pairs], NOW)
    browser = signed_in(ann)
    for path in (f"/focus.csv?{PERIOD}", f"/focus.parquet?{PERIOD}", f"/explore/records.csv?{PERIOD}"):
        before, began = memory_mb(), time.monotonic()
        answer: Any = browser.get(path)
        pieces = iter(answer.streaming_content)
        first, most = next(pieces), 0.0
        started = time.monotonic() - began
        lines, length = first.count(b"\n"), len(first)
        for piece in pieces:
            most = max(most, memory_mb() - before)
            lines, length = lines + piece.count(b"\n"), length + len(piece)
        seconds = time.monotonic() - began
        print(f"{path}: started {started:.2f} s, done {seconds:.1f} s, {length / 2**20:.1f} MB, memory +{most:.0f} MB")
        assert started < START_SECONDS
        assert most < GROWTH_MB
        assert lines == ROWS + 1 or "parquet" in path
