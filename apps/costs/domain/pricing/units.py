"""Names of what can be billed, and how they lie inside each other.

A token unit is named `[cache_read_|cache_creation_|cache_creation_1h_|reasoning_]input|output[_part]_tokens`, as in the
API. Two things tell tokens of one direction apart, and they cross: how they were handled (read from a cache, written
to it, reasoned) and what they are (audio, image, video, any other named part). Every other name is a count.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

Direction = Literal["input", "output"]
DIRECTIONS: tuple[Direction, ...] = ("input", "output")

INPUT = "input_tokens"
OUTPUT = "output_tokens"
CACHE_READ = "cache_read_input_tokens"
CACHE_CREATION = "cache_creation_input_tokens"
CACHE_CREATION_1H = "cache_creation_1h_input_tokens"
REASONING = "reasoning_output_tokens"
WEB_SEARCHES = "web_searches"
REQUESTS = "requests"

# What tokens can be, apart from text: the parts that can never overlap.
MEDIA = frozenset({"audio", "image", "video"})

_TOKEN_UNIT = re.compile(
    r"(?:(?P<handling>cache_read|cache_creation_1h|cache_creation|reasoning)_)?(?P<direction>input|output)"
    r"(?:_(?P<part>[a-z][a-z0-9_]*?))?_tokens"
)


@dataclass(frozen=True, slots=True)
class TokenUnit:
    """A token unit taken apart: `handling` is "" for tokens neither cached nor reasoned, `part` "" for all parts."""

    direction: Direction
    handling: str
    part: str


def is_token_unit(unit: str) -> bool:
    """Whether the unit is billed per million tokens; all others are billed per thousand."""
    return unit.endswith("_tokens")


@cache
def parse_unit(unit: str) -> TokenUnit:
    """Take a token unit's name apart.

    Raises ValueError when the name is part of neither input nor output.
    """
    found = _TOKEN_UNIT.fullmatch(unit)
    if found is None:
        raise ValueError(f"{unit!r} is part of neither input_tokens nor output_tokens")
    handling = found["handling"] or ""
    direction: Direction = "input" if found["direction"] == "input" else "output"
    if handling and (handling == "reasoning") != (direction == "output"):
        raise ValueError(f"{unit!r}: {handling} tokens are not {direction} tokens")
    return TokenUnit(direction, handling, found["part"] or "")


@cache
def unit_name(direction: Direction, handling: str, part: str) -> str:
    """The name of a unit from its three pieces; the inverse of `parse_unit`."""
    return "_".join(piece for piece in (handling, direction, part, "tokens") if piece)


def named_parts(direction: Direction, units: Iterable[str]) -> frozenset[str]:
    """The parts (audio, image, …) that token units of one direction name.

    Raises ValueError as `parse_unit` does.
    """
    parsed = [parse_unit(unit) for unit in units if is_token_unit(unit)]
    return frozenset(unit.part for unit in parsed if unit.direction == direction and unit.part)
