"""Where atoms stand: whether at all in texts that stay, and in which of the sentences that may go."""

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence

from .atoms import all_atoms, forms, parts, singular


class Standing:
    """Texts that stay, read once, to be asked for many atoms."""

    def __init__(self, texts: Iterable[str]) -> None:
        lowered = [text.lower() for text in texts]
        # ASCII is split many times faster, so that one other letter should not slow all down.
        self._whole = [
            "\n".join(text for text in lowered if text.isascii()),
            "\n".join(text for text in lowered if not text.isascii()),
        ]
        self._parts = {part for whole in self._whole for part in parts(whole)}
        self._known: dict[str, bool] = {}

    def holds(self, atom: str) -> bool:
        """Whether an atom stands in one of them, plural as singular."""
        known = self._known.get(atom)
        if known is None:
            known = self._known[atom] = self._looked_up(atom)
        return known

    def holds_text(self, text: str) -> bool:
        """Whether some words stand in one of them one after the other, as they are."""
        lowered = text.lower()
        return self._parts.issuperset(parts(lowered)) and any(_stands(lowered, whole) for whole in self._whole)

    def _looked_up(self, atom: str) -> bool:
        if atom.isalnum():
            return any(map(self._parts.__contains__, forms(atom)))
        return self._parts.issuperset(parts(atom)) and any(_stands(atom, one) for one in self._whole)


def share_kept(before: Iterable[str], after: Iterable[str]) -> float:
    """The share of the atoms of some texts that stand in others; 1 where there are none."""
    told, standing = all_atoms(before), Standing(after)
    return sum(map(standing.holds, told)) / len(told) if told else 1.0


class Sayers:
    """Which sentences of which messages say an atom."""

    def __init__(self, sentences: Iterable[tuple[int, int, str]]) -> None:
        self._keys: list[tuple[int, int]] = []
        self._starts: list[int] = []
        texts: list[str] = []
        start = 0
        for place, number, text in sentences:
            # In lower case a few letters are longer.
            texts.append(text if text.isascii() else text.lower())
            self._keys.append((place, number))
            self._starts.append(start)
            start += len(texts[-1]) + 1
        self._whole = "\n".join(texts).lower()
        self._known: dict[str, dict[int, set[int]]] = {}

    def of(self, atom: str) -> dict[int, set[int]]:
        """The numbers of the sentences by the place of their message."""
        if atom not in self._known:
            found: dict[int, set[int]] = {}
            for start in places(atom, self._whole):
                place, number = self._keys[bisect(self._starts, start) - 1]
                found.setdefault(place, set()).add(number)
            self._known[atom] = found
        return self._known[atom]


def _stands(text: str, whole: str) -> bool:
    return next(_as_spelled(text, (text,), whole), -1) >= 0


def places(atom: str, whole: str) -> Iterator[int]:
    """Where an atom stands in a text in lower case as a word of its own, plural as singular."""
    if atom.isalnum():
        return _as_spelled(singular(atom), forms(atom), whole)
    return _as_spelled(atom, (atom,), whole)


def _as_spelled(start_of: str, spelled: Sequence[str], whole: str) -> Iterator[int]:
    """Where one of some words that begin alike stands in a text, no letter or digit before or behind it."""
    start = -1
    while (start := whole.find(start_of, start + 1)) >= 0:
        end = start + len(start_of)
        if start and whole[start - 1].isalnum():
            continue
        while end < len(whole) and whole[end].isalnum():
            end += 1
        if whole[start:end] in spelled:
            yield start
