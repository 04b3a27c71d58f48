"""A stage for the plugin without Agent Zero: its modules as far as the plugin uses them, a model, an agent."""

import asyncio
import dataclasses
import importlib
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from integrations.agent_zero.install import install

BURSAR = {"base_url": "http://127.0.0.1:1", "api_key": "bsr_x", "usage_seconds": 0.05, "attempt_pause_seconds": 0.001}
_OURS = ("usr", "helpers", "models", "plugins", "agent")


@dataclasses.dataclass
class ModelConfig:
    """As in Agent Zero's models.py."""

    type: str = "Chat"
    provider: str = "openai"
    name: str = "gpt-4.1"
    api_key: str = "secret"
    api_base: str = "http://old.example"
    ctx_length: int = 100_000
    limit_requests: int = 0
    limit_input: int = 0
    limit_output: int = 0
    vision: bool = False
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)

    def build_kwargs(self) -> dict[str, Any]:
        made = dict(self.kwargs)
        return made | {name: value for name in ("api_key", "api_base") if (value := getattr(self, name))}


class ProviderError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status


class InterventionException(Exception):
    """Named as Agent Zero's own."""


class HandledException(Exception):
    """Named as Agent Zero's own."""


class FakeModel:
    """Streams `chunks` to the callbacks as Agent Zero's wrapper does; then its usage reaches LiteLLM's callbacks."""

    def __init__(self, conf: ModelConfig, script: dict[str, Any]) -> None:
        self.a0_model_conf, self.script = conf, script
        self.model_name, self.provider, self.kwargs = f"{conf.provider}/{conf.name}", conf.provider, conf.kwargs
        self.seen: list[dict[str, Any]] = []

    async def unified_call(
        self, response_callback: Any = None, messages: Sequence[Any] | None = None, **kwargs: Any
    ) -> tuple[str, str]:
        self.seen.append({"messages": list(messages or ()), **kwargs})
        script = self.script.get(self.a0_model_conf.name, self.script)
        if errors := script.get("errors"):
            raise errors.pop(0)
        full = ""
        for chunk in script.get("chunks", ["hello"]):
            full += chunk
            await asyncio.sleep(script.get("pause", 0))
            if response_callback and (stop := await response_callback(chunk, full)) is not None:
                return stop, ""
        await asyncio.sleep(script.get("stall", 0))
        if usage := script.get("usage"):
            module = sys.modules["usr.plugins.bursar.helpers.tap"]
            module.heard({"litellm_params": {"metadata": kwargs["metadata"]}}, types.SimpleNamespace(usage=usage))
        return full, ""


class FakeAgent:
    """An agent with a context, as far as the plugin looks."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.lines: list[tuple[str, str, str]] = []
        self.data: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        log = types.SimpleNamespace(log=lambda type, heading, content: self.lines.append((type, heading, content)))
        self.context = types.SimpleNamespace(
            id="chat0001", log=log, get_data=kept.get, set_data=kept.__setitem__, agent0=self
        )
        self.loop_data = types.SimpleNamespace(current_tool=None)
        self.last_user_message = types.SimpleNamespace(content={"user_message": "Prove it."})

    def get_data(self, name: str) -> Any:
        return self.data.get(name)

    def set_data(self, name: str, value: Any) -> None:
        self.data[name] = value


class FakeClient:
    """Bursar's client: remembers what it is told, decides what the test says."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.questions: list[dict[str, Any]] = []
        self.released: list[str] = []
        self.decision: Any = None
        self.policy: dict[str, Any] = {}
        self.budgets: list[dict[str, Any]] = []
        self._decider = types.SimpleNamespace(lock=threading.Lock(), _remembered={})

    def report(self, **record: Any) -> None:
        self.records.append(record)

    def outcome(self, **told: Any) -> None:
        self.outcomes.append(told)

    def release(self, identity: str) -> None:
        self.released.append(identity)

    def decide(self, **question: Any) -> Any:
        self.questions.append(question)
        if isinstance(self.decision, Exception):
            raise self.decision
        return self.decision

    def _last_config(self) -> Any:
        return types.SimpleNamespace(raw=self.policy)


class Stage:
    """The installed plugin's modules, an agent and the model it is set to use."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = dict(BURSAR)
        self.agent = FakeAgent()
        self.script: dict[str, Any] = {}
        self.model = FakeModel(ModelConfig(), self.script)
        self.made: list[FakeModel] = []
        self.client = FakeClient()

    def module(self, name: str) -> Any:
        return importlib.import_module(f"usr.plugins.bursar.helpers.{name}")

    def get_chat_model(self, provider: str, name: str, model_config: ModelConfig, **kwargs: Any) -> FakeModel:
        self.made.append(FakeModel(model_config, self.script))
        return self.made[-1]

    async def metered(self, role: str = "chat", **call_data: Any) -> Any:
        """The model that the call would be made with."""
        data = {"model": self.model, "messages": [types.SimpleNamespace(content="Prove it.")], **call_data}
        await self.module("routing").meter(self.agent, data, role)
        return data["model"]

    def call(self, **kwargs: Any) -> Any:
        """One call through all of it, as the agent makes it."""

        async def made() -> Any:
            model = await self.metered()
            return await model.unified_call(messages=["Prove it."], **kwargs)

        return asyncio.run(made())

    def told(self, count: int = 1) -> list[dict[str, Any]]:
        """The records, once there are so many."""
        deadline = time.monotonic() + 5
        while len(self.client.records) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.client.records) == count
        return self.client.records


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    (tmp_path / "usr").mkdir()
    (tmp_path / "agent.py").write_text("")
    install(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in _OURS}
    built = Stage()
    built.config["spool"] = str(tmp_path / "spool")
    stub("helpers.plugins", get_plugin_config=lambda name, agent=None: built.config)
    stub("helpers.errors", HandledException=HandledException)
    stub("helpers.tokens", approximate_tokens=lambda text: len(text.split()))
    stub("models", get_chat_model=built.get_chat_model)
    built.module("tap")
    monkeypatch.setattr(built.module("plane"), "client", lambda options: built.client if options.is_on else None)
    yield built
    deadline = time.monotonic() + 5
    while built.module("attempts").waiting() and time.monotonic() < deadline:
        time.sleep(0.01)
    for name in [name for name in sys.modules if name.split(".")[0] in (*_OURS, "_bursar_agent_zero")]:
        del sys.modules[name]
    sys.modules.update(before)


def stub(name: str, **values: Any) -> None:
    """A module of Agent Zero's, as far as it is used."""
    parent, _, leaf = name.rpartition(".")
    if parent and parent not in sys.modules:
        sys.modules[parent] = types.ModuleType(parent)
    module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(values)
    if parent:
        setattr(sys.modules[parent], leaf, module)


async def stops_at_a_whole_object(chunk: str, full: str) -> str | None:
    """The agent's own callback: it has enough once the JSON is whole."""
    return full[: full.index("}") + 1] if "}" in full else None
