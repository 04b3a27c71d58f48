"""Shapes of the pages of routing: the ruler of tiers, the bars of factors and of costs, in percent of their width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.costs.domain.colours import MOST_SERIES, OTHER_SLOT, slots

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
    value: str
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
        value=f"{one['value']:.2f}",
        contribution=_signed(pull),
        evidence=one.get("evidence", ""),
        start=round(50 if pull >= 0 else 50 - width, 2),
        width=round(width, 2),
        adds=pull >= 0,
    )


def _signed(pull: float) -> str:
    """With its sign, except where nothing is left of it after rounding."""
    words = f"{pull:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if float(f"{pull:.2f}") == 0 else words


@dataclass(frozen=True, slots=True)
class Part:
    """A model's part of a stacked bar, with its colour and both of its amounts."""

    name: str
    slot: int
    before: Decimal
    after: Decimal
    places: tuple[tuple[float, float], tuple[float, float]]
    """Where it begins and how wide it is, before and after."""


def stacked(rows: Sequence[tuple[str, Decimal, Decimal]], numbers: Mapping[str, int]) -> list[Part]:
    """Amounts before and after as two bars over one scale, the first rows by name and the rest as one.

    `numbers` say in which order names were first seen, so that each has the colour it has elsewhere.
    """
    named, rest = rows[:MOST_SERIES], rows[MOST_SERIES:]
    last = max(numbers.values(), default=0)
    known = {name: numbers.get(name) or last + 1 + place for place, (name, _, _) in enumerate(named)}
    colours = slots(known)
    shown = [(name, colours[name], before, after) for name, before, after in named]
    if rest:
        befores = sum((before for _, before, _ in rest), Decimal(0))
        shown.append((f"Other ({len(rest)})", OTHER_SLOT, befores, sum((after for _, _, after in rest), Decimal(0))))
    sums = (sum((row[2] for row in shown), Decimal(0)), sum((row[3] for row in shown), Decimal(0)))
    whole = max(*sums) or Decimal(1)
    starts, parts = [Decimal(0), Decimal(0)], []
    for name, slot, before, after in shown:
        widths = [before / whole * 100, after / whole * 100]
        places = tuple(
            (float(f"{start:.3f}"), float(f"{width:.3f}")) for start, width in zip(starts, widths, strict=True)
        )
        parts.append(Part(name, slot, before, after, (places[0], places[1])))
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    return parts
