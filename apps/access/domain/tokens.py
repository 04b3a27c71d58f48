"""One-time secrets of links and first passwords."""

import hashlib
import secrets
from string import ascii_letters, digits

# Without the letters people mix up when they read a password from a terminal.
_READABLE = "".join(sorted(set(ascii_letters + digits) - set("0O1lI")))


def make_token() -> str:
    """256 random bits for a link."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """The 32 bytes stored for a token."""
    return hashlib.sha256(token.encode()).digest()


def make_password() -> str:
    """A first password of 20 readable characters, more than 115 bits."""
    return "".join(secrets.choice(_READABLE) for _ in range(20))
