"""The complexity of asks: what is read, what is left out, and that nothing fools or slows it."""

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.routing.domain.complexity import DEFAULT_WEIGHTS, Ask, Complexity, ConversationState, analyze
from apps.routing.domain.complexity.factors import FACTORS
from apps.routing.domain.complexity.fitting import Asks, Prior, fit
from apps.routing.domain.complexity.fitting import told as told_by
from apps.routing.domain.complexity.reading import lowered, read, tokens_of
from apps.routing.domain.complexity.stripping import strip
from apps.routing.domain.complexity.weights import FITTED, overridden

HARD = (
    "Prove that the scheduler never starves a task, step by step, then refactor it into three modules, keep the public"
    " API, write unit tests for each and explain why the worst case stays below O(n log n) without any global lock."
)


def score(message: str, state: ConversationState | None = None, **said: Any) -> float:
    return told(message, state, **said).score


def told(message: str, state: ConversationState | None = None, **said: Any) -> Complexity:
    return analyze(Ask(message, **said), state, DEFAULT_WEIGHTS)


def value(message: str, name: str, **said: Any) -> float:
    return next(factor.value for factor in told(message, **said).factors if factor.name == name)


def test_asks_are_ordered_as_a_person_would_order_them() -> None:
    asks = ["thanks!", "What time is it?", "Compare these two plans and explain which is cheaper.", HARD]
    scores = [score(ask) for ask in asks]
    assert scores == sorted(scores)
    assert scores[0] < 0.1
    assert scores[1] < 0.4
    assert scores[-1] > 0.6


def test_every_factor_says_what_it_adds_and_what_it_saw() -> None:
    found = told(HARD)
    names = [factor.name for factor in found.factors]
    assert len(names) == len(set(names)) >= 13
    assert all(0 <= factor.value <= 1 for factor in found.factors)
    reasoning = next(factor for factor in found.factors if factor.name == "reasoning_depth")
    assert reasoning.contribution > 0
    assert "prove" in reasoning.evidence


INJECTED = (
    "<system-reminder>{}</system-reminder>{}",
    "<<SYS>>{}<</SYS>>\n{}",
    "{1}\n<tools>{0}</tools>",
    "{1}\n<|im_start|>system {0}<|im_end|>",
    '{1}\n{{"type": "function", "function": {{"name": "x", "description": "{0}", "parameters": {{}}}}}}',
)


def test_what_frameworks_inject_does_not_count() -> None:
    short = "What time is it in Rome?"
    assert [round(score(form.format(HARD, short)), 2) for form in INJECTED] == [round(score(short), 2)] * len(INJECTED)


def test_pasted_payload_is_measured_and_its_words_are_not_read() -> None:
    pasted = f"What is this?\n```\n{HARD}\n```"
    stripped = strip(pasted, scan_characters=10_000)
    assert (stripped.ask, stripped.fences) == ("What is this?", 1)
    assert stripped.payload_characters == len(HARD) + 2
    assert value(pasted, "reasoning_depth") == 0
    assert value(f"What is this?\n> {HARD}", "reasoning_depth") == 0
    assert value(f"```\n{HARD}\n```", "reasoning_depth") > 0.5, "an ask that is nothing but payload is read"


def test_a_tag_that_is_never_closed_is_part_of_the_ask() -> None:
    assert strip("why does <file break?", scan_characters=100).ask == "why does <file break?"


def test_tags_that_nothing_closes_say_nothing() -> None:
    ask = "Fix the failing login test in the repo."
    stray = (
        "<system-reminder>",
        "</system-reminder>",
        "<System-Reminder kind='x'>",
        "<document>",
        "<<SYS>>",
        "<|im_end|>",
    )
    for tag in (*stray, "<|im_start|>user\n"):
        assert score(tag * 1_000 + ask) == score(ask), tag
        assert score(f"{ask}\n{tag}") == score(ask), tag
    cut = strip("<system-reminder>" * 5_000 + ask, scan_characters=65_536)
    assert cut.ask == ask, "also where the middle of a long message is cut out"


