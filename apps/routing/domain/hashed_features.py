"""What later learning needs of an ask: counts of hashed words and pairs of words. The words cannot be read back.

Version 2: the words and signs that the analyzer read, in lower case, and each two that follow each other, by the hashes
it made of them: the lower 16 bits are a bucket, the next bit is the sign. Of more than 512 buckets those with the
greatest counts are kept. Stored as little-endian pairs of bucket (16 bit) and count (8 bit), by bucket.
"""

import struct
from array import array

import numpy as np
from numpy.typing import NDArray

from .complexity.reading import Reading

VERSION = 2
_MOST_BUCKETS = 512
_STORED = np.dtype([("bucket", "<u2"), ("count", "i1")])
_BUCKET, _SIGN = 0xFFFF, 0x10000
_Whole = NDArray[np.int64]


def hashed_features(reading: Reading) -> bytes:
    """The feature vector of an ask; empty for an empty one."""
    if not reading.tokens:
        return b""
    kinds, times = _counted(reading)
    # Those without the bit of the sign, which are sorted first, count down.
    down = kinds.searchsorted(_SIGN)
    np.negative(times[:down], out=times[:down])
    buckets = kinds & _BUCKET
    order = buckets.argsort(kind="stable")
    buckets = buckets[order]
    begins = _begins(buckets)
    counts = np.maximum(np.minimum(np.add.reduceat(times[order], begins), 127), -127)
    buckets = buckets[begins]
    kept = counts.nonzero()[0]
    if len(kept) > _MOST_BUCKETS:
        kept = np.sort(kept[np.argsort(-abs(counts[kept]), kind="stable")[:_MOST_BUCKETS]])
    stored = np.empty(len(kept), dtype=_STORED)
    stored["bucket"], stored["count"] = buckets[kept], counts[kept]
    return stored.tobytes()


def _counted(reading: Reading) -> tuple[_Whole, _Whole]:
    """The distinct kinds of words and pairs, a bucket with its sign, in their order; and how often each comes.

    numpy lends the interpreter to other threads in every operation on more than 500 numbers, so that these are few.
    """
    kinds = np.frombuffer(array("Q", reading.hashes + reading.pair_hashes), dtype=np.int64) & (_SIGN | _BUCKET)
    kinds.sort()
    begins = _begins(kinds)
    times = np.empty_like(begins)
    np.subtract(begins[1:], begins[:-1], out=times[:-1])
    times[-1] = len(kinds) - begins[-1]
    return kinds[begins], times


def _begins(ordered: _Whole) -> _Whole:
    """Where another value begins."""
    differs = np.empty(len(ordered), dtype=bool)
    differs[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    return differs.nonzero()[0]


def read_features(stored: bytes) -> dict[int, int]:
    """The counts by bucket."""
    return dict(struct.iter_unpack("<Hb", stored))
