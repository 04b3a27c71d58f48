"""A batch as columns: those of the table of records, and what its sums are grouped by."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, cast

from apps.costs.domain import pricing
from apps.costs.domain.kinds import ServiceTier
from apps.costs.domain.usage import OTHER_TOKENS
from apps.costs.services.ingest.labelling import ERROR_LABEL, TOOL_LABEL, USER_LABEL, Labels
from apps.costs.services.ingest.literals import array, bytes_array, text_array, to_json, uuid_array
from apps.costs.services.ingest.reading import Row

DIRECT = (
    "conversation_id", "task_id", "run_id", "parent_id", "request_id", "response_id", "tool_call_id", "decision_id",
    "reservation_id", "compression_id", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens", "reasoning_output_tokens", "web_searches", "requests", "calls", "attempt",
    "latency_ms", "time_to_first_token_ms", "cache_hit", "compressed", "success", "quality",
)  # fmt: skip
SERVICE_TIERS = {tier.name.lower(): int(tier) for tier in ServiceTier}
Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Column names, and rows of values."""
Value = Callable[[Row], Any]
TEXTS = frozenset({"usage_id", "tags", "other_tokens", *DIRECT[:10]})
"""Columns of free text, whose control characters an array literal made from JSON would spoil."""
OF_ROW = (
    "usage_id", "occurred_at", "input_tokens", "output_tokens", "cost_source", "cost_usd", "price_id", "assumed",
    "id_hash", "fingerprint",
)  # fmt: skip
OF_PLACE = ("project_id", "cell_id", "operation_id", "sent_provider_id", "model_id")
BESIDE = frozenset({"id_hash", "fingerprint", "agent_id", "model_id", "status", "is_tool"})
"""What is not a column of the table of records, but claims ids and groups sums."""
FIXED = tuple(name for name in (*OF_ROW, *OF_PLACE) if name not in BESIDE)
"""The columns every record has a value of."""
_of_place = attrgetter(*OF_PLACE)
_PLACE_EXTRAS = {"status": "status", "is_tool": "operation", "agent_id": "conversation_id"}
"""More that a place tells, and the field that makes it needed."""
_MAY_BE_NULL = frozenset(
    {"cost_usd", "price_id", "price_cost_usd", "latency_ms", "time_to_first_token_ms", "success", "quality"}
)
TYPES = {
    "project_id": "int", "occurred_at": "timestamptz", "cell_id": "int", "operation_id": "int",
    "sent_provider_id": "int", "cost_source": "smallint", "cost_usd": "numeric", "price_id": "int", "assumed": "int",
    "user_id": "int", "tool_id": "int", "error_type_id": "int", "tags": "jsonb", "other_tokens": "jsonb",
    "service_tier": "smallint", "usage_source": "smallint", "price_cost_usd": "numeric", "cache_hit": "bool",
    "compressed": "bool", "success": "bool", "quality": "float8", "web_searches": "int", "requests": "int",
    "calls": "int", "attempt": "int", "id_hash": "uuid", "fingerprint": "uuid", "agent_id": "int", "model_id": "int",
    "status": "smallint", "is_tool": "bool",
}  # fmt: skip
"""Types of the columns that are neither text nor, like all token counts and times in ms, bigint."""


def type_of(column: str) -> str:
    """The type of a column, in SQL."""
    return TYPES.get(column, "text" if column in TEXTS else "bigint")


Shape = tuple[str, ...]
"""The columns that a batch needs beside the fixed ones."""


class Columns(NamedTuple):
    """The columns of batches of one shape, by how they are sent; a batch sends them in this order.

    Unfolding an array costs seven times as much a record as taking an element of it, which is cheap only where all
    elements are there and of one size. What a place tells is sent once a place, with the place of each record.
    """

    unfolded: tuple[str, ...]
    taken: tuple[str, ...]
    placed: tuple[str, ...]


@lru_cache(maxsize=256)
def columns_for(shape: Shape) -> Columns:
    """Every column of batches of this shape."""
    own = (*OF_ROW, *(name for name in shape if name not in _PLACE_EXTRAS))
    unfolded = tuple(name for name in own if name in TEXTS or name in _MAY_BE_NULL)
    taken = tuple(name for name in own if name not in unfolded)
    return Columns(unfolded, taken, (*OF_PLACE, *(name for name in shape if name in _PLACE_EXTRAS)))


