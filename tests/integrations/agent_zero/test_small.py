"""The small functions of the plugin, in tables; and its installer."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.agent_zero.bursar.helpers.attempts import TAG
from integrations.agent_zero.bursar.helpers.errors import another_model_may_do, error_type, is_momentary
from integrations.agent_zero.bursar.helpers.options import Options, read_options
from integrations.agent_zero.bursar.helpers.origins import task_type_of
from integrations.agent_zero.bursar.helpers.transport import ask_for_counts, keep_tag_here
from integrations.agent_zero.bursar.helpers.usage import usage_fields
from integrations.agent_zero.install import PLUGIN, install, main
from tests.integrations.agent_zero.stage import HandledException, InterventionException, ProviderError


@pytest.mark.parametrize(
    ("usage", "fields"),
    [
        (None, {}),
        ({"prompt_tokens": 5, "completion_tokens": 2}, {"input_tokens": 5, "output_tokens": 2}),
        (
            {"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 9}},
            {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 5},
        ),
        (
            {"prompt_tokens": 10, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 6},
            {
                "input_tokens": 10,
                "output_tokens": 0,
                "cache_read_input_tokens": 6,
                "cache_creation_input_tokens": 4,
            },
        ),
        (
            {"prompt_tokens": 1, "cost": 1e-7},
            {"input_tokens": 1, "output_tokens": 0, "cost_usd": "0.000000100000000"},
        ),
        (
            {"prompt_tokens": 1, "cost": float("nan"), "completion_tokens": True},
            {"input_tokens": 1, "output_tokens": 0},
        ),
        ({"prompt_tokens": -1}, {}),
    ],
)
def test_every_providers_counts_are_understood(usage: Any, fields: dict[str, Any]) -> None:
    assert usage_fields(usage) == fields


def test_which_errors_another_model_may_mend() -> None:
    class ContextWindowExceededError(Exception):
        status_code = 400

    class APITimeoutError(Exception):
        pass

    table = [
        (ProviderError(402), True, False, "402"),
        (ProviderError(429), True, True, "429"),
        (ProviderError(500), True, True, "500"),
        (ProviderError(400), False, False, "400"),
        (ContextWindowExceededError(), False, False, "context_length"),
        (APITimeoutError(), True, True, "timeout"),
        (ValueError(), False, False, "ValueError"),
        (HandledException(), False, False, "HandledException"),
        (InterventionException(), False, False, "InterventionException"),
    ]
    assert [(another_model_may_do(error), is_momentary(error), error_type(error)) for error, *_ in table] == [
        tuple(expected) for _, *expected in table
    ]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/a0/extensions/python/monologue_start/_60_rename_chat.py", "rename_chat"),
        ("/a0/plugins/_memory/extensions/python/x/_50_recall_memories.py", "memory_recall"),
        ("/a0/helpers/history.py", "history_summary"),
        ("C:\\a0\\plugins\\_chat_compaction\\helpers\\compactor.py", "compaction"),
        ("/a0/tools/call_subordinate.py", "tool"),
        ("/home/me/tools/agent-zero/helpers/defer.py", None),
        ("/a0/agent.py", None),
    ],
)
def test_the_asking_file_tells_the_task_type(path: str, kind: str | None) -> None:
    assert task_type_of(path) == kind


def test_settings_that_cannot_be_understood_are_the_defaults() -> None:
    config = {"base_url": "http://b/ ", "api_key": "k", "attempts": "five", "route": "off", "keys": 3, "agent": None}
    assert read_options(config, {}) == Options(base_url="http://b", api_key="k", route=False)
    assert read_options(None, {"BURSAR_URL": "http://c", "BURSAR_KEY": "k"}).is_on
    assert not read_options({}, {}).is_on


def test_each_way_to_a_provider_asks_for_counts_in_its_own_words() -> None:
    for stream, metadata, options in (
        (True, {TAG: "c"}, {"include_usage": True}),
        (False, {TAG: "c"}, None),
        (True, {}, None),
    ):
        request: dict[str, Any] = {"metadata": metadata}
        ask_for_counts(request, stream)
        assert request.get("stream_options") == options
    for metadata, left in (({TAG: "c"}, None), ({TAG: "c", "own": "1"}, {"own": "1"})):
        request = {"metadata": metadata}
        keep_tag_here(request, True)
        assert (request.get("metadata"), request["litellm_metadata"]) == (left, {TAG: "c"})


def test_defaults_are_the_same_wherever_they_stand() -> None:
    told = yaml.safe_load((PLUGIN / "default_config.yaml").read_text())
    assert read_options(told, {}) == Options()
    page = (PLUGIN / "webui" / "config.html").read_text()
    [shown] = re.findall(r"Object\.entries\((\{.*?\})\)", page)
    assert {name: told[name] for name in yaml.safe_load(shown)} == yaml.safe_load(shown)
    assert told.keys() == Options.__dataclass_fields__.keys()


def test_the_installer_keeps_settings_and_refuses_other_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    assert "is no Agent Zero" in capsys.readouterr().err
    (tmp_path / "usr").mkdir()
    (tmp_path / "agent.py").write_text("")
    target = install(tmp_path)
    (target / "config.json").write_text("{}")
    (target / "old_file.py").write_text("")

    install(tmp_path)

    assert (target / "config.json").read_text() == "{}"
    assert not (target / "old_file.py").exists()
    assert (target / "bursar_client" / "__init__.py").exists()
    assert (target / "plugin.yaml").exists()
