"""What must not be lost from a text: ids, numbers, dates, addresses, names. An atom is one such word, in lower case."""

import re
import string
from collections.abc import Iterable

# A word with a digit, an underscore or an @ in it, or one that begins with a capital letter.
_WORD = re.compile(r"[^\W_]+(?:[-_.@:/+'’][^\W_]+)*")
_JOINTS = "-_.@:/+'’"
_PUNCTUATION = string.punctuation + "’“”„…–—·•"
# Splitting is some times faster than a search for words.
_ALL_BREAKS = str.maketrans(dict.fromkeys(_PUNCTUATION, " "))
_BREAKS = str.maketrans(dict.fromkeys(set(_PUNCTUATION) - set(_JOINTS), " "))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"\d+")
_SENTENCE_STARTS = re.compile(r"(?:^|[.!?:]\s+|[\n*#>\-]\s*)([A-Z][a-z]+)")


def atoms(text: str) -> set[str]:
    """The atoms of a text. Numbers without letters are told by their parts: $1,204.50 by 1, 204 and 50 elsewhere."""
    found: set[str] = set()
    for word in _WORD.findall(text):
        if word.isalpha():
            if len(word) > 2 and word[0].isupper():
                found.add(word.lower())
        elif numbers := _NUMBER.findall(word):
            if _DATE.fullmatch(word) or any(map(str.isalpha, word)):
                found.add(word.lower())
            else:
                found.update(numbers)
        elif "@" in word or "_" in word or word[0].isupper():
            found.add(word.lower())
    return found


def words(text: str) -> set[str]:
    """Every word of a text that can stand for an atom: whole words, their parts and numbers; plural is singular."""
    lowered = text.lower()
    found = {word.strip(_JOINTS) for word in set(lowered.translate(_BREAKS).split())}
    found.update(lowered.translate(_ALL_BREAKS).split())
    found.update([word[:-1] for word in found if len(word) > 3 and word[-1] == "s"])
    found.update(_NUMBER.findall(lowered))
    return found


class Sought:
    """Atoms that are looked for in many texts: what `words` finds, for those alone and in a fraction of its time."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._forms: dict[str, str] = {}
        self._joined: dict[str, list[tuple[str, list[str]]]] = {}
        for atom in wanted:
            parts = atom.translate(_ALL_BREAKS).split()
            if len(parts) == 1:
                one = singular(atom)
                self._forms |= {atom: one, one: one, f"{one}s": one}
            elif parts:
                self._joined.setdefault(max(parts, key=len), []).append((atom, parts))
        self._parts = self._forms.keys() | self._joined.keys()

    def within(self, text: str) -> set[str]:
        """Which of them stand in a text, plural as singular."""
        lowered = text.lower()
        parts = lowered.translate(_ALL_BREAKS).split()
        found = self._parts & set(parts)
        whole = [
            atom
            for part in found & self._joined.keys()
            for atom, all_parts in self._joined[part]
            if atom in lowered and not set(all_parts).difference(parts)
        ]
        return {self._forms[part] for part in found & self._forms.keys()}.union(whole)


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
