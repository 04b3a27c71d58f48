"""What the analyzer is asked and what it answers."""

from dataclasses import dataclass, field

import msgspec

from apps.routing.domain.complexity.reading import Reading


class Ask(msgspec.Struct, frozen=True):
    """One ask: the newest human message, and what the agent said of the call. None is "not said"."""

    message: str
    task_type: str | None = None
    role: str | None = None
    tools_offered: int | None = None
    input_tokens: int | None = None
    expected_output_tokens: int | None = None
    failed_attempts: int = 0


class ConversationState(msgspec.Struct, frozen=True):
    """What is known of the conversation so far. `failures` and `retries` count since the last success."""

    tools_used: int = 0
    failures: int = 0
    retries: int = 0
    output_tokens_mean: float | None = None
    previous_score: float | None = None


class Factor(msgspec.Struct, frozen=True):
    """One reason for the score: a value between 0 and 1, and what it adds to the log-odds of "hard"."""

    name: str
    value: float
    contribution: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Complexity:
    """`score` between 0 (easy) and 1 (hard); `confidence` is the chance that the score's tier is the right one."""

    score: float
    confidence: float
    factors: tuple[Factor, ...]
    reading: Reading | None = field(default=None, compare=False, repr=False)
    """The ask as it was read, for what else is made of it; not to be kept."""
