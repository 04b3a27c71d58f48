"""Reporting: what is accepted arrives exactly once, whatever happens to server, disk and process in between."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bursar_client import Client, about, new_id
from bursar_client.sending import send

from tests.integrations.conftest import MakeClient
from tests.integrations.server import KEY, Answer, Fake, serving

CALL: dict[str, Any] = {"provider": "openai", "model": "gpt-4.1", "input_tokens": 10, "output_tokens": 2}
ROOT = Path(__file__).resolve().parents[2]


def lines_of(client: Client, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (client.settings.spool_folder / name).read_text().splitlines()]


def test_it_works(fake: Fake, make_client: MakeClient) -> None:
    fake.budgets = [{"name": "Support", "state": "warn"}]
    client = make_client(fake, project="support", agent="triage")
    with about(conversation_id="42", task_type="answer", agent="coder"):
        first = client.report(**CALL, cost_usd=Decimal("0.10"), latency_ms=7)
    client.outcome(conversation_id="42", success=True, source="user")

    assert client.flush(5)
    usage, outcome = fake.records
    assert usage.pop("id") == first
    assert datetime.fromisoformat(usage.pop("occurred_at")).tzinfo is not None
    assert usage == CALL | {"project": "support", "agent": "coder", "conversation_id": "42", "task_type": "answer",
                            "cost_usd": "0.10", "latency_ms": 7}  # fmt: skip
    assert {**outcome, "id": ""} == {
        "id": "", "project": "support", "conversation_id": "42", "success": True, "source": "user"
    }  # fmt: skip
    assert client.budgets == fake.budgets
    stats = client.stats()
    assert (stats.accepted, stats.stored, stats.waiting, stats.last_error) == (2, 2, 0, "")


def test_records_wait_for_a_server_that_is_away(
    away: Fake, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(away)
    ids = [client.report(**CALL) for _ in range(2500)]
    assert not client.flush(0.2)
    assert client.stats().waiting == 2500
    with serving(away):
        assert client.flush(5)
    assert list(away.bodies) == ids
    assert away.repeats == []
    told = [record.message for record in caplog.records if record.name == "bursar_client"]
    assert len(told) == 2
    assert "They are kept" in told[0]
    assert "answers again" in told[1]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, {"detail": "away"}, {"Retry-After": "0"}),
        Answer(429, {"detail": "slow down"}),
        Answer(401, {"detail": "This key is unknown, revoked or expired."}),
        Answer(404, {"detail": "nothing here"}),
        Answer(200, {"hello": "from a proxy"}),
        Answer(500),
    ],
)
def test_an_answer_that_stores_nothing_is_tried_again(fake: Fake, make_client: MakeClient, answer: Answer) -> None:
    fake.next["/api/usage"] = [answer]
    client = make_client(fake)
    client.report(**CALL)
    assert client.flush(5)
    assert fake.paths() == ["/api/usage"] * 2
    assert (len(fake.records), fake.repeats) == (1, [])


def test_a_refused_record_is_kept_and_told_once_and_costs_the_others_nothing(
    fake: Fake, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(fake)
    for tokens in (-1, 5, -2):
        client.report(**{**CALL, "input_tokens": tokens})
    client.report(**{**CALL, "quality": float("nan")})
    assert client.flush(5)
    assert [record["input_tokens"] for record in fake.records] == [5]
    refused = lines_of(client, "refused.jsonl")
    assert sorted(one["errors"][0]["code"] for one in refused) == ["negative", "negative", "not_json"]
    assert client.stats().refused == 3
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 2


def test_a_request_that_is_too_large_is_sent_in_halves(fake: Fake, make_client: MakeClient) -> None:
    fake.next["/api/usage"] = [Answer(413), Answer(200), Answer(413), Answer(422, {"detail": "odd"})]
    fake.next["/api/usage"][1].body = {"accepted": 2, "duplicates": 0, "conflicts": 0, "rejected": 0}
    client = make_client(fake, linger=0.2)
    ids = [client.report(**CALL) for _ in range(4)]
    assert client.flush(5)
    # 4 → 2 stored, 2 → 1 refused, 1 stored
    assert [len(body["records"]) for _, _, body in fake.asked] == [4, 2, 2, 1, 1]
    assert [one["record"]["id"] for one in lines_of(client, "refused.jsonl")] == [ids[2]]
    assert list(fake.bodies) == [ids[3]]


def test_what_was_acknowledged_but_not_noted_arrives_once(
    fake: Fake, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(fake)
    monkeypatch.setattr("bursar_client.spool.Spool.done", lambda *_: (_ for _ in ()).throw(OSError("power")))
    identity = client.report(**CALL)
    client.flush(0.3)
    monkeypatch.undo()
    assert client.flush(5)
    assert list(fake.bodies) == [identity]
    assert set(fake.repeats) == {identity}


def test_the_disk_limit_drops_the_oldest_and_says_so(
    away: Fake, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(away, spool_max_bytes=80_000)
    ids = [client.report(**CALL, note=f"{number:01000d}") for number in range(200)]  # type: ignore[call-arg]
    deadline = time.monotonic() + 5
    while client.stats().dropped == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    dropped = client.stats().dropped
    on_disk = sum(path.stat().st_size for path in client.settings.spool_folder.glob("*/*.log"))
    assert 0 < on_disk <= 80_000
    with serving(away):
        assert client.flush(5)
    assert list(away.bodies) == ids[dropped:]
    assert sum(one["dropped"] for one in lines_of(client, "dropped.jsonl")) == dropped
    assert lines_of(client, "dropped.jsonl")[0]["first"] == ids[0]
    assert "the oldest" in caplog.text


@pytest.mark.parametrize("where", ["open", "write"])
def test_without_a_disk_records_go_from_memory(
    away: Fake, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    target = "Spool.__post_init__" if where == "open" else "Writer.append"
    monkeypatch.setattr(f"bursar_client.spool.{target}", full)
    client = make_client(away, memory_records=5)
    ids = [client.report(**CALL) for _ in range(8)]
    assert client.stats().dropped == 3
    if where == "write":
        monkeypatch.undo()
    with serving(away):
        assert client.flush(5)
    # A record that was on its way when it was dropped from memory may still arrive.
    assert list(away.bodies)[-5:] == ids[3:]


def test_what_is_dropped_while_it_is_sent_is_not_waited_for_twice(
    fake: Fake, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a flush would be over, and a close would lose, as many records too early."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    ids: list[str] = []

    def overtaken(*args: Any, **named: Any) -> Any:
        if len(ids) == 2:
            ids.extend(client.report(**CALL) for _ in range(2))
        return send(*args, **named)

    monkeypatch.setattr("bursar_client.spool.Spool.__post_init__", full)
    monkeypatch.setattr("bursar_client.reporter.send", overtaken)
    client = make_client(fake, memory_records=2, linger=5)
    ids.extend(client.report(**CALL) for _ in range(2))
    assert client.flush(5)
    assert (list(fake.bodies), client.stats().waiting, client.stats().dropped) == (ids, 0, 2)


def test_a_slow_disk_holds_up_three_records_only(
    fake: Fake, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(fake)
    client.report(**CALL)
    assert client.flush(5)
    spool = client._reporter._spool
    assert spool is not None
    whole = spool.writer._write

    def slow(descriptor: int, data: bytes) -> int:
        time.sleep(0.03)
        return whole(descriptor, data)

    monkeypatch.setattr(spool.writer, "_write", slow)
    took = []
    for _ in range(8):
        begin = time.perf_counter()
        client.report(**CALL)
        took.append(time.perf_counter() - begin)
    monkeypatch.undo()
    assert sum(seconds > 0.025 for seconds in took) == 3
    assert client.flush(5)
    assert len(fake.bodies) == 9


CHILD = """
import sys
from bursar_client import Client
client = Client(sys.argv[1], sys.argv[2], spool=sys.argv[3], linger=0.0, longest_wait=0.1)
for number in range(int(sys.argv[4])):
    client.report(provider="p", model="m", input_tokens=number, output_tokens=1)
