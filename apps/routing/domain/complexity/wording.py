"""What the words of an ask say by themselves, as fitted on public outcomes.

Every distinct word, sign and pair of neighbours is hashed to a place of a table of small integers; the first and the
last word and the size of the ask have places of their own. Their mean, by the root of how many there are, is added to
the log-odds. A word that no fitted ask had weighs nothing, so an unknown language says nothing. Repeating a word adds
nothing, because each counts once.
"""

import math
from array import array
from dataclasses import dataclass
from zlib import crc32

from apps.routing.domain.complexity.reading import Reading

VERSION = "crc32-pairs-1"
PLACES = 1 << 18
_MASK = PLACES - 1
_SHOWN = 3
# Weights below this, of 127, are no evidence worth showing.
_LOUD = 8


@dataclass(frozen=True)
class Wording:
    """A fitted table; `scale` turns its integers into log-odds. 0 is a place that no fitted ask had."""

    table: "array[int]"
    scale: float
    usual_known: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the words add to the log-odds, the share of them that the table knows, and which ones speak."""

    log_odds: float
    known: float
    evidence: str


def places_of(reading: Reading) -> frozenset[int]:
    """The places of all that an ask has."""
    found = {hash & _MASK for hash in reading.hashes}
    found.update([hash & _MASK for hash in reading.pairs])
    if reading.tokens:
        found.add(_marked(b"first ", reading.tokens[0]))
        found.add(_marked(b"last ", reading.tokens[-1]))
    found.add(crc32(b"size %d" % int(2 * math.log2(len(reading.tokens) + 1))) & _MASK)
    return frozenset(found)


def hear(reading: Reading, wording: Wording) -> Heard:
    """Add up what the table says of an ask."""
    table = wording.table
    said = [table[place] for place in places_of(reading)]
    known = 1.0 - said.count(0) / len(said)
    log_odds = wording.scale * sum(said) / math.sqrt(len(said))
    return Heard(log_odds, known, _evidence(reading, wording, is_hard=log_odds > 0))


def _evidence(reading: Reading, wording: Wording, *, is_hard: bool) -> str:
    """The words that speak the loudest for the side that won."""
    table, sign = wording.table, 1 if is_hard else -1
    by_token = dict(zip(reading.tokens, reading.hashes, strict=True))
    weighed = [(sign * table[hash & _MASK], token) for token, hash in by_token.items()]
    loud = sorted([one for one in weighed if one[0] >= _LOUD and len(one[1]) > 1], reverse=True)[:_SHOWN]
    return f"{'harder' if is_hard else 'easier'}: {', '.join(token for _, token in loud)}" if loud else ""


def _marked(mark: bytes, token: str) -> int:
    return crc32(mark + token.encode("utf-8", "surrogatepass")) & _MASK
