"""What was typed in the playground as a question of the API."""

from typing import Any

from django.http import QueryDict

TEXTS = ("message", "role", "task_type", "project", "agent", "strategy")
NUMBERS = ("input_tokens", "expected_output_tokens", "context_tokens", "tools_offered")
ABILITIES = ("tools", "vision", "json")


def question_of(sent: QueryDict) -> dict[str, Any]:
    """The question; a number that is none stays text, which the API refuses by name."""
    question: dict[str, Any] = {name: text.replace("\r\n", "\n") for name in TEXTS if (text := str(sent.get(name, "")))}
    for name in NUMBERS:
        if text := sent.get(name, "").strip():
            question[name] = int(text) if text.isascii() and text.isdecimal() and len(text) < 13 else text
    if threshold := sent.get("quality_threshold", "").strip():
        question["quality_threshold"] = _number_or_text(threshold)
    if requires := [name for name in sent.getlist("requires") if name in ABILITIES]:
        question["requires"] = requires
    return question


def _number_or_text(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