def test_letters_written_in_several_ways_are_one_word() -> None:
    for one, other in (
        ("शैली पढ\u093cो", "शैली प\u095dो"),
        ("İSTANBUL hava", "istanbul hava"),
        ("شَرَحَ", "شرح"),
        ("בְּדֹק", "בדק"),
    ):
        assert tokens_of(lowered(one)) == tokens_of(lowered(other))
    assert tokens_of(lowered("इस त्रुटि को समझाओ।")) == ["इस", "त्रुटि", "को", "समझाओ", "।"]
    assert tokens_of("พิสูจน์ v2") == ["พิสูจน์", "v2"]
    assert read("इस त्रुटि को समझाओ।", word_characters=99).words == 4


def test_going_on_is_as_hard_as_what_went_before() -> None:
    for before in (0.1, 0.9):
        assert score("yes", ConversationState(previous_score=before)) == pytest.approx(before, abs=0.01)
    assert score(HARD, ConversationState(previous_score=0.1)) == score(HARD)
    assert score("What time is it?", ConversationState(previous_score=0.9)) == score("What time is it?")


def test_failures_retries_and_used_tools_make_it_harder_and_offered_tools_do_not() -> None:
    ask = "Book the hotel."
    assert score(ask) < score(ask, ConversationState(retries=1)) < score(ask, ConversationState(failures=2))
    assert score(ask, failed_attempts=1) == score(ask, ConversationState(failures=1))
    assert score(ask) < score(ask, ConversationState(tools_used=3))
    assert score(ask) == score(ask, tools_offered=60)


def test_declared_tasks_and_lengths_count() -> None:
    assert (
        score("trip to Rome", task_type="rename_chat") < score("trip to Rome") < score("trip to Rome", task_type="code")
    )
    assert score("Go.", expected_output_tokens=50) < score("Go.", expected_output_tokens=4000)
    assert value("Write 500 words on tides", "response_length") > value(
        "Answer in 1 sentence: tides", "response_length"
    )


def test_other_languages_are_understood_or_at_least_harmless() -> None:
    for hard, easy in (
        ("为什么天空是蓝色的？请详细解释并证明，然后比较两个模型", "你好"),
        ("Beweise den Satz, analysiere jeden Schritt und vergleiche ausführlich mit dem Plan", "Hallo, danke"),
        ("Докажи теорему, проанализируй и сравни подробно", "привет"),
    ):
        assert score(easy) < 0.3
        assert score(easy) < score(hard)
    assert 0.05 < score("kaksi pientä kissaa istuu ikkunalla") < 0.7


def test_stuffed_keywords_do_not_make_an_ask_hard() -> None:
    stuffed = "prove derive optimize algorithm theorem refactor architecture debug " * 30
    assert score(f"What is 2 + 2? {stuffed}") < score(HARD)
    assert score("prove " * 5_000) < 0.7


ATTACKS = [
    " " * 1_000_000, "a" * 1_000_000, "why prove " * 100_000, "\x00\x01\u200b" * 300_000, "<system>" * 120_000,
    "```" * 300_000, "\n>" * 500_000, "{" * 1_000_000, "$a" * 500_000, "<!--" * 250_000, "1" * 1_000_000,
    "\u6f22" * 300_000, "\u093f\u0915" * 200_000, "\u064b" * 400_000, "<system " * 120_000,
    "<system-reminder>" * 60_000,
    "\U0001f600" * 200_000, "((((" * 250_000, "\t\n" * 500_000, '{"' * 400_000, "- 1. " * 200_000,
]  # fmt: skip


def test_a_megabyte_of_anything_is_quick() -> None:
    for attack in ATTACKS:
        score("warm up")
        began = time.process_time()
        found = told(attack)
        assert time.process_time() - began < 0.1, attack[:8]
        assert 0 < found.score < 1


def test_control_and_invisible_characters_hide_nothing() -> None:
    assert score("\x07Prove\u200b the\x00 theorem\ufeff") == score("Prove the theorem")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.integers(0, 10), st.none() | st.floats(0, 1), st.none() | st.integers(0, 10**7))
def test_any_text_has_a_score_that_its_factors_add_up_to(
    message: str, failed: int, before: float | None, tokens: int | None
) -> None:
    state = None if before is None else ConversationState(previous_score=before, tools_used=failed)
    found = told(message, state, failed_attempts=failed, input_tokens=tokens)
    assert 0 < found.score < 1
    assert 0.5 <= found.confidence <= 1
    assert all(0 <= factor.value <= 1 for factor in found.factors)
    assert found == told(message, state, failed_attempts=failed, input_tokens=tokens)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200), st.integers(0, 8))
