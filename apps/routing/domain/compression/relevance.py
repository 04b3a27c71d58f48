"""How much a sentence has to do with what is asked now: the words they share, rare ones more, as BM25 weighs them."""

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]{3,}")
_SATURATION = 1.2


def relevance(unit: str, query: str) -> float:
    """0 for nothing in common. A word counts once in the query and less and less in the unit.

    The saturation is that of Okapi BM25 (Robertson and Walker, 1994) with b = 0: units are of one length.
    """
    wanted = _words(query)
    if not wanted:
        return 0.0
    counts: dict[str, int] = {}
    for word in _WORD.findall(unit.lower()):
        if word in wanted:
            counts[word] = counts.get(word, 0) + 1
    return sum(len(word) * count * (_SATURATION + 1) / (count + _SATURATION) for word, count in counts.items())


@lru_cache(maxsize=64)
def _words(query: str) -> frozenset[str]:
    return frozenset(_WORD.findall(query.lower()))
