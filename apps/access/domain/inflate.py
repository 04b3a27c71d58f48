"""Bounded gzip: a small body must not become a large one in memory."""

import zlib

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class TooLarge(ValueError):
    """The inflated body passes the limit."""


class BadGzip(ValueError):
    """The body is not gzip, or ends early."""


def inflate(body: bytes, *, max_bytes: int) -> bytes:
    """The content of one gzip member. Stops as soon as the limit is passed. Raises TooLarge or BadGzip."""
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise BadGzip(str(error)) from error
    if len(content) > max_bytes:
        raise TooLarge(f"more than {max_bytes} bytes after inflating")
    if not inflater.eof or inflater.unused_data:
        raise BadGzip("incomplete or followed by other data")
    return content