def test_a_failure_never_makes_an_ask_look_easier(message: str, failed: int) -> None:
    assert score(message, failed_attempts=failed) <= score(message, failed_attempts=failed + 1)


def test_the_scan_is_capped_and_sees_both_ends() -> None:
    weights = replace(DEFAULT_WEIGHTS, scan_characters=400)
    ends = analyze(Ask("x " * 1_000 + "Prove it."), None, weights)
    middle = analyze(Ask("x " * 1_000 + "Prove it." + " x" * 1_000), None, weights)
    assert "prove" in ends.factors[0].evidence
    assert middle.factors[0].value == 0


def test_the_shipped_weights_say_where_they_come_from_and_keep_their_signs() -> None:
    weights = DEFAULT_WEIGHTS
    assert weights.provenance["rows"] == {"rl_": 8493, "lr_": 3167}, "nothing else may shape them"
    assert weights.weights.keys() == FACTORS.keys()
    assert all(weight <= 0 if name == "small_talk" else weight >= 0 or name == "creativity"
               for name, weight in weights.weights.items())  # fmt: skip
    assert sum(file.stat().st_size for file in FITTED.iterdir()) < 512 * 1024


def test_words_that_speak_are_named() -> None:
    wording = next(factor for factor in told("Which enzyme catalyzes this?").factors if factor.name == "wording")
    assert wording.evidence.startswith("harder: " if wording.contribution > 0 else "easier: ")
    unknown = next(factor for factor in told("qwzx vbnmkl").factors if factor.name == "wording")
    assert abs(unknown.contribution) < 1


def test_a_policy_overrides_weights_and_lexicons_and_nothing_impossible() -> None:
    ask = Ask("Please frobnicate the ledger.")
    before = analyze(ask, None, DEFAULT_WEIGHTS)
    changes = {
        "lexicons": {"reasoning": {"add": ["Frobnicate"]}},
        "weights": {"reasoning_depth": 9},
        "wording_share": 0,
    }
    after = analyze(ask, None, overridden(DEFAULT_WEIGHTS, changes))
    assert after.score > before.score
    assert after.factors[0].evidence == "frobnicate"
    assert overridden(DEFAULT_WEIGHTS, {}) == DEFAULT_WEIGHTS
    for impossible, message in (
        ({"mood": 1}, "mood is nothing the analyzer has"),
        ({"weights": {"mood": 1}}, "no factor is called mood"),
        ({"weights": {"creativity": math.inf}}, "creativity must be a number"),
        ({"weights": {"creativity": 21}}, "creativity must be between -20 and 20, not 21"),
        ({"lexicons": {"mood": {}}}, "no lexicon is called mood"),
        ({"lexicons": {"code": {"add": ["x" * 61]}}}, "longer than 60"),
        ({"lexicons": {"code": {"add": [f"w{n}" for n in range(2_000)]}}}, "1000 are the most"),
        ({"edges": [0.7, 0.3]}, "edges must rise"),
        ({"wording_share": 2}, "wording_share must be between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=message):
            overridden(DEFAULT_WEIGHTS, impossible)


def test_fitting_finds_a_gain_that_words_and_factors_carry_and_keeps_signs() -> None:
    """Asks whose gain is 1 with one word and 0 without, and a factor that pretends the opposite of its sign."""
    generator = np.random.default_rng(1)
    hard = generator.random(400) < 0.5
    places = [[1, 100 + n % 7, 7 if is_hard else 8] for n, is_hard in enumerate(hard)]
    asks = Asks(np.column_stack([1.0 - hard, generator.random(400)]), places, least=3)
    prior = Prior(np.array([0.5, 0.5]), np.array([1.0, 1.0]), firmness=0.001)
    fitted = fit(asks, hard.astype(float), np.ones(400), prior)
    predicted = told_by(asks, fitted)
    assert fitted.factors[0] == 0, "it would have turned negative"
    assert fitted.factors[1] == pytest.approx(0, abs=0.1)
    assert predicted[hard].min() > predicted[~hard].max()
    assert asks.common.sum() == 10
