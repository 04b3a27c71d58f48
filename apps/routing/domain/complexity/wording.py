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

import msgspec

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


class Heard(msgspec.Struct, frozen=True):
    """What the words add to the log-odds, the share of them that the table knows, and which ones speak."""

    log_odds: float
    known: float
    evidence: str


def _distinct(reading: Reading) -> set[int]:
    """The hashes of all distinct things an ask has."""
    found = {*reading.hash_of.values(), *reading.pairs}
    if reading.tokens:
        found.add(crc32(b"first " + reading.written[0]))
        found.add(crc32(b"last " + reading.written[-1]))
    found.add(crc32(b"size %d" % int(2 * math.log2(len(reading.tokens) + 1))))
    return found


def places_of(reading: Reading) -> list[int]:
    """The places of all distinct things an ask has; two of them may fall on one place."""
    return [hash & _MASK for hash in _distinct(reading)]


def hear(reading: Reading, wording: Wording) -> Heard:
    """Add up what the table says of an ask."""
    table = wording.table
    said = [table[hash & _MASK] for hash in _distinct(reading)]
    known = 1.0 - said.count(0) / len(said)
    log_odds = wording.scale * sum(said) / math.sqrt(len(said))
    return Heard(log_odds, known, _evidence(reading, wording, is_hard=log_odds > 0))


def _evidence(reading: Reading, wording: Wording, *, is_hard: bool) -> str:
    """The words that speak the loudest for the side that won."""
    table, sign = wording.table, 1 if is_hard else -1
    loud = [
        (weight, token)
        for token, hash in reading.hash_of.items()
        if (weight := sign * table[hash & _MASK]) >= _LOUD and len(token) > 1
    ]
    loud.sort(reverse=True)
    return f"{'harder' if is_hard else 'easier'}: {', '.join([token for _, token in loud[:_SHOWN]])}" if loud else ""
