"""What goes into a compression and what comes out of it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why something was taken out, as the API tells it."""

    DUPLICATE = "duplicate"
    WHITE_SPACE = "white_space"
    NARROW_JSON = "narrow_json"
    REPEATED_LINES = "repeated_lines"
    SAME_RECORD = "same_record"
    SUPERSEDED = "superseded"
    RESTATED = "restated"
    UNMENTIONED_ROWS = "unmentioned_rows"
    UNMENTIONED_RESULT = "unmentioned_result"
    UNMENTIONED_FIELDS = "unmentioned_fields"
    MIDDLE_LINES = "middle_lines"
    LEDGER = "ledger"
    TOLD_ELSEWHERE = "told_elsewhere"
    SUMMARY = "summary"
    UNUSED_TOOL_HELP = "unused_tool_help"
    EXAMPLES = "examples"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its role, its text, and what its calls of tools say, which is never changed."""

    role: str
    text: str
    calls: str = ""
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """What one step took from one message, and by name where that says more."""

    index: int
    reason: Reason
    tokens: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """What to sum up, in which words to ask a model for it, and how long the answer may be."""

    indexes: tuple[int, ...]
    prompt: str
    max_tokens: int


@dataclass
class Compressed:
    """The texts in the order of the messages, the tokens of each with its calls, what was taken out, and where the
    first message stands that differs (None: none).
    """

    texts: list[str]
    sizes: list[int]
    dropped: list[Dropped] = field(default_factory=list)
    first_changed: int | None = None
    summary_request: SummaryRequest | None = None
    is_summed_up: bool = False
