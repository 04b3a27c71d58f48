"""What records add to the sums of a rollup, as SQL aggregates.

A batch seldom has all fields. A sum that stays 0 for all of its records is left out, of the update too; one that each
record raises by 1 is a plain count. So what no record of a batch uses costs nothing a record.
"""

from collections.abc import Collection, Sequence

from apps.costs.domain.kinds import Status
from apps.costs.domain.latency import COUNT_BITS, EDGES

MOST_UNMERGED = 127
"""A new histogram with more entries than this has its equal bins added up."""
_OK, _ERROR = int(Status.OK), int(Status.ERROR)
# PostgreSQL searches an array of float8 several times faster; whole milliseconds are exact in it.
_EDGES = f"'{{{','.join(map(str, EDGES))}}}'::float8[]"
_MONEY = frozenset({"cost_usd", "avoided_usd"})


Measures = dict[str, str]
"""An aggregate by the name of the sum; those that stay 0 are missing."""
_EVERY = "count(*)"


def _when(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _total(value: str) -> str:
    return f"bursar_total(({value})::bigint)"


def _money(value: str) -> str:
    return f"coalesce(sum({value}), 0)"


def measures_of(columns: Collection[str]) -> Measures:
    """The sums of records `s` that have these columns.

    An execution of a tool is no call, and aggregates (calls over 1) are never observed.
    """
    seen = _seen(columns)
    tools, aggregates, statuses = "is_tool" in columns, "calls" in columns, "status" in columns
    calls = "s.calls" if aggregates else "1"
    counted = f"CASE WHEN s.is_tool THEN 0 ELSE {calls} END" if tools else calls
    plain = not (tools or aggregates)

    def of_calls(condition: str) -> str:
        return _when(condition) if plain else _total(f"CASE WHEN {condition} THEN {counted} ELSE 0 END")

    observed = _when(" AND ".join(seen)) if seen else _EVERY
    found = {
        "calls": _EVERY if plain else _total(counted),
        "observed_calls": observed,
        "ok_calls": _when(" AND ".join([*seen, f"s.status = {_OK}"])) if statuses else observed,
        "unpriced_calls": of_calls("s.cost_usd IS NULL"),
        "input_tokens": _total("s.input_tokens"),
        "output_tokens": _total("s.output_tokens"),
        "cost_usd": _money("s.cost_usd"),
    }
    if statuses:
        found["error_calls"] = _when(" AND ".join([*seen, f"s.status = {_ERROR}"]))
    if tools:
        found["tool_executions"] = _total(f"CASE WHEN s.is_tool THEN {calls} ELSE 0 END")
    if "usage_source" in columns:
        found["estimated_calls"] = of_calls("s.usage_source = 1")
    if "attempt" in columns:
        found["repeated_calls"] = _when(" AND ".join([*seen, "s.attempt > 1"]))
    if "cache_hit" in columns:
        found["cache_hits"] = of_calls("s.cache_hit")
        found["avoided_usd"] = _money("CASE WHEN s.cache_hit THEN s.price_cost_usd END")
    for name in ("cache_read_input_tokens", "cache_creation_input_tokens", "reasoning_output_tokens"):
        if name in columns:
            found[name] = _total(f"s.{name}")
    for name, column in (("latency", "latency_ms"), ("first_token", "time_to_first_token_ms")):
        if column in columns:
            found[f"{name}_calls"] = _when(" AND ".join([*seen, f"s.{column} IS NOT NULL"]))
            found[f"{name}_ms_sum"] = _total(_if_seen(column, columns))
    return found


def histogram(column: str, columns: Collection[str]) -> str:
    """The bins of a duration of records `s`, one entry a record; equal ones are added up where there are many."""
    if column not in columns:
        return "'{}'::bigint[]"
    value = _if_seen(column, columns)
    entry = f"(width_bucket(({value})::float8, {_EDGES})::bigint << {COUNT_BITS}) + 1"
    found = f"coalesce(array_agg({entry}) FILTER (WHERE {value} IS NOT NULL), '{{}}')"
    return f"CASE WHEN count({value}) > {MOST_UNMERGED} THEN bursar_compacted_bins({found}) ELSE {found} END"


def merged(name: str) -> str:
    """The assignment that adds a proposed histogram to the one that is there.

    It is appended, and now and then equal bins are added up.
    """
    before, more = f"q.{name}", f"excluded.{name}"
    sizes = f"(cardinality({before}) + cardinality({more})) / {MOST_UNMERGED + 1}"
    stays = f"{sizes} = cardinality({before}) / {MOST_UNMERGED + 1}"
    return f"{name} = CASE WHEN {stays} THEN {before} || {more} ELSE bursar_compacted_bins({before} || {more}) END"


def summed(names: Sequence[str], measures: Measures) -> str:
    """The values of these sums, named, over records `s`."""
    return ", ".join(f"{measures.get(name, '0')} AS {name}" for name in names)


def summed_again(names: Sequence[str], measures: Measures) -> str:
    """The same over rows `s` that are sums themselves."""

    def value(name: str) -> str:
        if name not in measures:
            return "0"
        return f"sum(s.{name})" if name in _MONEY else f"bursar_total(s.{name})"

    return ", ".join(f"{value(name)} AS {name}" for name in names)


def raised(table: str, names: Sequence[str], measures: Measures) -> str:
    """Assignments that add the sums of a proposed row to those of the row that is there."""
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in names if name in measures)


def _seen(columns: Collection[str]) -> list[str]:
    """What a record must be to be observed."""
    conditions = (("is_tool", "NOT s.is_tool"), ("calls", "s.calls = 1"))
    return [condition for column, condition in conditions if column in columns]


def _if_seen(column: str, columns: Collection[str]) -> str:
    seen = _seen(columns)
    return f"CASE WHEN {' AND '.join(seen)} THEN s.{column} END" if seen else f"s.{column}"
