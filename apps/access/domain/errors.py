"""What a service refuses, in words a person and a program can read. The project maps each class to a status."""

from collections.abc import Collection, Mapping
from typing import Any


class Refused(Exception):
    """A value or an act is refused (422). `path` names the field, `code` is for programs."""

    def __init__(self, message: str, *, code: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.path = path


class Conflict(Refused):
    """The act does not fit the present state (409)."""


class NotAllowed(Refused):
    """The caller may not do this (403)."""


class TooMany(Refused):
    """A cap is reached. `found` holds what exists in spite of it, `refused` the names left out."""

    def __init__(self, *, what: str, limit: int, setting: str, found: Mapping[Any, int], refused: Collection[Any]):
        names = ", ".join(str(name) for name in list(refused)[:3])
        super().__init__(
            f"This installation keeps at most {limit} {what} ({setting}); not created: {names}.",
            code=f"too_many_{what}",
            path=what.removesuffix("s"),
        )
        self.limit = limit
        self.setting = setting
        self.found = dict(found)
        self.refused = list(refused)
