"""What later learning needs of an ask: counts of hashed words and pairs of words. The words cannot be read back.

Version 1: lower-case words of the first 8,192 characters, at most 512; each word and each pair is a bucket of 2^16 by
CRC-32, whose next bit is the sign. Stored as little-endian pairs of bucket (16 bit) and count (8 bit).
"""

import re
import struct
from collections import Counter
from zlib import crc32

VERSION = 1
_WORDS = re.compile(r"\w+")
_CHARACTERS, _MOST_WORDS, _MOST_BUCKETS = 8_192, 512, 512


def hashed_features(message: str) -> bytes:
    """The feature vector of an ask; empty for an empty one."""
    words = [found.group().encode() for found in _WORDS.finditer(message[:_CHARACTERS].lower())][:_MOST_WORDS]
    counts: Counter[int] = Counter()
    for term in (*words, *(first + b" " + second for first, second in zip(words, words[1:], strict=False))):
        hashed = crc32(term)
        counts[hashed & 0xFFFF] += 1 if hashed & 0x10000 else -1
    kept = sorted(counts.most_common(_MOST_BUCKETS))
    return b"".join(struct.pack("<Hb", bucket, max(-127, min(127, count))) for bucket, count in kept if count)


def read_features(stored: bytes) -> dict[int, int]:
    """The counts by bucket."""
    return dict(struct.iter_unpack("<Hb", stored))