print("ready", flush=True)
sys.stdin.read()
"""


def run_child(server: Fake, spool: Path, records: int, python: str = sys.executable) -> "subprocess.Popen[str]":
    environment = {"PYTHONPATH": str(ROOT / "integrations" / "python"), "PATH": os.environ["PATH"]}
    command = [python, "-c", CHILD, server.url, KEY, str(spool), str(records)]
    child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def end(child: "subprocess.Popen[str]", how: int) -> None:
    child.send_signal(how)
    child.communicate(timeout=10)


def test_a_killed_process_loses_nothing(away: Fake, make_client: MakeClient, tmp_path: Path) -> None:
    end(run_child(away, tmp_path / "spool", 300), signal.SIGKILL)
    (box,) = make_client(away).settings.spool_folder.iterdir()
    with (box / sorted(path.name for path in box.glob("*.log"))[-1]).open("ab") as file:
        file.write(b'u {"id":"half wri')
    with serving(away):
        client = make_client(away)
        client.report(**CALL)
        deadline = time.monotonic() + 5
        while len(away.bodies) < 301 and time.monotonic() < deadline:
            time.sleep(0.02)
        client.close(1)
    assert [record["input_tokens"] for record in away.records if record["provider"] == "p"] == list(range(300))
    assert len(away.bodies) == 301
    assert away.repeats == []
    assert list(client.settings.spool_folder.iterdir()) == []


def test_a_running_process_keeps_its_own(away: Fake, make_client: MakeClient, tmp_path: Path) -> None:
    child = run_child(away, tmp_path / "spool", 3)
    with serving(away):
        client = make_client(away)
        client.report(**CALL)
        assert client.flush(5)
        deadline = time.monotonic() + 5
        while len(away.bodies) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
    end(child, signal.SIGKILL)
    assert len(away.bodies) == 4
    assert away.repeats == []


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_reports_for_itself(fake: Fake, make_client: MakeClient) -> None:
    client = make_client(fake)
    client.report(**CALL, user="parent")
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            client.report(**CALL, user="child")
            client.flush(5)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    client.report(**CALL, user="parent")
    assert client.flush(5)
    assert sorted(record["user"] for record in fake.records) == ["child", "parent", "parent"]
    assert fake.repeats == []


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_ids_are_uuids_of_version_7_in_order_and_differ_after_a_fork() -> None:
    ids = [new_id() for _ in range(100)]
    assert {uuid.UUID(identity).version for identity in ids} == {7}
    assert [identity[:13] for identity in ids] == sorted(identity[:13] for identity in ids)
    out, into = os.pipe()
    if os.fork() == 0:  # pragma: no cover
        os.write(into, new_id()[19:].encode())
        os._exit(0)
    os.wait()
    assert os.read(out, 100).decode() != new_id()[19:]
    os.close(out)
    os.close(into)


LATE = """
import atexit, sys
from bursar_client import Client
client = Client(*sys.argv[1:3], spool=sys.argv[3])
if {started}:
    client.start()
