"""An ask cut into words and signs, once, for everything that reads it."""

import re
import unicodedata
from collections import Counter
from collections.abc import KeysView
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from operator import xor
from zlib import crc32


def _marks(first: int, last: int) -> str:
    return "".join(chr(code) for code in range(first, last + 1) if unicodedata.category(chr(code)) in ("Mn", "Mc"))


# The vowel signs of the scripts of India, of Thai and Lao, which `\w` does not have, are parts of their words.
_VOWELS = _marks(0x0900, 0x0EFF)
_VOWEL = re.compile(f"[{_VOWELS}]")
# Those of Arabic and Hebrew are hardly ever written, so words go without them, and without joiners of letters.
_UNWRITTEN = re.compile(f"[{_marks(0x0591, 0x05C7)}\u0640{_marks(0x064B, 0x0670)}\u200c\u200d]")
# Letters with a dot below, each written as one or as two.
_DOTTED = [(chr(code), unicodedata.normalize("NFD", chr(code))) for code in (*range(0x958, 0x960), 0x9DC, 0x9DD, 0x9DF)]
# Longer words are cut: a megabyte without a blank is then many words, not one.
_TOKEN = re.compile(rf"[\w{_VOWELS}]{{1,40}}|[^\w\s]")
_ASCII_TOKEN = re.compile(r"\w{1,40}|[^\w\s]", re.ASCII)
# Of Thai and Lao the consonants.
_UNSPACED = re.compile("[\u0e01-\u0e2e\u0e81-\u0eae\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
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
        if _VOWEL.search(self.lower):
            return sum([times for token, times in self.counts.items() if _VOWEL.sub("", token).isalnum()])
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
    lower = lowered(ask)
    return Reading(ask, lower, tokens_of(lower))


def lowered(text: str) -> str:
    """The text as its words are looked up: in lower case, each letter in one way of writing it."""
    lower = text.lower()
    if lower.isascii():
        return lower
    if "i\u0307" in lower:  # the dotted capital of Turkish
        lower = lower.replace("i\u0307", "i")
    if _VOWEL.search(lower):
        for one, two in _DOTTED:
            lower = lower.replace(one, two)
    return _UNWRITTEN.sub("", lower) if _UNWRITTEN.search(lower) else lower


def is_unspaced(text: str) -> bool:
    """Whether it has letters of a script without blanks between words."""
    return _UNSPACED.search(text) is not None


def tokens_of(lower: str) -> list[str]:
    """Words and signs of a text in lower case, in their order."""
    return (_ASCII_TOKEN if lower.isascii() else _TOKEN).findall(lower)
