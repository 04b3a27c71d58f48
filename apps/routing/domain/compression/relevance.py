"""How much a sentence has to do with what is asked now: the words they share, rare ones more, as BM25 weighs them."""

import re
from collections.abc import Iterable, Sequence

from .atoms import bare

_WORD = re.compile(r"[^\W\d_]{3,}")
_SATURATION = 1.2


class Relevance:
    """What is asked now, to be looked for in sentences of these words: what stands between white space."""

    def __init__(self, query: str, vocabulary: Iterable[str]) -> None:
        wanted = frozenset(_WORD.findall(query.lower()))
        self._hits = {spelled: hits for spelled in vocabulary if (hits := _hits(spelled, wanted))} if wanted else {}
        self._known = frozenset(self._hits)

    def of(self, sentence: Sequence[str]) -> float:
        """0 for nothing in common. A word counts once in the query and less and less in the sentence.

        The saturation is that of Okapi BM25 (Robertson and Walker, 1994) with b = 0: sentences are of one length.
        """
        if self._known.isdisjoint(sentence):
            return 0.0
        counts: dict[str, int] = {}
        for spelled in filter(self._known.__contains__, sentence):
            for word in self._hits[spelled]:
                counts[word] = counts.get(word, 0) + 1
        return sum(len(word) * count * (_SATURATION + 1) / (count + _SATURATION) for word, count in counts.items())


def _hits(spelled: str, wanted: frozenset[str]) -> list[str]:
    word = bare(spelled.lower())
    if word.isalpha():
        return [word] if word in wanted else []
    return [part for part in _WORD.findall(word) if part in wanted]
