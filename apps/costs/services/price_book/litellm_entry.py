"""One entry of litellm's price map as rates: USD for one token there, USD per million tokens here, exact.

A field's name has up to three pieces, `input_cost_per_token` + `_above_200k_tokens` + `_batches`: what is billed, above
which input, in which service tier. Fields for things that usage records do not carry are kept as text in `unbilled`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeGuard

from apps.costs.domain.pricing import Rate, Rates, ServiceTier, Tiered
from apps.costs.domain.pricing.plain import rate_text
from apps.costs.domain.pricing.units import (
    CACHE_CREATION,
    CACHE_CREATION_1H,
    CACHE_READ,
    INPUT,
    OUTPUT,
    REASONING,
    REQUESTS,
    WEB_SEARCHES,
    is_token_unit,
)

Entry = Mapping[str, Any]
# By service tier ("" is the standard one) and unit: the rates by the input above which they hold.
Cells = dict[str, dict[str, dict[int, Decimal]]]

_UNITS = {
    "input_cost_per_token": INPUT,
    "output_cost_per_token": OUTPUT,
    "cache_read_input_token_cost": CACHE_READ,
    "cache_creation_input_token_cost": CACHE_CREATION,
    "cache_creation_input_token_cost_above_1hr": CACHE_CREATION_1H,
    "output_cost_per_reasoning_token": REASONING,
    "citation_cost_per_token": "output_citation_tokens",
    **{f"input_cost_per_{part}_token": f"input_{part}_tokens" for part in ("audio", "image", "video")},
    **{f"output_cost_per_{part}_token": f"output_{part}_tokens" for part in ("audio", "image", "video")},
    **{f"cache_read_input_{part}_token_cost": f"cache_read_input_{part}_tokens" for part in ("audio", "image")},
    "cache_creation_input_audio_token_cost": "cache_creation_input_audio_tokens",
    "input_cost_per_request": REQUESTS,
}
_TIERS = {"": "", "_batches": "batch", "_flex": "flex", "_priority": "priority"}
_FIELD = re.compile(r"(?P<what>.+?)(?:_above_(?P<thousands>\d+)k_tokens)?(?P<tier>_batches|_flex|_priority|)")
_OLD_CACHE_READ = "input_cost_per_token_cache_hit"
_WEB_SEARCH = "search_context_cost_per_query"
# The size of search that litellm takes when a request names none.
_USUAL_SEARCH = "search_context_size_medium"
_PER_MILLION, _PER_THOUSAND = 6, 3
# Fees on top of tokens, which do not say that tokens themselves cost something.
_EXTRAS = ("grounding", "code_interpreter", "file_search", "vector_store", "off_peak")


class EntryError(ValueError):
    """An entry that says something no price can be: the list is not taken."""


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """The rates of an entry, and the text of every price in it that usage does not carry."""

    rates: Rates
    unbilled: dict[str, str]


def read_entry(name: str, entry: Entry) -> ReadEntry:
    """The rates of one entry. Raises EntryError, naming entry and field, for a negative or endless number."""
    cells: Cells = {}
    unbilled: dict[str, str] = {}
    for field, value in entry.items():
        if "cost" not in field and field not in ("tiered_pricing", "off_peak_pricing"):
            continue
        found = _FIELD.fullmatch(field)
        if found and found["what"] in _UNITS and _is_number(value):
            above = int(found["thousands"] or 0) * 1000
            _put(cells, _TIERS[found["tier"]], _UNITS[found["what"]], above, _exact(name, field, value))
        elif field == _WEB_SEARCH and _is_number(usual := value.get(_USUAL_SEARCH)):
            _put(cells, "", WEB_SEARCHES, 0, _exact(name, field, usual))
        elif field == "tiered_pricing" and all("range" in one for one in value):
            _put_ranges(cells, name, value)
        elif field != _OLD_CACHE_READ and "dbu" not in field:
            unbilled[field] = _text(value)
    _put_old_cache_read(cells, name, entry)
    return _read(cells, unbilled)


def _read(cells: Cells, unbilled: dict[str, str]) -> ReadEntry:
    standard = {unit: _rate(rates) for unit, rates in cells.pop("", {}).items()}
    # The map writes 0 for tokens where it bills by query, page or second: such a 0 is no price of a token.
    if _is_nothing(standard) and any(map(_is_other_billing, unbilled.items())):
        return ReadEntry(Rates({}), unbilled | dict.fromkeys(standard, "0"))
    return ReadEntry(Rates(standard, {name: _tier(found, standard) for name, found in cells.items()}), unbilled)


def _tier(cells: dict[str, dict[int, Decimal]], standard: dict[str, Rate]) -> ServiceTier:
    rates: dict[str, Rate | None] = {unit: _rate(found) for unit, found in cells.items()}
    # The map repeats the output rate for reasoning, for the standard tier alone: in a cheaper tier it says nothing.
    if OUTPUT in rates and REASONING not in rates and standard.get(REASONING) == standard.get(OUTPUT):
        rates |= {REASONING: None} if REASONING in standard else {}
    return ServiceTier(rates)


def _put(cells: Cells, tier: str, unit: str, above: int, usd: Decimal) -> None:
    rate = usd.scaleb(_PER_MILLION if is_token_unit(unit) else _PER_THOUSAND)
    cells.setdefault(tier, {}).setdefault(unit, {})[above] = rate


def _put_ranges(cells: Cells, name: str, ranges: list[Entry]) -> None:
    """`tiered_pricing`: rates by ranges of the input, each of which bills the whole request."""
    for one in ranges:
        above = int(one["range"][0])
        for field, value in one.items():
            if field in _UNITS and _is_number(value):
                _put(cells, "", _UNITS[field], above, _exact(name, field, value))


def _put_old_cache_read(cells: Cells, name: str, entry: Entry) -> None:
    value = entry.get(_OLD_CACHE_READ)
    if _is_number(value) and CACHE_READ not in cells.get("", {}):
        _put(cells, "", CACHE_READ, 0, _exact(name, _OLD_CACHE_READ, value))


def _rate(rates: dict[int, Decimal]) -> Rate:
    above = tuple((threshold, rate) for threshold, rate in sorted(rates.items()) if threshold)
    return Tiered(rates.get(0), above) if above else rates[0]


def _exact(name: str, field: str, value: Decimal | int) -> Decimal:
    usd = Decimal(value)
    if not usd.is_finite() or usd < 0:
        raise EntryError(f"{name}: {field} is {value}; a price is a finite number, 0 or more")
    return usd


def _is_number(value: object) -> TypeGuard[Decimal | int]:
    return isinstance(value, (Decimal, int)) and not isinstance(value, bool)


def _is_nothing(rates: Mapping[str, Rate]) -> bool:
    return all(not one for rate in rates.values() for one in _values(rate))


def _values(rate: Rate) -> Iterator[Decimal | None]:
    if isinstance(rate, Tiered):
        yield rate.base
        yield from (above for _, above in rate.above)
    else:
        yield rate


def _is_other_billing(unbilled: tuple[str, str]) -> bool:
    field, text = unbilled
    return not any(extra in field for extra in _EXTRAS) and any(digit in "123456789" for digit in text)


def _text(value: object) -> str:
    return rate_text(Decimal(str(value))) if _is_number(value) else json.dumps(value, default=str, sort_keys=True)
