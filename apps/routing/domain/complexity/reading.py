"""An ask cut into words and signs, once, for everything that reads it."""

import re
from collections import Counter
from collections.abc import KeysView
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from operator import xor
from zlib import crc32

# Longer words are cut: a megabyte without a blank is then many words, not one.
_TOKEN = re.compile(r"\w{1,40}|[^\w\s]")
_ASCII_TOKEN = re.compile(_TOKEN.pattern, re.ASCII)
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# What every match begins with is one letter, which is looked for much faster than the beginning of a line.
_STEP = re.compile(r"\n[ \t]{0,8}(?:\d{1,2}[.)]|[-*•])[ \t]")

# The hash of a pair goes on from that of its first token, changed so that "ab" is not "a" followed by "b".
_PAIR = 0x9E3779B9


@dataclass(frozen=True)
class Reading:
    """The head and the tail of an ask. Tokens are its words and signs, in lower case."""

    text: str
    lower: str
    tokens: list[str]

    @cached_property
    def counts(self) -> Counter[str]:
        """How often it has each distinct token, in the order in which they first appear."""
        return Counter(self.tokens)

    @property
    def vocabulary(self) -> KeysView[str]:
        """The distinct tokens."""
        return self.counts.keys()

    @cached_property
    def _bytes_of(self) -> dict[str, bytes]:
        """Each distinct token as it is hashed; half a surrogate pair is no reason to fail."""
        # No token has a line break, so all are encoded at once.
        distinct = "\n".join(self.counts).encode("utf-8", "surrogatepass").split(b"\n")
        return dict(zip(self.counts, distinct, strict=False))

    @cached_property
    def written(self) -> list[bytes]:
        """Each token as it is hashed."""
        return list(map(self._bytes_of.__getitem__, self.tokens))

    @cached_property
    def hash_of(self) -> dict[str, int]:
        """The hash of each distinct token, in the order in which they first appear."""
        return dict(zip(self._bytes_of, map(crc32, self._bytes_of.values()), strict=True))

    @cached_property
    def hashes(self) -> list[int]:
        """The hash of each token."""
        return list(map(self.hash_of.__getitem__, self.tokens))

    @cached_property
    def pair_hashes(self) -> list[int]:
        """The hash of every two tokens that follow each other, in their order."""
        return list(map(crc32, self.written[1:], map(xor, self.hashes, repeat(_PAIR))))

    @cached_property
    def pairs(self) -> frozenset[int]:
        """The distinct ones of them."""
        return frozenset(self.pair_hashes)

    @cached_property
    def words(self) -> int:
        return sum([times for token, times in self.counts.items() if token.isalnum()])

    @cached_property
    def unspaced_characters(self) -> int:
        """Characters of scripts that are written without blanks between words."""
        return 0 if self.text.isascii() else len(_UNSPACED.findall(self.text))

    @cached_property
    def size(self) -> float:
        """About how many words it has; two characters of a script without blanks count as one."""
        return self.words + self.unspaced_characters / 2

    @cached_property
    def listed_steps(self) -> int:
        """Lines that begin as an item of a list."""
        return len(_STEP.findall(f"\n{self.text}"))

    def count(self, *signs: str) -> int:
        """How often the text has any of these signs."""
        text = self.text
        return sum([text.count(sign) for sign in signs if sign[0] in text])


def read(ask: str, *, word_characters: int) -> Reading:
    """Read at most `word_characters` of an ask: its head and, when it is longer, its tail."""
    if len(ask) > word_characters:
        tail = word_characters // 4
        ask = f"{ask[: word_characters - tail]}\n{ask[len(ask) - tail :]}"
    lower = ask.lower()
    return Reading(ask, lower, tokens_of(lower))


def tokens_of(lower: str) -> list[str]:
    """Words and signs of a text in lower case, in their order."""
    return (_ASCII_TOKEN if lower.isascii() else _TOKEN).findall(lower)
