"""What one call used, and the refusal of numbers that cannot be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .units import (
    CACHE_CREATION,
    CACHE_CREATION_1H,
    CACHE_READ,
    INPUT,
    MEDIA,
    OUTPUT,
    REASONING,
    REQUESTS,
    WEB_SEARCHES,
    Direction,
    is_token_unit,
    parse_unit,
    unit_name,
)


@dataclass(frozen=True, slots=True)
class Usage:
    """The counts of one call: input includes cached tokens, output includes reasoning, creation its 1-hour part.

    `other` counts further units by name (`units.py`), tokens as parts of their totals.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    cache_creation_1h: int = 0
    reasoning: int = 0
    web_searches: int = 0
    requests: int = 1
    other: Mapping[str, int] = field(default_factory=dict)

    def totals(self) -> dict[str, int]:
        """The counts that are not in `other`, by unit."""
        return {
            INPUT: self.input_tokens,
            OUTPUT: self.output_tokens,
            CACHE_READ: self.cache_read,
            CACHE_CREATION: self.cache_creation,
            CACHE_CREATION_1H: self.cache_creation_1h,
            REASONING: self.reasoning,
            WEB_SEARCHES: self.web_searches,
            REQUESTS: self.requests,
        }

    def by_handling(self, direction: Direction) -> dict[str, int]:
        """The tokens of one direction, cut into the disjoint ways they were handled."""
        if direction == "output":
            return {"": self.output_tokens - self.reasoning, "reasoning": self.reasoning}
        return {
            "": self.input_tokens - self.cache_read - self.cache_creation,
            "cache_read": self.cache_read,
            "cache_creation": self.cache_creation - self.cache_creation_1h,
            "cache_creation_1h": self.cache_creation_1h,
        }


def refuse_impossible(usage: Usage) -> None:
    """Raise ValueError, naming both values, when a count is negative or parts exceed their total.

    What is refused never depends on a price.
    """
    counts = usage.totals() | dict(usage.other)
    for unit, count in counts.items():
        if count < 0:
            raise ValueError(f"{unit} ({count}) is less than 0")
    for part, total in _parents(usage.other):
        if total in counts and counts[part] > counts[total]:
            raise ValueError(f"{part} ({counts[part]}) exceeds {total} ({counts[total]})")
    for parts, total in _disjoint_parts(usage.other):
        together = sum(counts[part] for part in parts)
        if together > counts[total]:
            raise ValueError(f"{' and '.join(parts)} ({together}) together exceed {total} ({counts[total]})")


def _parents(other: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    yield from ((CACHE_READ, INPUT), (CACHE_CREATION, INPUT), (CACHE_CREATION_1H, CACHE_CREATION), (REASONING, OUTPUT))
    for name in other:
        if not is_token_unit(name):
            continue
        unit = parse_unit(name)
        yield name, unit_name(unit.direction, unit.handling, "")
        if unit.handling == "cache_creation_1h":
            yield name, unit_name(unit.direction, "cache_creation", unit.part)
        yield name, unit_name(unit.direction, "", unit.part)


def _disjoint_parts(other: Mapping[str, int]) -> Iterator[tuple[list[str], str]]:
    yield [CACHE_READ, CACHE_CREATION], INPUT
    media: dict[str, list[str]] = {}
    for name in other:
        if is_token_unit(name) and (unit := parse_unit(name)).part in MEDIA:
            media.setdefault(unit_name(unit.direction, unit.handling, ""), []).append(name)
    for total, parts in media.items():
        yield parts, total
