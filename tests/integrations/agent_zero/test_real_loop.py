"""The plugin in the real loop of Agent Zero, with a provider and a Bursar that the tests play.

A0_TREE names a tree of Agent Zero (never changed: every test runs in a copy), A0_PYTHON a Python with its packages.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.agent_zero.install import install
from tests.integrations.agent_zero import drive_path
from tests.integrations.agent_zero.provider import Answer, Plane, Play, Provider, say, tool

TREE = os.environ.get("A0_TREE")
PYTHON = os.environ.get("A0_PYTHON", sys.executable)
pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(not TREE, reason="A0_TREE names no tree of Agent Zero: its real loop is not driven"),
]
USAGE = {
    "prompt_tokens": 4321,
    "completion_tokens": 21,
    "total_tokens": 4342,
    "prompt_tokens_details": {"cached_tokens": 4000},
}
OFF = ["_memory", "_browser_agent", "_browser", "_email_integration", "_telegram_integration", "_whatsapp_integration"]
OFF += ["_desktop", "_office", "_document_query", "_oauth"]


class Zero:
    """A copy of the tree with the plugin in it."""

    def __init__(self, copy: Path) -> None:
        self.copy = copy
        self.open: list[Any] = []

    def run(
        self, *messages: str, play: Play, plane: Plane | None, base_url: str = ""
    ) -> tuple[dict[str, Any], Provider]:
        provider = Provider(play)
        self.open += [provider, *([plane] if plane else [])]
        settings = {"base_url": plane.url if plane else base_url, "api_key": "bsr_x", "usage_seconds": 1.5}
        target = self.copy / "usr" / "plugins" / "bursar" / "config.json"
        target.write_text(json.dumps(settings | {"spool": str(self.copy / "spool"), "decision_seconds": 5}))
        url = f"http://127.0.0.1:{provider.port}/v1"
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "OPENAI_API_BASE": url,
            "OPENAI_BASE_URL": url,
            "API_KEY_OPENAI": "x",
            "OPENAI_API_KEY": "x",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        command = [PYTHON, str(drive_path()), json.dumps({"messages": messages})]
        done = subprocess.run(
            command,
            cwd=self.copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return told, provider


@pytest.fixture
def zero(tmp_path: Path) -> Iterator[Zero]:
    assert TREE is not None
    copy = tmp_path / "zero"
    shutil.copytree(TREE, copy, ignore=shutil.ignore_patterns(".git", "node_modules", "docs", "spool"))
    install(copy)
    model = copy / "usr" / "plugins" / "_model_config"
    model.mkdir(parents=True, exist_ok=True)
    # From version 2 on the Responses API is the default, which the provider of these tests does not speak.
    speaks_responses = (copy / "helpers" / "litellm_transport.py").exists()
    mode = {"kwargs": {"a0_api_mode": "chat_completions"}} if speaks_responses else {}
    base = {"provider": "openai", "ctx_length": 100000, "ctx_history": 0.7, "ctx_input": 0.7, "vision": False, **mode}
    chat, utility = {**base, "name": "main-model"}, {**base, "name": "utility-model"}
    embedding = {"provider": "huggingface", "name": "none"}
    slots = {"chat_model": chat, "utility_model": utility, "embedding_model": embedding}
    (model / "config.json").write_text(json.dumps({**slots, "allow_chat_override": True, "model_preset": "Default"}))
    strong = {**base, "name": "strong-model"}
    presets = [
        {"name": "Default", "chat": chat, "utility": utility},
        {"name": "Strong", "chat": strong, "utility": utility},
    ]
    (model / "presets.yaml").write_text(json.dumps(presets))
    for name in OFF:
        if (copy / "plugins" / name).is_dir():
            (copy / "plugins" / name / ".toggle-1").unlink(missing_ok=True)
            (copy / "plugins" / name / ".toggle-0").write_text("")
    running = Zero(copy)
    yield running
    for server in running.open:
        server.close()


def always(text: str, **fields: Any) -> Play:
    """The main model says this, the utility model a word."""
    return lambda body, _: Answer(text, usage=USAGE, **fields) if is_main(body) else Answer("title", usage=USAGE)


def is_main(body: dict[str, Any]) -> bool:
    return bool(body["model"] != "utility-model")


def of_main(plane: Plane) -> list[dict[str, Any]]:
    return [one for one in plane.usage if one.get("role") == "chat" and one.get("operation") != "execute_tool"]


def named(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {"action": "route", "model": {"provider": "openai", "name": name}, "reason": "Because."}


def chosen(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: named(body, name) if body["role"] == "chat" else {}


def test_plain(zero: Zero) -> None:
    plane = Plane()
    told, provider = zero.run("Hello.", play=always(say("Hi!")), plane=plane)

    assert told["answers"] == ["Hi!"]
    [record] = of_main(plane)
    assert (record["input_tokens"], record["output_tokens"], record["cache_read_input_tokens"]) == (4321, 21, 4000)
    assert (record["provider"], record["model"], record["status"]) == ("openai", "main-model", "ok")
    assert (record["task_type"], record["conversation_id"]) == ("main_loop", told["context"])
    assert all("metadata" not in body for body in provider.seen)
    assert {"success": True, "source": "agent"}.items() <= plane.outcomes[0].items()
    assert [one["tool"] for one in plane.usage if one.get("operation") == "execute_tool"] == ["response"]


def test_routed(zero: Zero) -> None:
    plane = Plane(chosen("cheap-model"))
    told, provider = zero.run("Hello.", play=always(say("Hi!")), plane=plane)

    assert told["answers"] == ["Hi!"]
    assert {body["model"] for body in provider.seen if is_main(body)} == {"cheap-model"}
    assert told["override"] is None
    [record] = of_main(plane)
    assert (record["model"], record["decision_id"][:1]) == ("cheap-model", "d")
    assert any("cheap-model takes over" in str(heading) for _, heading, _ in told["lines"])


def test_switch_tool(zero: Zero) -> None:
    def play(body: dict[str, Any], _: int) -> Answer:
        if not is_main(body):
            return Answer("title", usage=USAGE)
        asked = body["model"] == "main-model"
        return Answer(tool("switch_model", to="strong", reason="Hard.") if asked else say("Done."), usage=USAGE)

    plane = Plane()
    told, provider = zero.run("Hello.", play=play, plane=plane)

    assert told["answers"] == ["Done."]
    assert [record["model"] for record in of_main(plane)] == ["main-model", "strong-model"]
    assert told["override"] == {"preset_name": "Strong"}
    assert plane.questions[-1]["pinned"] == {"provider": "openai", "name": "strong-model"}


def test_failover(zero: Zero) -> None:
    def play(body: dict[str, Any], _: int) -> Answer:
        return Answer(status=429) if body["model"] == "main-model" else Answer(say("Hi!"), usage=USAGE)

    plane = Plane(lambda body: {"fallbacks": [{"provider": "openai", "name": "backup-model"}]})
    told, provider = zero.run("Hello.", play=play, plane=plane)

    assert told["answers"] == ["Hi!"]
    first, second = of_main(plane)
    assert (first["status"], first["error_type"], second["status"], second["model"]) == (
        "error",
        "429",
        "ok",
        "backup-model",
    )
    assert len([body for body in provider.seen if body["model"] == "main-model"]) == 1


def test_a_permanent_429_costs_six_requests_not_eighteen(zero: Zero) -> None:
    def play(body: dict[str, Any], _: int) -> Answer:
        return Answer(status=429) if is_main(body) else Answer("title", usage=USAGE)

    plane = Plane()
    told, provider = zero.run("Hello.", play=play, plane=plane)

    # Three tries, and Agent Zero repeats a turn that failed once.
    assert len([body for body in provider.seen if is_main(body)]) == 6
    assert [record["error_type"] for record in of_main(plane)] == ["429"] * 6


def test_tail(zero: Zero) -> None:
    plane = Plane()
    told, _ = zero.run("Hello.", play=always(say("Hi!"), tail=" and so on" * 500), plane=plane)

    if told["answers"] == ["Hi!"]:  # 2.6 itself takes JSON with more behind it for plain text, and reads on
        assert of_main(plane)[0]["usage_source"] == "estimate"


def test_nousage(zero: Zero) -> None:
    plane = Plane()
    told, _ = zero.run("Hello.", play=lambda body, _: Answer(say("Hi!") if is_main(body) else "title"), plane=plane)

    assert told["answers"] == ["Hi!"]
    assert of_main(plane)[0]["input_tokens"] > 100


def test_plane_down(zero: Zero) -> None:
    told, _ = zero.run("Hello.", play=always(say("Hi!")), plane=None, base_url="http://127.0.0.1:9")

    assert told["answers"] == ["Hi!"]


def test_two_messages(zero: Zero) -> None:
    plane = Plane()
    told, _ = zero.run("One.", "Two.", "Three.", play=always(say("Hi!")), plane=plane)

    assert told["answers"] == ["Hi!"] * 3
    records = of_main(plane)
    assert {record["conversation_id"] for record in records} == {told["context"]}
    assert len({record["id"] for record in records}) == len(records) == 3
    assert len({record["task_id"] for record in records}) == 3


def test_block(zero: Zero) -> None:
    def decide(body: dict[str, Any]) -> dict[str, Any]:
        return {"action": "block", "reason": "The budget of Support is used up."} if body["role"] == "chat" else {}

    plane = Plane(decide)
    told, provider = zero.run("Hello.", play=always(say("Hi!")), plane=plane)

    assert [body for body in provider.seen if is_main(body)] == []
    assert ["error", "Bursar: the budget is used up", "The budget of Support is used up."] in told["lines"]
    assert len([body for body in plane.questions if body["role"] == "chat"]) == 1
    assert plane.outcomes[0]["success"] is False
