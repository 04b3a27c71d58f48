"""Signatures of webhooks as https://www.standardwebhooks.com describes them: HMAC-SHA256 over id, time and body."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"


def secret_text(secret: bytes) -> str:
    """A secret as people copy it into their receiver."""
    return PREFIX + base64.b64encode(secret).decode()


def secret_bytes(text: str) -> bytes:
    """The secret behind that text."""
    return base64.b64decode(text.removeprefix(PREFIX))


def signature(secrets: Iterable[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one for each secret, so that a receiver may hold the old or the new one."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(
        f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}" for secret in secrets
    )


def is_signed(header: str, secret: bytes, *, message_id: str, timestamp: int, body: bytes) -> bool:
    """What a receiver does: True if any of the signatures is the one of its secret."""
    mine = signature([secret], message_id=message_id, timestamp=timestamp, body=body)
    return any(hmac.compare_digest(mine.encode(), one.encode()) for one in header.split(" "))
