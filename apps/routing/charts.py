"""Shapes of the pages of routing: the ruler of tiers and the bars of factors, in percent of their width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SLOTS = 6


@dataclass(frozen=True, slots=True)
class Range:
    """A tier's part of the ruler from 0 to 1."""

    name: str
    start: float
    width: float
    lower: str
    upper: str
    slot: int


@dataclass(frozen=True, slots=True)
class Bar:
    """What a factor adds to the log-odds: right of the middle makes the ask harder."""

    name: str
    value: float
    contribution: str
    evidence: str
    start: float
    width: float
    adds: bool


def ruler(tiers: Sequence[tuple[str, float]]) -> list[Range]:
    """Tiers by name and upper edge as parts of a ruler; the last one reaches to 1, as scores above it belong to it."""
    parts, lower = [], 0.0
    for number, (name, upper) in enumerate(tiers):
        end = 1.0 if number == len(tiers) - 1 else upper
        width = max(0.0, end - lower)
        parts.append(
            Range(name, round(lower * 100, 2), round(width * 100, 2), f"{lower:g}", f"{end:g}", number % SLOTS + 1)
        )
        lower = end
    return parts


def bars(factors: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Factors as bars from the middle, the largest first."""
    ordered = sorted(factors, key=lambda one: -abs(one["contribution"]))
    longest = max((abs(one["contribution"]) for one in ordered), default=0) or 1
    return [_bar(one, longest) for one in ordered]


def _bar(one: Mapping[str, Any], longest: float) -> Bar:
    pull = one["contribution"]
    width = abs(pull) / longest * 50
    return Bar(
        name=one["name"].replace("_", " "),
        value=one["value"],
        contribution=f"{pull:+.2f}".replace("-", "\N{MINUS SIGN}"),
        evidence=one.get("evidence", ""),
        start=round(50 if pull >= 0 else 50 - width, 2),
        width=round(width, 2),
        adds=pull >= 0,
    )
