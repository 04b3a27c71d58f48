"""API keys: `bsr_`, 160 random bits in base 62, and a checksum, so that a typo is refused without a query."""

import hashlib
import secrets
import zlib
from string import ascii_letters, digits

PREFIX = "bsr_"
ALPHABET = digits + ascii_letters
RANDOM_BITS = 160
RANDOM_LENGTH = 27  # 62**27 > 2**160
CHECKSUM_LENGTH = 6  # 62**6 > 2**32
KEY_LENGTH = len(PREFIX) + RANDOM_LENGTH + CHECKSUM_LENGTH
_ALLOWED = frozenset(ALPHABET)


def make_key() -> str:
    """A new key from the system's random source. Only its digest is ever stored."""
    body = _base62(secrets.randbits(RANDOM_BITS), RANDOM_LENGTH)
    return PREFIX + body + _checksum(body)


def is_wellformed(key: str) -> bool:
    """True if the text has the shape of a key and its checksum fits."""
    if len(key) != KEY_LENGTH or not key.startswith(PREFIX):
        return False
    text = key[len(PREFIX) :]
    body, checksum = text[:RANDOM_LENGTH], text[RANDOM_LENGTH:]
    return _ALLOWED.issuperset(text) and checksum == _checksum(body)


def digest(key: str) -> bytes:
    """The 32 bytes stored for a key. SHA-256 is enough: with 160 random bits there is nothing to guess slowly."""
    return hashlib.sha256(key.encode("ascii")).digest()


def shown_prefix(key: str) -> str:
    """The start of a key that lists may show."""
    return key[: len(PREFIX) + 4]


def last4(key: str) -> str:
    """The end of a key that lists may show: part of the checksum, so it tells nothing of the random bits alone."""
    return key[-4:]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[rest])
    return "".join(reversed(letters))
