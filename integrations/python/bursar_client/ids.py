"""Ids that make a retry harmless: UUIDv7, random and in time order."""

from __future__ import annotations

import os
import random
import time
import uuid

from . import forks


class _Dice:
    """Random bits without a system call: that would let go of the interpreter's lock once more per record."""

    def __init__(self) -> None:
        self.after_fork()
        forks.remember(self)

    def after_fork(self) -> None:
        """A child that went on with its parent's numbers would give out the same ids."""
        self._random = random.Random(os.urandom(32))

    def bits(self, count: int) -> int:
        """So many random bits."""
        return self._random.getrandbits(count)


_dice = _Dice()


def new_id() -> str:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | _dice.bits(12) << 64 | 2 << 62 | _dice.bits(62)))
