"""What must not be lost from a text: ids, numbers, dates, addresses, names. An atom is one such word, in lower case."""

import re
from collections.abc import Iterable

# A word with a digit, an underscore or an @ in it, or one that begins with a capital letter.
_WORD = re.compile(r"[^\W_]+(?:[-_.@:/+'’][^\W_]+)*")
_PART = re.compile(r"[^\W\d_]+|\d+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"\d+")
_SENTENCE_STARTS = re.compile(r"(?:^|[.!?:]\s+|[\n*#>\-]\s*)([A-Z][a-z]+)")


def atoms(text: str) -> set[str]:
    """The atoms of a text. Numbers are atoms by themselves, too: $1,204.50 is told by 1, 204 and 50 elsewhere."""
    found: set[str] = set()
    for word in _WORD.findall(text):
        if any(letter.isdigit() for letter in word):
            found.update(_NUMBER.findall(word))
            if _DATE.fullmatch(word) or any(letter.isalpha() for letter in word):
                found.add(word.lower())
        elif "@" in word or "_" in word or (word[0].isupper() and len(word) > 2):
            found.add(word.lower())
    return found


def words(text: str) -> set[str]:
    """Every word of a text that can stand for an atom: whole words, their parts and numbers; plural is singular."""
    lowered = text.lower()
    parts = set(_PART.findall(lowered))
    return parts.union(_WORD.findall(lowered), map(singular, parts))


def singular(word: str) -> str:
    """Without the s at its end."""
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def telling(text: str) -> list[str]:
    """The ids and dates of a text in the order in which they stand, each once."""
    parts = (part for word in _WORD.findall(text) for part in word.split(":"))
    found = (word for word in parts if id_like(word) or _DATE.fullmatch(word))
    return list(dict.fromkeys(found))


def ordinary_starts(text: str) -> set[str]:
    """Words that are capital only because a sentence begins with them; they name nothing."""
    return {word.lower() for word in _SENTENCE_STARTS.findall(text)}


def id_like(text: str) -> bool:
    """Whether a value names a thing: letters and digits together, an underscore between them, or an address."""
    if not 3 <= len(text) <= 64 or " " in text:
        return False
    return "@" in text or ("_" in text and any(map(str.isdigit, text))) or _mixes(text)


def all_atoms(texts: Iterable[str]) -> set[str]:
    """The atoms of many texts."""
    found: set[str] = set()
    for text in texts:
        found |= atoms(text)
    return found


def _mixes(text: str) -> bool:
    return any(map(str.isalpha, text)) and any(map(str.isdigit, text)) and any(map(str.isupper, text))
