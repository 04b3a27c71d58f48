"""An ask cut into words, once, for all factors."""

import re
from dataclasses import dataclass
from functools import cached_property

# Words longer than this are cut: a megabyte without a blank is then many words, not one.
_WORD = re.compile(r"\w{1,40}")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SENTENCE_END = re.compile(r"[.!?;:。！？]+(?=\s|$)|\n+")


@dataclass(frozen=True)
class Reading:
    """The head and the tail of an ask, in lower case, and its words."""

    text: str
    lower: str
    words: list[str]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def unspaced_characters(self) -> int:
        """Characters of scripts that are written without blanks between words."""
        return 0 if self.text.isascii() else len(_UNSPACED.findall(self.text))

    @cached_property
    def size(self) -> float:
        """About how many words it has; two characters of a script without blanks count as one."""
        return len(self.words) + self.unspaced_characters / 2

    @cached_property
    def sentences(self) -> int:
        return max(1, len(_SENTENCE_END.findall(self.text)))


def read(ask: str, *, word_characters: int) -> Reading:
    """Read at most `word_characters` of an ask: its head and, when it is longer, its tail."""
    if len(ask) > word_characters:
        tail = word_characters // 4
        ask = f"{ask[: word_characters - tail]}\n{ask[len(ask) - tail :]}"
    lower = ask.lower()
    return Reading(ask, lower, _WORD.findall(lower))
