"""Codes of currencies."""

import re

_CODE = re.compile(r"[A-Z]{3}")


def is_code(text: str) -> bool:
    """Whether it can be a code of ISO 4217."""
    return _CODE.fullmatch(text) is not None
