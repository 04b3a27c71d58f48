"""What a forked child must forget: threads that are gone, and locks, files and connections that are its parent's."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something that lives on in a child."""

    def after_fork(self) -> None:
        """Begin anew, in the child."""


_all: weakref.WeakSet[Forked] = weakref.WeakSet()


def remember(one: Forked) -> None:
    """Call `one.after_fork()` in every child made from now on, as long as somebody else holds it."""
    _all.add(one)


def _after_fork() -> None:
    for one in list(_all):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
