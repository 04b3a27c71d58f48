"""Sentences of the agent that tell nothing which does not stand elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .atoms import atoms, bare, ordinary_starts, singular
from .messages import Reason
from .press import Press
from .relevance import Relevance
from .standing import Sayers, Standing
from .texts import units

CALLS = -1
"""The number of what a message says in calls of tools, which stays."""


class Sentence(NamedTuple):
    """One that may go: where it stands, and what stands in it between white space, which no atom goes over."""

    place: int
    number: int
    text: str
    words: Sequence[str]


def restated(press: Press) -> None:
    """Take out sentences whose ids, numbers and names all stand elsewhere; what says least of the query first."""
    pieces = {
        place: list(units(press.texts[place]))
        for place in press.old
        if press.messages[place].role == "assistant" and press.texts[place]
    }
    found = [
        Sentence(place, number, unit, words)
        for place, parts in pieces.items()
        for number, (unit, may_go) in enumerate(parts)
        if may_go and (words := unit.split())
    ]
    if not found:
        return
    vocabulary: set[str] = set().union(*[one.words for one in found])
    relevance = Relevance(press.query, vocabulary)
    elsewhere = _Elsewhere(press, pieces, vocabulary)
    gone: dict[int, set[int]] = {place: set() for place in pieces}
    left = float(press.tokens)
    # The sort is stable: of those with as little to do with the query the older go first.
    for one in sorted(found, key=lambda one: relevance.of(one.words)):
        if left <= press.target:
            break
        if elsewhere.tells(one, gone):
            gone[one.place].add(one.number)
            left -= press.sizes[one.place] * len(one.text) / len(press.texts[one.place])
    for place, taken in gone.items():
        if taken:
            kept = "".join(unit for number, (unit, _) in enumerate(pieces[place]) if number not in taken).strip()
            press.replace(place, kept or "…", Reason.RESTATED)


class _Elsewhere(dict[str, bool]):
    """What stands elsewhere than in a sentence; as a dict, by the words of sentences, whether any of it does not stand
    in messages that this step leaves as they are. Each word is looked at once, and only where somebody asks.
    """

    def __init__(
        self, press: Press, pieces: Mapping[int, Sequence[tuple[str, bool]]], vocabulary: Iterable[str]
    ) -> None:
        # No atom is in lower-case letters alone.
        super().__init__(dict.fromkeys(filter(str.islower, filter(str.isalpha, vocabulary)), False))
        self._holds = Standing(
            f"{press.texts[place]}\n{one.calls}" for place, one in enumerate(press.messages) if place not in pieces
        ).holds
        said = ((place, number, unit) for place, parts in pieces.items() for number, (unit, _) in enumerate(parts))
        called = ((place, CALLS, press.messages[place].calls) for place in pieces)
        self._sayers = Sayers([*said, *called])

    def __missing__(self, word: str) -> bool:
        found = self[word] = not all(map(self._holds, _atoms_of(bare(word))))
        return found

    def tells(self, sentence: Sentence, gone: Mapping[int, set[int]]) -> bool:
        """Whether all that a sentence tells stands in another message, too, when some sentences are gone."""
        if not any(map(self.__getitem__, sentence.words)):
            return True
        found = atoms(sentence.text) - ordinary_starts(sentence.text)
        alone = {atom for atom in map(singular, found) if not self._holds(atom)}
        return all(self._messages_with(atom, gone) > 1 for atom in alone)

    def _messages_with(self, atom: str, gone: Mapping[int, set[int]]) -> int:
        # Of a message whose sentences said it before they went, its calls do not count.
        return sum(
            not numbers - {CALLS} <= gone[place] if numbers != {CALLS} else True
            for place, numbers in self._sayers.of(atom).items()
        )


def _atoms_of(word: str) -> Iterable[str]:
    """What a word tells, in singular. Most are letters alone, of which names are atoms."""
    if word.isalpha():
        return (singular(word.lower()),) if len(word) > 2 and word[0].isupper() else ()
    return map(singular, atoms(word))
