"""Which names a rule means, and which it must not."""

import pytest

from apps.costs.domain.matching import (
    Rule,
    aliases,
    beyond_aliases,
    compile_rule,
    with_dashed_date,
    without_date,
)

R1: Rule = {"starts_with": "deepseek-r1"}
OPUS: Rule = {"starts_with": "claude-opus-4-5"}
FLASH: Rule = {"contains": "gemini-1.5-flash"}
NOT_TTS: Rule = {"and": [{"starts_with": "gemini-2.5-pro"}, {"regex": "^(?!.*-tts)"}]}


@pytest.mark.parametrize(
    ("rule", "name", "means"),
    [
        ({"equals": "GPT-4.1"}, "gpt-4.1", True),
        ({"equals": "gpt-4.1"}, "gpt-4.1-mini", False),
        (R1, "deepseek-r1", True),
        (R1, "deepseek-r1-0528", True),
        (R1, "deepseek-r1-distill-llama-70b", False),
        (OPUS, "claude-opus-4-5-20251101", True),
        (OPUS, "claude-opus-4-5@20251101", True),
        (OPUS, "claude-opus-4-5-latest", True),
        (OPUS, "claude-opus-4-55", False),
        (OPUS, "claude-opus-4-5-mini", False),
        (FLASH, "gemini-1.5-flash-002", True),
        (FLASH, "google/gemini-1.5-flash-preview-0514", True),
        (FLASH, "gemini-1.5-flash-8b", False),
        (FLASH, "notgemini-1.5-flash", False),
        ({"contains": "meta.llama3-1-8b-instruct"}, "us.meta.llama3-1-8b-instruct-v1:0:128k", True),
        ({"contains": "claude-3-5-sonnet"}, "claude-3-5-sonnet-v2@20241022", True),
        ({"ends_with": "us.zai.glm-5.3"}, "bedrock/us.zai.glm-5.3", True),
        ({"ends_with": "zai.glm-5.3"}, "xzai.glm-5.3", False),
        ({"starts_with": "ft:gpt-4o-mini-2024-"}, "ft:gpt-4o-mini-2024-07-18:acme:suffix:abc", True),
        ({"starts_with": "ft:gpt-4o-mini"}, "ft:gpt-4o-mini:acme::abc", True),
        ({"starts_with": "ft:gpt-4o"}, "ft:gpt-4o-mini:acme::abc", False),
        ({"starts_with": "ft:gpt-3.5-turbo"}, "ft:gpt-3.5-turbo-0125:acme::abc", True),
        ({"starts_with": "ft:gpt-3.5-turbo"}, "ft:gpt-3.5-turbo-16k:acme::abc", False),
        (
            {"starts_with": "gpt-4o-mini-2024-07-18.ft-"},
            "gpt-4o-mini-2024-07-18.ft-0e208cf33a6a4669",
            True,
        ),
        ({"contains": "gemini-2.0-flash-0"}, "gemini-2.0-flash-001", True),
        ({"contains": "gemini-2.0-flash-0"}, "gemini-2.0-flash-001-tuning", False),
        ({"starts_with": "gpt-4-0"}, "gpt-4-0613", True),
        ({"starts_with": "grok-4"}, "grok-4-0709", True),
        ({"starts_with": "grok-4"}, "grok-4-latest", True),
        ({"starts_with": "grok-4"}, "grok-4.5", False),
        ({"starts_with": "grok-4"}, "grok-4-1-fast", False),
        ({"starts_with": "gpt-4"}, "gpt-4-32k", False),
        ({"starts_with": "mistral-7b-instruct-v0"}, "mistral-7b-instruct-v0:2", True),
        (NOT_TTS, "gemini-2.5-pro-preview-05-06", True),
        (NOT_TTS, "gemini-2.5-pro-tts", False),
        ({"or": [{"equals": "a"}, {"equals": "b"}]}, "b", True),
        ({"or": []}, "b", False),
    ],
)
def test_a_rule_means_its_model_and_no_other(rule: Rule, name: str, means: bool) -> None:
    assert compile_rule(rule)(name) is means


@pytest.mark.parametrize("rule", [{"sounds_like": "gpt"}, {}, {"equals": "a", "contains": "b"}])
def test_an_unknown_kind_of_rule_is_refused(rule: Rule) -> None:
    with pytest.raises(ValueError, match="rule"):
        compile_rule(rule)


def test_plain_equalities_become_aliases_and_the_rest_stays_a_rule() -> None:
    rule: Rule = {"or": [{"equals": "GPT-5"}, R1, {"or": [{"equals": "gpt-5-main"}]}]}

    assert aliases(rule) == ["gpt-5", "gpt-5-main"]
    assert beyond_aliases(rule) == {"or": [R1]}
    assert beyond_aliases({"or": [{"equals": "x"}]}) is None


@pytest.mark.parametrize(
    ("name", "dashed", "undated"),
    [
        ("gpt-5.2-20251211", "gpt-5.2-2025-12-11", "gpt-5.2"),
        ("gpt-5.2-2025-12-11", None, "gpt-5.2"),
        ("gpt-5.2-20251211:free", "gpt-5.2-2025-12-11:free", None),
        ("claude-sonnet-5@20260101", None, "claude-sonnet-5"),
        ("gpt-5.2-20251341", None, None),
        ("gpt-5.2-20250230", None, None),
        ("gpt-5.2", None, None),
    ],
)
def test_dates_in_names(name: str, dashed: str | None, undated: str | None) -> None:
    assert with_dashed_date(name) == dashed
    assert without_date(name) == undated