def shape_of(fields: Collection[str]) -> Shape:
    """The columns that any record of a batch uses; `fields` are those any of them has. The others stay as they are."""
    direct = (name for name in DIRECT if name in fields)
    labelled = (name for name, (_, field, _) in _LABELLED.items() if field in fields)
    extra = (name for name, (needed_by, _) in _EXTRAS.items() if any(field in fields for field in needed_by))
    of_place = (name for name, needed_by in _PLACE_EXTRAS.items() if needed_by in fields)
    return (*direct, *labelled, *extra, *of_place)


def columns_of(rows: Sequence[Row], shape: Shape, labels: Labels) -> dict[str, Sequence[Any]]:
    """The values of a batch by column: of OF_ROW and the shape, without what places tell."""
    usages = [one.usage for one in rows]
    found: dict[str, Sequence[Any]] = {name: read(rows) for name, read in _OF_ROW.items()}
    found["cost_usd"] = [None if cost is None else f"{cost}e-15" for cost in found["cost_usd"]]
    found |= {name: _OF_USAGE[name](usages) for name in shape if name in _OF_USAGE}
    for name in shape:
        if name in _LABELLED:
            kind, _, names_of = _LABELLED[name]
            found[name] = _numbers_of(names_of(usages), kind, labels)
        elif name in _EXTRAS:
            found[name] = list(map(_EXTRAS[name][1], rows))
    return found


def _column(attribute: str) -> Callable[[Sequence[Any]], list[Any]]:
    """Reads an attribute of many objects: named in code it takes Python half as long as by `attrgetter`."""
    return cast("Callable[[Sequence[Any]], list[Any]]", eval(f"lambda many: [one.{attribute} for one in many]"))  # noqa: S307


_OF_ROW = {name: _column({"usage_id": "id", "cost_usd": "cost"}.get(name, name)) for name in OF_ROW}
_OF_USAGE = {name: _column(name) for name in DIRECT}
_LABELLED = {
    "user_id": (USER_LABEL, "user", _column("user")),
    "tool_id": (TOOL_LABEL, "tool", _column("tool")),
    "error_type_id": (ERROR_LABEL, "error_type", _column("error_type")),
}
"""Columns of labels: their kind, and the field of their names."""


def _numbers_of(names: Sequence[str | None], kind: int, labels: Labels) -> list[int]:
    numbers = {name: labels[kind, name] if name else 0 for name in set(names)}
    return [numbers[name] for name in names]


def record_table(rows: Sequence[Row], fields: Collection[str], labels: Labels, key_id: int | None) -> Table:
    """The names of the columns that a batch needs, and a row of values for each record."""
    found = columns_of(rows, shape_of(fields), labels)
    found |= zip(OF_PLACE, zip(*map(_of_place, [one.place for one in rows]), strict=True), strict=True)
    names = tuple(name for name in found if name not in BESIDE)
    return (*names, "key_id"), list(zip(*(found[name] for name in names), [key_id] * len(rows), strict=True))


def arrays_of(rows: Sequence[Row], shape: Shape, labels: Labels) -> list[Any]:
    """A batch as parameters: columns that are unfolded, those taken from, the places of records, what these tell."""
    found, columns = columns_of(rows, shape, labels), columns_for(shape)
    arrays = [_array(name, found[name]) for name in (*columns.unfolded, *columns.taken)]
    places = [one.place for one in rows]
    keys = list(map(id, places))
    unique = dict(zip(keys, places, strict=True))
    numbers = dict(zip(unique, range(1, len(unique) + 1), strict=True))
    arrays.append(array(list(map(numbers.__getitem__, keys))))
    told = zip(*map(attrgetter(*columns.placed), unique.values()), strict=True)
    return [*arrays, *map(array, told)]


def _array(name: str, values: Sequence[Any]) -> Any:
    if name in TEXTS:
        return text_array(values)
    if name == "fingerprint":
        return bytes_array(values)
    return uuid_array(values) if name == "id_hash" else array(values)


def _other_price(one: Row) -> str | None:
    return None if one.price_cost is None or one.price_cost == one.cost else pricing.usd_text(one.price_cost)


_EXTRAS: dict[str, tuple[tuple[str, ...], Value]] = {
    "tags": (("tags",), lambda one: to_json(one.usage.tags).decode() if one.usage.tags else None),
    "other_tokens": (OTHER_TOKENS, lambda one: to_json(one.other).decode() if one.other else None),
    "service_tier": (("service_tier",), lambda one: SERVICE_TIERS[one.usage.service_tier]),
    "usage_source": (
        ("usage_source", "input_text", "output_text"),
        lambda one: int(one.usage.usage_source == "estimate"),
    ),
    "price_cost_usd": (("cost_usd", "cache_hit"), _other_price),
}
"""Columns that are no field as sent: the fields that make them needed, and what gives their value."""
