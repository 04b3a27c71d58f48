"""A copy of an Agent Zero tree with the plugin in it, and the real loop in a process of its own.

A0_TREE names a tree of Agent Zero (never changed: every test runs in a copy), A0_PYTHON a Python with its packages.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from integrations.agent_zero.install import install
from tests.integrations.agent_zero import drive_path
from tests.integrations.agent_zero.provider import Answer, Plane, Play, Provider

TREE = os.environ.get("A0_TREE")
PYTHON = os.environ.get("A0_PYTHON", sys.executable)
TIMEOUT = 300
NEEDS_TREE = [
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
        self.settings: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self.speaks_responses = False

    def run(
        self, *messages: str, play: Play, plane: Plane | None, base_url: str = "", **asked: Any
    ) -> tuple[dict[str, Any], Provider]:
        """Send messages in one chat, with a Bursar that the test plays, or none."""
        self.open += [plane] if plane else []
        return self.drive([messages], play, {"base_url": plane.url if plane else base_url, "api_key": "bsr_x"}, **asked)

    def use_responses(self) -> None:
        """Agent Zero's own choice from version 2 on, in place of chat completions."""
        self.speaks_responses = True
        folder = self.copy / "usr" / "plugins" / "_model_config"
        for name in ("config.json", "presets.yaml"):
            file = folder / name
            file.write_text(file.read_text().replace('"a0_api_mode": "chat_completions"', ""))

    def configure(self, **settings: Any) -> None:
        """The plugin's settings."""
        usual = {"spool": str(self.copy / "spool"), "decision_seconds": 5, "usage_seconds": 1.5}
        target = self.copy / "usr" / "plugins" / "bursar" / "config.json"
        target.write_text(json.dumps(usual | self.settings | settings))

    def switch(self, plugin: str, *, on: bool) -> None:
        """One of Agent Zero's own plugins."""
        folder = self.copy / "plugins" / plugin
        if folder.is_dir():
            for number in "01":
                (folder / f".toggle-{number}").unlink(missing_ok=True)
            (folder / f".toggle-{int(on)}").write_text("")

    def environment(self, provider: Provider) -> dict[str, str]:
        """That of a process of Agent Zero, with this provider."""
        url = f"http://127.0.0.1:{provider.port}/v1"
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "OPENAI_API_BASE": url,
            "OPENAI_BASE_URL": url,
            "API_KEY_OPENAI": "x",
            "OPENAI_API_KEY": "x",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            **self.variables,
        }

    def drive(
        self, chats: Sequence[Sequence[str]], play: Play, settings: dict[str, Any], **asked: Any
    ) -> tuple[dict[str, Any], Provider]:
        """Send messages in each chat in turn; returns what came of it, and the provider with what it saw."""
        provider = Provider(play, speaks_responses=self.speaks_responses)
        self.open.append(provider)
        self.configure(**settings)
        command = [PYTHON, str(drive_path()), json.dumps({"chats": chats, **asked})]
        done = subprocess.run(
            command,
            cwd=self.copy,
            env=self.environment(provider),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
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
    # Aliases of types as Python 3.12 spells them; 3.11 runs all the rest.
    for name in ("plugins", "subagents"):
        file = copy / "helpers" / f"{name}.py"
        file.write_text(re.sub(r"^type (\w+) =", r"\1 =", file.read_text(), flags=re.MULTILINE))
    model = copy / "usr" / "plugins" / "_model_config"
    model.mkdir(parents=True, exist_ok=True)
    # From version 2 on the Responses API is the default, which the provider of these tests does not speak.
    speaks_responses = (copy / "helpers" / "litellm_transport.py").exists()
    mode = {"kwargs": {"a0_api_mode": "chat_completions"}} if speaks_responses else {}
    base = {"provider": "openai", "ctx_length": 100000, "ctx_history": 0.7, "ctx_input": 0.7, "vision": False, **mode}
    chat, utility = {**base, "name": "main-model"}, {**base, "name": "utility-model"}
    embedding = {"provider": "openai", "name": "text-embedding-3-small", "kwargs": {}}
    slots = {"chat_model": chat, "utility_model": utility, "embedding_model": embedding}
    (model / "config.json").write_text(json.dumps({**slots, "allow_chat_override": True, "model_preset": "Default"}))
    strong = {**base, "name": "strong-model"}
    presets = [
        {"name": "Default", "chat": chat, "utility": utility},
        {"name": "Strong", "chat": strong, "utility": utility},
    ]
    (model / "presets.yaml").write_text(json.dumps(presets))
    running = Zero(copy)
    for name in OFF:
        running.switch(name, on=False)
    yield running
    for server in running.open:
        server.close()


def always(text: str, **fields: Any) -> Play:
    """The main model says this, the utility model a word."""
    return lambda body, _: Answer(text, usage=USAGE, **fields) if is_main(body) else Answer("title", usage=USAGE)


def needs(*packages: str) -> None:
    """Skip by name where the Python of Agent Zero lacks what this plugin of it needs."""
    missing = [
        one for one in packages if subprocess.run([PYTHON, "-c", f"import {one}"], capture_output=True).returncode
    ]
    if missing:
        pytest.skip(f"A0_PYTHON has no {', '.join(missing)}")


def told_of(plane: Plane, **wanted: Any) -> list[dict[str, Any]]:
    """The usage records with these fields."""
    return [one for one in plane.usage if wanted.items() <= one.items()]


def is_main(body: dict[str, Any]) -> bool:
    return bool(body["model"] != "utility-model")
