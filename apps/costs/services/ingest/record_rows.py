"""Records as rows of their table: which columns a batch needs, and the values in them."""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

from apps.costs.domain import pricing
from apps.costs.domain.kinds import ServiceTier
from apps.costs.domain.usage import OTHER_TOKENS
from apps.costs.services.ingest.deltas import ERROR_LABEL, TOOL_LABEL, USER_LABEL, Labels
from apps.costs.services.ingest.literals import array, text_array, to_json
from apps.costs.services.ingest.reading import Row

FIXED = (
    "project_id",
    "usage_id",
    "occurred_at",
    "cell_id",
    "key_id",
    "operation_id",
    "sent_provider_id",
    "input_tokens",
    "output_tokens",
    "cost_source",
    "cost_usd",
    "price_id",
    "assumed",
)
DIRECT = (
    "conversation_id", "task_id", "run_id", "parent_id", "request_id", "response_id", "tool_call_id", "decision_id",
    "reservation_id", "compression_id", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens", "reasoning_output_tokens", "web_searches", "requests", "calls", "attempt",
    "latency_ms", "time_to_first_token_ms", "cache_hit", "compressed", "success", "quality",
)  # fmt: skip
SERVICE_TIERS = {tier.name.lower(): int(tier) for tier in ServiceTier}
Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Column names, and rows of values."""
TEXTS = frozenset({"usage_id", "tags", "other_tokens", *DIRECT[:10]})
"""Columns of free text, whose control characters an array literal made from JSON would spoil."""
TYPES = {
    "project_id": "int", "occurred_at": "timestamptz", "cell_id": "int", "key_id": "bigint", "operation_id": "int",
    "sent_provider_id": "int", "cost_source": "smallint", "cost_usd": "numeric", "price_id": "int", "assumed": "int",
    "user_id": "int", "tool_id": "int", "error_type_id": "int", "tags": "jsonb", "other_tokens": "jsonb",
    "service_tier": "smallint", "usage_source": "smallint", "price_cost_usd": "numeric", "cache_hit": "bool",
    "compressed": "bool", "success": "bool", "quality": "float8", "web_searches": "int", "requests": "int",
    "calls": "int", "attempt": "int",
}  # fmt: skip
"""Types of the columns that are neither text nor, like all token counts and times in ms, bigint."""


def record_table(rows: Sequence[Row], fields: Collection[str], labels: Labels, key_id: int | None) -> Table:
    """The names of the columns that any record of a batch uses, and a row of values for each."""
    direct = tuple(name for name in DIRECT if name in fields or name in ("calls", "requests"))
    direct_of = attrgetter(*direct)
    extras = [extra for extra in _extras(labels) if any(name in fields for name in extra[1])]
    table = [
        (
            one.place.project_id,
            one.id,
            one.occurred_at,
            one.place.cell_id,
            key_id,
            one.place.operation_id,
            one.place.sent_provider_id,
            one.input_tokens,
            one.output_tokens,
            one.cost_source,
            None if one.cost is None else f"{one.cost}e-15",
            one.price_id,
            one.assumed,
            *direct_of(one.usage),
        )
        for one in rows
    ]
    if extras:
        table = [(*row, *(value(one) for _, _, value in extras)) for row, one in zip(table, rows, strict=True)]
    return (*FIXED, *direct, *(name for name, _, _ in extras)), table


def _extras(labels: Labels) -> list[tuple[str, tuple[str, ...], Any]]:
    """Columns that are not a field as sent: name, the fields that make them needed, and their value."""
    return [
        ("user_id", ("user",), lambda one: labels[USER_LABEL, one.usage.user] if one.usage.user else 0),
        ("tool_id", ("tool",), lambda one: labels[TOOL_LABEL, one.usage.tool] if one.usage.tool else 0),
        (
            "error_type_id",
            ("error_type",),
            lambda one: labels[ERROR_LABEL, one.usage.error_type] if one.usage.error_type else 0,
        ),
        ("tags", ("tags",), lambda one: to_json(one.usage.tags).decode() if one.usage.tags else None),
        ("other_tokens", OTHER_TOKENS, lambda one: to_json(one.other).decode() if one.other else None),
        ("service_tier", ("service_tier",), lambda one: SERVICE_TIERS[one.usage.service_tier]),
        (
            "usage_source",
            ("usage_source", "input_text", "output_text"),
            lambda one: int(one.usage.usage_source == "estimate"),
        ),
        (
            "price_cost_usd",
            ("cost_usd", "cache_hit"),
            lambda one: (
                None if one.price_cost is None or one.price_cost == one.cost else pricing.usd_text(one.price_cost)
            ),
        ),
    ]


def record_part(
    rows: Sequence[Row], fields: Collection[str], labels: Labels, key_id: int | None
) -> tuple[str, list[Any]]:
    """A statement that inserts records, with its parameters: one array a column."""
    columns, table = record_table(rows, fields, labels, key_id)
    types = ", ".join(f"%s::{_type(column)}[]" for column in columns)
    values = [
        text_array(column) if name in TEXTS else array(column)
        for name, column in zip(columns, zip(*table, strict=True), strict=True)
    ]
    return f"INSERT INTO costs_usagerecord ({', '.join(columns)}) SELECT * FROM unnest({types})", values  # noqa: S608


def _type(column: str) -> str:
    return TYPES.get(column, "text" if column in TEXTS else "bigint")