atexit.register(lambda: client.report(provider="p", model="m", input_tokens=1, output_tokens=1))
"""


@pytest.mark.parametrize("started", [True, False])
def test_a_record_at_the_very_end_of_the_interpreter_is_not_lost(fake: Fake, tmp_path: Path, started: bool) -> None:
    code = LATE.format(started=started)
    environment = {"PYTHONPATH": str(ROOT / "integrations" / "python"), "PATH": os.environ["PATH"]}
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", code, fake.url, KEY, str(tmp_path)], env=environment, check=True, timeout=20)
    assert time.monotonic() - begin < 10
    waiting = [line for path in tmp_path.glob("*/*/*.log") for line in path.read_bytes().splitlines()]
    assert len(waiting) + len(fake.bodies) == 1
    assert not started or fake.bodies


def test_a_closed_client_starts_again(fake: Fake, make_client: MakeClient) -> None:
    client = make_client(fake)
    client.report(**CALL)
    assert client.close(5)
    client.report(**CALL)
    assert client.flush(5)
    assert len(fake.bodies) == 2


def test_a_client_without_a_server_is_off(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("BURSAR_URL", raising=False)
    monkeypatch.delenv("BURSAR_KEY", raising=False)
    client = Client()
    assert client.report(**CALL)
    assert not client.is_on
    assert client.decide(current=("openai", "gpt-4.1")).source == "agent"
    assert "not both set" in caplog.text


def test_an_address_that_is_none_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="is not an address"):
        Client("bursar.example.org", KEY)


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_other_pythons_report_too(fake: Fake, tmp_path: Path, version: str) -> None:
    python = f"python{version}"
    if subprocess.run(["sh", "-c", f"{python} -c ''"], capture_output=True).returncode:
        pytest.skip(f"{python} is not installed")
    child = run_child(fake, tmp_path / "spool", 3, python)
    child.communicate("", timeout=10)
    assert len(fake.bodies) == 3
