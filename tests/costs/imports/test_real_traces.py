"""The three real traces: metrics, API and CSV agree with a `Decimal` sum over the file, worked out here by itself."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import tiktoken
from django.db import connection
from django.test import Client

from apps.access.models import User
from apps.costs.domain import tokens
from apps.costs.domain.formats import money_exact
from apps.costs.models import Price, UsageRecord
from apps.costs.selectors.metrics import UsageQuery, breakdown, totals
from apps.costs.services.imports import Report, Wanted, import_file
from tests.cast import HeldKey
from tests.costs.imports.conftest import make_price
from tests.costs.imports.samples import TRACES

START = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
MILLION = Decimal(1_000_000)

Call = tuple[int, int, int]
"""Input tokens, how many of them from the cache, output tokens."""


@dataclass(frozen=True)
class Trace:
    """One file, how it is imported, and how many calls and tool executions are known to be in it."""

    file: str
    format: str
    provider: str
    model: str
    rates: tuple[str, str, str]
    calls: int
    tool_executions: int
    read: Callable[[Path], Iterator[Call]]

    def path(self) -> Path:
        path = TRACES / self.file
        if not path.exists():
            pytest.skip(f"{self.file} is not here: the traces are not part of the repository")
        return path

    def wanted(self) -> Wanted:
        return Wanted(self.path(), self.format, "traces", self.provider, self.model, start=START)

    def price(self) -> Price:
        uncached, cached, output = self.rates
        return make_price(self.provider, self.model, input=uncached, cache_read=cached, output=output)


def azure_calls(path: Path) -> Iterator[Call]:
    with gzip.open(path, "rt", newline="") as lines:
        for line in csv.DictReader(lines):
            yield int(line["ContextTokens"]), 0, int(line["GeneratedTokens"])


def mooncake_calls(path: Path) -> Iterator[Call]:
    seen: set[int] = set()
    with gzip.open(path, "rt") as lines:
        for line in map(json.loads, lines):
            blocks = 0
            while blocks < len(line["hash_ids"]) and line["hash_ids"][blocks] in seen:
                blocks += 1
            seen |= set(line["hash_ids"])
            yield line["input_length"], min(512 * blocks, line["input_length"]), line["output_length"]


def tau_bench_calls(path: Path) -> Iterator[Call]:
    tokens.count("", "gpt-4o")  # unpacks the vocabulary
    encode = tiktoken.get_encoding("o200k_base").encode_ordinary
    with gzip.open(path, "rt") as file:
        for conversation in json.load(file):
            history = 0
            for message in conversation["traj"]:
                size = len(encode(message["content"] or ""))
                if message.get("tool_calls"):
                    size += len(encode(json.dumps(message["tool_calls"], ensure_ascii=False, separators=(",", ":"))))
                if message["role"] == "assistant":
                    yield history, 0, size
                history += size


TRACE_LIST = [
    Trace("azure_llm_2023_conv.csv.gz", "azure-llm", "azure", "gpt-4", ("30", "30", "60"), 19_366, 0, azure_calls),
    Trace(
        "mooncake_conversation.jsonl.gz", "mooncake", "moonshotai", "kimi-k2", ("0.6", "0.15", "2.5"), 12_031, 0,
        mooncake_calls,
    ),
    Trace(
        "tau_bench_gpt4o_airline.json.gz", "tau-bench", "openai", "gpt-4o", ("2.5", "1.25", "10"), 2_454, 1_164,
        tau_bench_calls,
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Sum:
    calls: int
    input_tokens: int
    cached: int
    output_tokens: int
    cost_usd: Decimal


def independent_sum(trace: Trace, price: Price) -> Sum:
    """The file added up with its own arithmetic, at the rates of the stored price."""
    price.refresh_from_db()
    calls = list(trace.read(trace.path()))
    uncached, cached, output = price.input_usd_per_mtok, price.cache_read_usd_per_mtok, price.output_usd_per_mtok
    cost = sum(((i - c) * uncached + c * cached + o * output for i, c, o in calls), Decimal(0)) / MILLION
    inputs, cached_inputs, outputs = (sum(column) for column in zip(*calls, strict=True))
    return Sum(len(calls), inputs, cached_inputs, outputs, cost)


def in_metrics() -> Sum:
    found = totals(everything())
    return Sum(found.calls, found.input_tokens, found.cache_read_input_tokens, found.output_tokens, found.cost_usd)


def everything() -> UsageQuery:
    return UsageQuery(START - timedelta(days=2), START + timedelta(days=20), filters={"project": ("traces",)})


def in_usage_api(client: Client) -> Sum:
    """Every record of the list added up, page by page."""
    sums = Sum(0, 0, 0, 0, Decimal(0))
    address: str | None = "/api/usage?limit=1000&project=traces&from=2026-11-01T00:00:00Z&to=2026-11-20T00:00:00Z"
    while address:
        page = client.get(address).json()
        for one in page["results"]:
            sums = Sum(
                sums.calls + (one["operation"] != "execute_tool"),
                sums.input_tokens + one["input_tokens"],
                sums.cached + one["cache_read_input_tokens"],
                sums.output_tokens + one["output_tokens"],
                sums.cost_usd + Decimal(one["cost_usd"]),
            )
        address = page["next"]
    return sums


def in_metrics_api(client: Client) -> Sum:
    address = "/api/metrics/cost?project=traces&from=2026-11-01T00:00:00Z&to=2026-11-20T00:00:00Z&group_by=model"
    found = client.get(address).json()
    told = found["totals"]
    assert sum(Decimal(row["cost_usd"]) for row in found["results"]) == Decimal(told["cost_usd"])
    return Sum(
        told["calls"],
        told["input_tokens"],
        told["cache_read_input_tokens"],
        told["output_tokens"],
        Decimal(told["cost_usd"]),
    )


def in_csv(client: Client) -> Sum:
    answer = client.get("/overview.csv?from=2026-11-01&to=2026-11-20&project=traces&table=model")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = [row for row in csv.DictReader(StringIO(text)) if row["model"]]

    def added(column: str) -> Any:
        return sum((Decimal(row[column]) for row in rows), Decimal(0))

    return Sum(
        int(added("calls")),
        int(added("input_tokens")),
        int(added("cache_read_input_tokens")),
        int(added("output_tokens")),
        added("cost_usd"),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("trace", TRACE_LIST, ids=lambda trace: trace.format)
def test_every_place_tells_the_sum_of_the_file_to_the_last_digit(
    trace: Trace, reader: HeldKey, alice: User, signed_in: Callable[[User], Client]
) -> None:
    price = trace.price()
    expected = independent_sum(trace, price)
    report = import_file(trace.wanted())

    assert (report.calls, report.tool_executions) == (trace.calls, trace.tool_executions)
    assert report.refused.total() == report.unpriced.total() == 0
    assert report.cost_usd == expected.cost_usd
    assert in_metrics() == expected
    assert in_metrics_api(reader.client) == expected
    assert in_usage_api(reader.client) == expected
    browser = signed_in(alice)
    assert in_csv(browser) == expected
    page = browser.get("/?from=2026-11-01&to=2026-11-20&project=traces").content.decode()
    assert f'data-exact="{money_exact(expected.cost_usd)}"' in page

    for again in (False, True):
        repeated = import_file(Wanted(**{**vars_of(trace.wanted()), "again": again}))
        assert (repeated.calls, repeated.tool_executions, repeated.cost) == (0, 0, 0)
        assert repeated.already_done + repeated.duplicates == trace.calls + trace.tool_executions
    assert in_metrics() == expected


@pytest.mark.django_db
def test_outcomes_and_tools_of_tau_bench_are_those_of_the_file() -> None:
    trace = TRACE_LIST[2]
    trace.price()
    import_file(trace.wanted())

    outcomes = list(UsageRecord.objects.exclude(success=None).values_list("success", flat=True))
    assert (len(outcomes), sum(map(bool, outcomes))) == (200, 84)
    assert len(breakdown(everything(), group_by="model", limit=50)) == 2
    tools = UsageRecord.objects.exclude(tool_id=0).values_list("tool_id", flat=True).distinct()
    assert len(set(tools)) == 14


@pytest.mark.django_db
def test_no_text_of_a_conversation_is_stored() -> None:
    trace = TRACE_LIST[2]
    trace.price()
    with gzip.open(trace.path(), "rt") as file:
        texts = {m["content"] for c in json.load(file) for m in c["traj"] if m["content"]}
    import_file(trace.wanted())

    longest = max(texts, key=len)[:60]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(to_jsonb(r)::text, ' ') FROM costs_usagerecord r")
        stored = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(name, ' ') FROM costs_label")
        stored += cursor.fetchone()[0]
    assert longest not in stored
    assert not [text for text in texts if len(text) > 20 and text in stored]


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_and_run_again_it_has_the_same_totals(tmp_path: Path) -> None:
    trace = TRACE_LIST[0]
    price = trace.price()
    expected = independent_sum(trace, price)
    command = [
        sys.executable, "manage.py", "import_usage", str(trace.path()), "--format", trace.format, "--project", "traces",
        "--provider", trace.provider, "--model", trace.model, "--start", START.isoformat(),
    ]  # fmt: skip
    environment = {**os.environ, "DATABASE_URL": database_address(), "DJANGO_SETTINGS_MODULE": "tests.settings"}

    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[3]) as killed:
        wait_until(lambda: UsageRecord.objects.count() >= 3000, killed)
        os.kill(killed.pid, signal.SIGKILL)
    stored = UsageRecord.objects.count()
    assert 3000 <= stored < trace.calls
    assert stored % 1000 == 0

    report: Report = import_file(trace.wanted())
    assert report.already_done + report.duplicates == stored
    assert report.calls == trace.calls - stored
    assert in_metrics() == expected


def wait_until(happened: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.poll() is None, "the import ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def database_address() -> str:
    """The address of the database the tests run in, for another process."""
    settings = connection.settings_dict
    host = quote(str(settings["HOST"]), safe="")
    port = f"&port={settings['PORT']}" if settings["PORT"] else ""
    return f"postgresql://{settings['USER']}@/{settings['NAME']}?host={host}{port}"


def vars_of(wanted: Wanted) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in Wanted.__slots__}
