"""What must not be lost from a text: ids, numbers, dates, addresses, names. An atom is one such word, in lower case."""

import re
import string
from collections.abc import Iterable

# A word with a digit, an underscore or an @ in it, or one that begins with a capital letter.
_WORD = re.compile(r"[^\W_]+(?:[-_.@:/+'’][^\W_]+)*")
_PUNCTUATION = string.punctuation + "’“”„…–—·•"
# Splitting is some times faster than a search for words.
_BREAKS = str.maketrans(dict.fromkeys(_PUNCTUATION, " "))
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


def bare(word: str) -> str:
    """What stands between white space, without the signs around it: the same atoms, in fewer words to look at."""
    return word.strip(_PUNCTUATION)


def parts(text: str) -> list[str]:
    """The parts of a text: the runs of letters and digits between white space and signs."""
    return text.translate(_BREAKS).split()


def forms(atom: str) -> tuple[str, str, str]:
    """How an atom of one part may be spelled: as it is, in singular, in plural."""
    one = singular(atom)
    return atom, one, f"{one}s"


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
    if text.isalpha() or not 3 <= len(text) <= 64 or " " in text:
        return False
    return "@" in text or ("_" in text and any(map(str.isdigit, text))) or _mixes(text)


def all_atoms(texts: Iterable[str]) -> set[str]:
    """The atoms of many texts. Each word between white space, which no atom goes over, is looked at once."""
    vocabulary = set(map(bare, set().union(*map(str.split, texts))))
    return set().union(*[atoms(word) for word in vocabulary if not (word.isalpha() and word.islower())])


def _mixes(text: str) -> bool:
    if text.islower():
        return False
    return any(map(str.isalpha, text)) and any(map(str.isdigit, text)) and any(map(str.isupper, text))
