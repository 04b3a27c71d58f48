"""`manage.py simulate`: the fleet through the real API, and a client that is patient but not stubborn."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from apps.access.models import ApiKey, Project
from apps.costs.domain.fleet import Fleet, day_of
from apps.costs.management.agent_client import AgentClient, NoAnswer
from apps.costs.management.commands import simulate
from apps.costs.management.playing import Player
from apps.costs.models import UsageRecord
from apps.costs.selectors.metrics import UsageQuery, totals

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
SMALL = {"agents": 3, "rate": 0.1}
OK = {"accepted": 1, "duplicates": 0, "conflicts": 0, "rejected": 0, "unpriced": 0, "cost_usd": "0.5", "results": []}


def run(url: str, **options: Any) -> str:
    out = StringIO()
    call_command("simulate", url=url, stdout=out, **{**SMALL, **options})
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_history_goes_through_the_api_and_is_the_same_for_the_same_seed(live_server: LiveServer) -> None:
    now = datetime.now(UTC)
    with time_machine.travel(now, tick=False):
        told = run(live_server.url, days_back=2)
        stored = UsageRecord.objects.count()
        again = run(live_server.url, days_back=2)

    begins = now - timedelta(days=2)
    days = [(begins - timedelta(days=1)).date() + timedelta(days=number) for number in range(4)]
    times = [datetime.fromisoformat(one["occurred_at"]) for day in days for one in day_of(Fleet(1, 3, 0.1), day)]
    assert stored == UsageRecord.objects.count() == sum(begins <= at < now for at in times)
    assert f"{stored:,} records stored, 0 were there before, 0 conflicts, 0 refused" in told
    assert f"0 records stored, {stored:,} were there before, 0 conflicts, 0 refused" in again

    everything = UsageQuery(now - timedelta(days=3), now + timedelta(days=1), include_demo=True)
    found = totals(everything)
    assert found.calls + found.tool_executions == stored
    assert totals(UsageQuery(everything.start, everything.end)).calls == 0
    assert all(Project.objects.values_list("is_demo", flat=True))
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert set(UsageRecord.objects.values_list("key_id", flat=True)) <= set(ApiKey.objects.values_list("id", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Nothing to play"),
        (["--days-back", "36"], "a number of days is from 0 to 35, not 36"),
        (["--days-back", "1", "--agents", "0"], "a number of agents is from 1"),
        (["--days-back", "1", "--rate", "x"], "a rate is from"),
        (["--days-back", "1", "--url", "ftp://x"], "is not an address like"),
    ],
)
def test_what_cannot_be_played_is_said(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("simulate", *arguments)


@pytest.mark.django_db
def test_the_oldest_history_is_not_too_old_by_the_time_it_arrives() -> None:
    assert simulate._begin(NOON, 3) == NOON - timedelta(days=3)
    assert simulate._begin(NOON, 35) == NOON - timedelta(days=35) + simulate.MARGIN


@pytest.mark.django_db
def test_keys_are_revoked_even_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.costs.management.agent_client.TRIES", 1)
    with pytest.raises(CommandError, match="cannot be reached"):
        run("http://127.0.0.1:1", days_back=1)
    assert ApiKey.objects.count() == 2
    assert not ApiKey.objects.filter(revoked_at=None).exists()


# The client, against a server of a few lines.


@contextmanager
def answering(*answers: tuple[int, dict[str, str], Any]) -> Iterator[tuple[str, list[Any]]]:
    """An address that gives these answers in turn, and what was sent to it."""
    left, sent = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((self.path, self.headers["Authorization"], json.loads(body)))
            status, headers, answer = left.pop(0)
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_client_waits_and_sends_the_same_batch_again() -> None:
    waits: list[float] = []
    with answering((503, {"Retry-After": "2"}, {}), (429, {}, {}), (200, {}, OK)) as (url, sent):
        client = AgentClient(url, sleep=waits.append)
        client.post([{"id": "a"}], "bsr_x")
        client.close()
    assert waits == [2.0, 1.0]
    assert sent == [("/api/usage", "Bearer bsr_x", {"records": [{"id": "a"}]})] * 3
    assert (client.counts["accepted"], client.cost_usd) == (1, Decimal("0.5"))


def test_the_client_gives_up_at_once_when_it_is_refused() -> None:
    with answering((401, {}, {"detail": "This key is unknown."})) as (url, sent):
        client = AgentClient(url, sleep=lambda seconds: None)
        with pytest.raises(NoAnswer, match="answered 401: This key is unknown"):
            client.post([{"id": "a"}], "bsr_x")
        client.close()
    assert len(sent) == 1


def test_the_client_gives_up_in_the_end() -> None:
    waits: list[float] = []
    with pytest.raises(NoAnswer, match=r"cannot be reached.*make run"):
        AgentClient("http://127.0.0.1:1", sleep=waits.append).post([{"id": "a"}], "bsr_x")
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0]


# Live, with a clock that jumps.


class Ledger(AgentClient):
    """Takes batches down instead of sending them, with the time they would have been sent."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.sent: list[tuple[datetime, dict[str, Any]]] = []

    def post(self, records: Any, key: str) -> None:
        self.sent += [(datetime.now(UTC), record) for record in records]


def test_live_usage_is_sent_when_it_happens_and_ends_on_time() -> None:
    fleet, ends = Fleet(rate=2), NOON + timedelta(minutes=90)
    with time_machine.travel(NOON, tick=False) as traveller:
        ledger = Ledger()
        keys = {"demo support": "a", "demo engineering": "b"}
        player = Player(fleet, ledger, keys, sleep=lambda seconds: traveller.shift(timedelta(seconds=seconds)))
        player.live(NOON, ends)
        assert datetime.now(UTC) >= ends

    expected = [
        one["id"] for one in day_of(fleet, NOON.date()) if NOON <= datetime.fromisoformat(one["occurred_at"]) < ends
    ]
    assert sorted(record["id"] for _, record in ledger.sent) == sorted(expected)
    late = [at - datetime.fromisoformat(record["occurred_at"]) for at, record in ledger.sent]
    assert timedelta(0) <= min(late)
    assert max(late) <= timedelta(seconds=1)


def test_live_usage_goes_on_past_midnight() -> None:
    fleet, begins = Fleet(), datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
    ends = begins + timedelta(hours=4)
    with time_machine.travel(begins, tick=False) as traveller:
        ledger = Ledger()
        player = Player(
            fleet,
            ledger,
            {"demo support": "a", "demo engineering": "b"},
            sleep=lambda seconds: traveller.shift(timedelta(seconds=seconds)),
        )
        player.live(begins, ends)
    days = [begins.date() + timedelta(days=number) for number in (-1, 0, 1)]
    times = [one for day in days for one in day_of(fleet, day)]
    expected = {one["id"] for one in times if begins <= datetime.fromisoformat(one["occurred_at"]) < ends}
    assert {record["id"] for _, record in ledger.sent} == expected
    assert len(ledger.sent) == len(expected)
