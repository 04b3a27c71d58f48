"""One call taken apart into disjoint cells, each with one rate.

Tokens of a direction lie in a table: one row for each way they were handled (uncached, read from the cache, written
to it for 5 minutes or an hour; spoken or reasoned), one column for each named part that was reported (audio, image,
video, …) and one for the rest.
1. A column's cached cells are what was reported for both at once (`cache_read_input_audio_tokens`); the uncached cell
   is what is left of the column.
2. The rest of a row is the row less its columns. When the uncached rest comes out negative, parts and cached tokens
   overlap more than was reported; the least possible overlap is taken and marked.
3. Each cell is billed at its own rate, else at its row's, else at its column's, else at the whole direction's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from .band import (
    ASSUMED_CACHE_CREATION,
    ASSUMED_CACHE_CREATION_1H,
    ASSUMED_CACHE_READ,
    ASSUMED_OVERLAP,
    ASSUMED_PART,
    ASSUMED_REASONING,
    Band,
)
from .units import Direction, is_token_unit, named_parts, unit_name
from .usage import Usage

_ASSUMED_BY_HANDLING = {
    "cache_read": ASSUMED_CACHE_READ,
    "cache_creation": ASSUMED_CACHE_CREATION,
    "cache_creation_1h": ASSUMED_CACHE_CREATION_1H,
    "reasoning": ASSUMED_REASONING,
}
Table = dict[str, dict[str, int]]


@dataclass(slots=True)
class Cell:
    """So many of one unit at one whole-number rate (`Band`); `assumed` says why the rate is not the unit's own."""

    unit: str
    count: int
    rate: int
    assumed: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A line of an explained price: `usd_rate` per million tokens, or per thousand of any other unit."""

    unit: str
    count: int
    usd_rate: Decimal
    femto_usd: int
    assumed: int


def round_half_even(femto: int, divisor: int) -> int:
    """`femto / divisor` to a whole number, halves to the even one."""
    if divisor == 1:
        return femto
    whole, rest = divmod(femto, divisor)
    if 2 * rest > divisor or (2 * rest == divisor and whole % 2):
        whole += 1
    return whole


def split(usage: Usage, band: Band) -> list[Cell]:
    """Cut a possible usage into disjoint cells; empty cells are left out.

    Raises ValueError when named parts that a price tells apart exceed their total together.
    """
    return [*_token_cells("input", usage, band), *_token_cells("output", usage, band), *_count_cells(usage, band)]


def amounts(cells: list[Cell], band: Band) -> list[Part]:
    """The cells with their amounts, which add up exactly to the rounded total."""
    parts = []
    exact = billed = 0
    for cell in cells:
        exact += cell.count * cell.rate
        total = round_half_even(exact, band.divisor)
        parts.append(Part(cell.unit, cell.count, _usd_rate(cell, band.divisor), total - billed, cell.assumed))
        billed = total
    return parts


def _usd_rate(cell: Cell, divisor: int) -> Decimal:
    with localcontext(prec=50):
        per_usd = 10**9 if is_token_unit(cell.unit) else 10**12
        return Decimal(cell.rate) / (per_usd * divisor)


def _count_cells(usage: Usage, band: Band) -> Iterator[Cell]:
    counts = {"web_searches": usage.web_searches, "requests": usage.requests, **usage.other}
    for unit, count in counts.items():
        if count and not is_token_unit(unit) and unit in band.own:
            yield Cell(unit, count, band.own[unit])


def _token_cells(direction: Direction, usage: Usage, band: Band) -> Iterator[Cell]:
    rest = usage.by_handling(direction)
    reported = named_parts(direction, [unit for unit, count in usage.other.items() if count])
    columns = {part: _column(direction, part, usage.other) for part in reported if part in band.apart[direction]}
    for column in columns.values():
        for handling, count in column.items():
            rest[handling] -= count
    overlap = _take_least_overlap(direction, rest, columns) if rest[""] < 0 else 0
    # Parts that are not billed apart stay in the rest; only text is what the rest is by itself.
    merged = ASSUMED_PART if reported - columns.keys() - {"text"} else 0
    for part, column in {"": rest, **columns}.items():
        for handling, count in column.items():
            if not count:
                continue
            rate, assumed = _rate(direction, handling, part, band.own)
            if not part and not handling:
                assumed |= merged
            if part and handling:
                assumed |= overlap
            yield Cell(unit_name(direction, handling, part), count, rate, assumed)


def _column(direction: Direction, part: str, other: Mapping[str, int]) -> dict[str, int]:
    def count(handling: str) -> int:
        return other.get(unit_name(direction, handling, part), 0)

    if direction == "output":
        cached = {"reasoning": count("reasoning")}
    else:
        hour = count("cache_creation_1h")
        creation = max(count("cache_creation"), hour)
        cached = {"cache_read": count("cache_read"), "cache_creation": creation - hour, "cache_creation_1h": hour}
    # A part whose total was not reported is at least its cached share.
    return {"": max(count("") - sum(cached.values()), 0), **cached}


def _take_least_overlap(direction: Direction, rest: dict[str, int], columns: Table) -> int:
    for column in columns.values():
        for handling in column:
            moved = min(-rest[""], column[""], rest[handling]) if handling else 0
            if moved > 0:
                column[""] -= moved
                column[handling] += moved
                rest[handling] -= moved
                rest[""] += moved
    if min(rest.values()) < 0:
        total = sum(sum(column.values()) for column in (rest, *columns.values()))
        named = ", ".join(f"{part} ({sum(column.values())})" for part, column in columns.items())
        raise ValueError(f"{direction} parts {named} together exceed {direction}_tokens ({total})")
    return ASSUMED_OVERLAP


def _rate(direction: Direction, handling: str, part: str, own: Mapping[str, int]) -> tuple[int, int]:
    """The rate of a cell and why it is not its own."""
    for unit, assumed in _rate_sources(direction, handling, part):
        if unit in own:
            return own[unit], assumed
    return 0, 0


def _rate_sources(direction: Direction, handling: str, part: str) -> Iterator[tuple[str, int]]:
    unpriced_part = ASSUMED_PART if part else 0
    unpriced_handling = _ASSUMED_BY_HANDLING.get(handling, 0)
    yield unit_name(direction, handling, part), 0
    yield unit_name(direction, handling, ""), unpriced_part
    if handling == "cache_creation_1h":
        yield unit_name(direction, "cache_creation", part), unpriced_handling
        yield unit_name(direction, "cache_creation", ""), unpriced_handling | unpriced_part
        unpriced_handling |= ASSUMED_CACHE_CREATION
    yield unit_name(direction, "", part), unpriced_handling
    yield unit_name(direction, "", ""), unpriced_handling | unpriced_part
