"""The rollup measures of single records, as SQL: the second, independent way to every sum.

The ingest path adds up in Python; what is computed here from the stored records must equal it, to the last digit.
"""

from typing import Any

from django.db import connection

from apps.costs.domain.kinds import LabelKind, Operation, Status, UsageSource
from apps.costs.domain.latency import COUNT_BITS, EDGES

# A record table as r, its cell as c. Tool executions are never calls; aggregates (calls > 1) are never observed.
_TOOL = "r.operation_id = %(execute_tool)s"
_OBSERVED = f"(NOT {_TOOL} AND r.calls = 1)"
_CALLS = f"CASE WHEN {_TOOL} THEN 0 ELSE r.calls END"


def _if(condition: str, value: str = "1") -> str:
    return f"CASE WHEN {condition} THEN {value} ELSE 0 END"


def _bin(column: str) -> str:
    # PostgreSQL searches an array of float8 several times faster; whole milliseconds are exact in it.
    return (
        f"CASE WHEN {_OBSERVED} AND {column} IS NOT NULL"
        f" THEN width_bucket({column}::float8, %(latency_edges)s::float8[])::bigint END"
    )


def _bins(column: str) -> str:
    return f"array_remove(ARRAY[(({_bin(column)}) << {COUNT_BITS}) + 1], NULL)"


# The number of the one bin a record adds to each histogram, or NULL.
BINS = {"latency_bins": _bin("r.latency_ms"), "first_token_bins": _bin("r.time_to_first_token_ms")}


MEASURES = {
    "calls": _CALLS,
    "observed_calls": _if(_OBSERVED),
    "ok_calls": _if(f"{_OBSERVED} AND c.status = {int(Status.OK)}"),
    "error_calls": _if(f"{_OBSERVED} AND c.status = {int(Status.ERROR)}"),
    "tool_executions": _if(_TOOL, "r.calls"),
    "unpriced_calls": _if(f"r.cost_usd IS NULL AND NOT {_TOOL}", "r.calls"),
    "estimated_calls": _if(f"r.usage_source = {int(UsageSource.ESTIMATE)} AND NOT {_TOOL}", "r.calls"),
    "repeated_calls": _if(f"{_OBSERVED} AND r.attempt > 1"),
    "cache_hits": _if(f"r.cache_hit AND NOT {_TOOL}", "r.calls"),
    "input_tokens": "r.input_tokens",
    "output_tokens": "r.output_tokens",
    "cache_read_input_tokens": "r.cache_read_input_tokens",
    "cache_creation_input_tokens": "r.cache_creation_input_tokens",
    "reasoning_output_tokens": "r.reasoning_output_tokens",
    "cost_usd": "coalesce(r.cost_usd, 0)",
    "avoided_usd": _if("r.cache_hit", "coalesce(r.price_cost_usd, 0)"),
    "latency_calls": _if(f"{_OBSERVED} AND r.latency_ms IS NOT NULL"),
    "latency_ms_sum": _if(_OBSERVED, "coalesce(r.latency_ms, 0)"),
    "first_token_calls": _if(f"{_OBSERVED} AND r.time_to_first_token_ms IS NOT NULL"),
    "first_token_ms_sum": _if(_OBSERVED, "coalesce(r.time_to_first_token_ms, 0)"),
    "latency_bins": _bins("r.latency_ms"),
    "first_token_bins": _bins("r.time_to_first_token_ms"),
}


# Most records are single calls that nothing is special about: of them, several conditions need not be asked.
_USUAL = {_TOOL: "false", "r.calls": "1", "r.attempt": "1", "r.cache_hit": "false", "r.usage_source": "0"}
IS_USUAL = f"(r.calls = 1 AND r.attempt = 1 AND NOT r.cache_hit AND r.usage_source = 0 AND NOT {_TOOL})"


def if_usual(sql: str) -> str:
    """An expression over a record, which PostgreSQL shortens for records that are usual. Equal for all records."""
    usual = sql
    for name, value in _USUAL.items():
        usual = usual.replace(name, value)
    return f"CASE WHEN {IS_USUAL} THEN {usual} ELSE {sql} END"


def parameters() -> dict[str, Any]:
    """The parameters the expressions of MEASURES need."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM costs_label WHERE kind = %s AND name = %s",
            [int(LabelKind.OPERATION), Operation.EXECUTE_TOOL.value],
        )
        row = cursor.fetchone()
    return {"execute_tool": row[0] if row else -1, "latency_edges": list(EDGES)}
