"""What later learning needs of an ask: counts of hashed words and pairs of words. The words cannot be read back.

Version 2: the words and signs that the analyzer read, in lower case, and each two that follow each other, by the hashes
it made of them: the lower 16 bits are a bucket, the next bit is the sign. Of more than 512 buckets those with the
greatest counts are kept. Stored as little-endian pairs of bucket (16 bit) and count (8 bit), by bucket.
"""

import struct
from array import array

import numpy as np

from .complexity.reading import Reading

VERSION = 2
_MOST_BUCKETS = 512
_STORED = np.dtype([("bucket", "<u2"), ("count", "i1")])


def hashed_features(reading: Reading) -> bytes:
    """The feature vector of an ask; empty for an empty one."""
    if not reading.tokens:
        return b""
    hashes = np.array(array("L", reading.hashes + reading.pair_hashes), dtype=np.int64)
    # By bucket, the sign below it; where another bucket begins, the signs of the one before are added up.
    signed = ((hashes & 0xFFFF) << 1) | ((hashes >> 16) & 1)
    signed.sort()
    buckets = signed >> 1
    is_first = np.empty(len(buckets), dtype=bool)
    is_first[0] = True
    np.not_equal(buckets[1:], buckets[:-1], out=is_first[1:])
    begins = is_first.nonzero()[0]
    counts = np.maximum(np.minimum(np.add.reduceat((signed & 1) * 2 - 1, begins), 127), -127)
    buckets = buckets[begins]
    kept = counts.nonzero()[0]
    if len(kept) > _MOST_BUCKETS:
        kept = np.sort(kept[np.argsort(-abs(counts[kept]), kind="stable")[:_MOST_BUCKETS]])
    stored = np.empty(len(kept), dtype=_STORED)
    stored["bucket"], stored["count"] = buckets[kept], counts[kept]
    return stored.tobytes()


def read_features(stored: bytes) -> dict[int, int]:
    """The counts by bucket."""
    return dict(struct.iter_unpack("<Hb", stored))
