"""Long results that are no JSON: their head and tail, and the lines between that anybody has spoken of."""

import re
from collections.abc import Callable

from .atoms import telling

HEAD, TAIL = 3, 5
MIN_LINES = HEAD + TAIL + 2
_ALARM = re.compile(r"\b(?:error|fail\w*|fatal|exception|traceback|panic|denied|critical)\b", re.IGNORECASE)


def head_and_tail(text: str, said: Callable[[str], bool]) -> str:
    """The first and last lines, those that tell of a failure, and those with an id that was spoken of.

    How many lines went is told where they stood. A text of few lines stays.
    """
    lines = text.split("\n")
    if len(lines) < MIN_LINES:
        return text
    kept: list[str] = []
    gone = 0
    for number, line in enumerate(lines):
        is_end = number < HEAD or number >= len(lines) - TAIL
        if is_end or _ALARM.search(line) or any(said(word) for word in telling(line)):
            if gone:
                kept.append(f"({gone} lines left out)")
            gone = 0
            kept.append(line)
        else:
            gone += 1
    return "\n".join(kept)
