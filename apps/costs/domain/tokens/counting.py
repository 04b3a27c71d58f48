"""Counting tokens: exactly by vocabulary for bills, with a buffer for estimates, and trimming texts to a limit."""

import os
from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Literal

import tiktoken

from .vocabularies import CL100K_BASE, O200K_BASE, ensure_vocabularies

# tiktoken gives up on very long runs of one kind of character; pieces stay below 100 KB of UTF-8.
_PIECE_BYTES = 100_000
# A place between two words is looked for in so many characters before the end of a piece.
_LOOK_BACK = 2_000
_DEFAULT_DIRECTORY = Path(__file__).parents[4] / "var" / "tiktoken"
_loading = Lock()

Keep = Literal["start", "end"]


def count(text: str, model: str) -> int:
    """The tokens of a text in the vocabulary of a model.

    cl100k_base and o200k_base are counted exactly; models of other makers, whose vocabularies are not public, by
    o200k_base. A text is cut between words into pieces of at most 100 KB; only a cut with no space before a word in
    the 2,000 characters before it can add a token. Special tokens such as <|endoftext|> count as the text they are.
    Raises VocabularyError when a vocabulary is not what it should be.
    """
    encoding = _encoding(vocabulary_of(model))
    if len(text) <= _PIECE_BYTES // 4:
        return len(encoding.encode_ordinary(text))
    return sum(len(encoding.encode_ordinary(piece)) for piece in _pieces(text))


def approximate(text: str, model: str, buffer: Decimal) -> int:
    """The count times the buffer, rounded up: for estimates made before a call, never for bills."""
    return int((count(text, model) * buffer).to_integral_value(ROUND_CEILING))


def estimate(text: str, model: str, buffer: Decimal) -> int:
    """The exact count for a model whose vocabulary is public, else the approximate one."""
    return count(text, model) if _known_vocabulary(model) else approximate(text, model, buffer)


def trim(text: str, limit: int, model: str, share: Decimal, keep: Keep = "start") -> str:
    """The text whole when it has at most `limit` tokens, else its start or end of at most `share` of the limit.

    Raises ValueError for a negative limit or a share outside 0 to 1.
    """
    if limit < 0 or not 0 <= share <= 1:
        raise ValueError(f"a text is trimmed to a share from 0 to 1 of 0 or more tokens, got {share} of {limit}")
    if count(text, model) <= limit:
        return text
    wanted = int(limit * share)
    kept = _cut(text, wanted, model, keep)
    # A very long text without spaces is cut in other places than before, and can count a little more.
    while kept and (over := count(kept, model) - wanted) > 0:
        kept = _cut(kept, wanted - over, model, keep)
    return kept


def vocabulary_of(model: str) -> str:
    """The name of the vocabulary by which a model's tokens are counted; a provider's prefix in the name is ignored."""
    return _known_vocabulary(model) or O200K_BASE.name


@lru_cache(maxsize=256)
def _known_vocabulary(model: str) -> str | None:
    """The vocabulary that is a model's own; None for models of other makers."""
    try:
        known = tiktoken.encoding_name_for_model(model.lower().rpartition("/")[2])
    except KeyError:
        return None
    return O200K_BASE.name if known.startswith("o200k") else CL100K_BASE.name


@cache
def _encoding(name: str) -> tiktoken.Encoding:
    with _loading:
        directory = Path(os.environ.get("TIKTOKEN_CACHE_DIR") or _DEFAULT_DIRECTORY)
        ensure_vocabularies(directory)
        os.environ["TIKTOKEN_CACHE_DIR"] = str(directory)
        return tiktoken.get_encoding(name)


def _cut(text: str, tokens: int, model: str, keep: Keep) -> str:
    if tokens <= 0:
        return ""
    encoding = _encoding(vocabulary_of(model))
    encoded = [token for piece in _pieces(text) for token in encoding.encode_ordinary(piece)]
    kept = encoded[:tokens] if keep == "start" else encoded[-tokens:]
    # A token can end within a character; what is left of it is dropped.
    return encoding.decode(kept, errors="ignore")


def _pieces(text: str) -> Iterator[str]:
    longest = _PIECE_BYTES if text.isascii() else _PIECE_BYTES // 4
    start = 0
    while len(text) - start > longest:
        end = _word_end(text, start, start + longest)
        yield text[start:end]
        start = end
    yield text[start:]


def _word_end(text: str, start: int, limit: int) -> int:
    """A place before the limit where both vocabularies always begin a new token: a space before a letter."""
    place = limit
    earliest = max(start, limit - _LOOK_BACK)
    while (place := text.rfind(" ", earliest + 1, place)) > 0:
        if text[place + 1].isalpha():
            return place
    return limit
