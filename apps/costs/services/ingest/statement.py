"""The one statement of ingest: a batch's columns in; ids claimed, records stored, and every rollup added to.

The sums are made where the rows are: a batch is unfolded once, and each rollup groups it by its own key. A part's rows
are ordered by that key, so that two writers never wait for each other in a circle.
"""

from collections.abc import Sequence
from functools import lru_cache

from apps.costs.domain.kinds import LabelKind, NarrowKind, Status
from apps.costs.domain.latency import COUNT_BITS, EDGES
from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.services.ingest.record_rows import FIXED, OF_PLACE, OF_ROW, Shape, type_of

USER, KEY, TOOL, TAG = (int(kind) for kind in (NarrowKind.USER, NarrowKind.KEY, NarrowKind.TOOL, NarrowKind.TAG))
TAG_LABEL = int(LabelKind.TAG)
_OK, _ERROR = int(Status.OK), int(Status.ERROR)
_EDGES = f"'{{{','.join(map(str, EDGES))}}}'::bigint[]"
MOST_UNMERGED = 127
"""A new histogram with more entries than this has its equal bins added up."""


@lru_cache(maxsize=256)
def statement(shape: Shape, *, has_key: bool) -> bytes:
    """The statement for batches of this shape, with PostgreSQL's own placeholders.

    Its parameters: the version of the price book; the key's id if there is one; with tags the arrays of (place of the
    record, label); then the arrays of columns as `arrays_of` gives them.
    """
    numbers = iter(range(1, 100))
    version = f"${next(numbers)}::bigint"
    key = f"${next(numbers)}::bigint" if has_key else ""
    tags = f"unnest(${next(numbers)}::int[], ${next(numbers)}::int[]) AS tag(place, label)" if "tags" in shape else ""
    columns = (*OF_ROW, *OF_PLACE, *shape)
    arrays = ", ".join(f"${next(numbers)}::{type_of(name)}[]" for name in columns)
    sent = f"""
        SELECT {", ".join(_facts(frozenset(columns)))}, s.*
        FROM unnest({arrays}) WITH ORDINALITY AS s({", ".join(columns)}, place)
    """  # noqa: S608
    changes = ", ".join(f"{name} AS ({sql})" for name, sql in _changes(shape, key, tags).items())
    return f"""
        WITH sent AS MATERIALIZED ({sent}), {changes}
        SELECT bursar_expect(0, 0, coalesce((SELECT version FROM costs_pricebookstate), 0), {version})
    """.encode()  # noqa: S608


def _changes(shape: Shape, key: str, tags: str) -> dict[str, str]:
    """What the statement writes, the last first: so PostgreSQL runs parts whose results nobody reads."""
    stored = [*FIXED, *shape]
    found = {}
    if "task_id" in shape or "conversation_id" in shape:
        found["tasks"] = _tasks(_task(shape))
    if "conversation_id" in shape:
        found["conversations"] = _CONVERSATIONS
    if narrow := _narrow(shape, key, tags):
        found["narrow"] = narrow
    found["cube"] = _CUBE
    found["stored"] = f"""
        INSERT INTO costs_usagerecord ({", ".join(stored)}, key_id)
        SELECT {", ".join(f"s.{name}" for name in stored)}, {key or "NULL"} FROM sent s
    """  # noqa: S608
    found["claimed"] = """
        INSERT INTO costs_usagekey (project_id, id_hash, fingerprint, occurred_at)
        SELECT s.project_id, s.id_hash, s.fingerprint, s.occurred_at FROM sent s ORDER BY s.project_id, s.id_hash
    """
    return found


def _facts(columns: frozenset[str]) -> list[str]:
    """What single records add to the measures. Aggregates (calls over 1) are never observed."""

    def given(name: str, otherwise: str) -> str:
        return f"s.{name}" if name in columns else otherwise

    calls, hit = given("calls", "1"), given("cache_hit", "false")
    counted = f"CASE WHEN s.is_tool THEN 0 ELSE {calls} END"
    seen = f"(NOT s.is_tool AND {calls} = 1)"
    facts = {
        "counted": f"({counted})::bigint",
        "seen": f"{seen}::int::bigint",
        "went_well": f"({seen} AND s.status = {_OK})::int::bigint",
        "failed": f"({seen} AND s.status = {_ERROR})::int::bigint",
        "executed": f"(CASE WHEN s.is_tool THEN {calls} ELSE 0 END)::bigint",
        "unpriced": f"(CASE WHEN s.cost_usd IS NULL THEN {counted} ELSE 0 END)::bigint",
        "estimated": f"(CASE WHEN {given('usage_source', '0')} = 1 THEN {counted} ELSE 0 END)::bigint",
        "repeated": f"({seen} AND {given('attempt', '1')} > 1)::int::bigint",
        "hit": f"(CASE WHEN {hit} THEN {counted} ELSE 0 END)::bigint",
        "cached": given("cache_read_input_tokens", "0::bigint"),
        "written": given("cache_creation_input_tokens", "0::bigint"),
        "reasoned": given("reasoning_output_tokens", "0::bigint"),
        "cost": "coalesce(s.cost_usd, 0)",
        "avoided": f"CASE WHEN {hit} THEN {given('price_cost_usd', 'NULL::numeric')} END",
        "latency": f"CASE WHEN {seen} THEN {given('latency_ms', 'NULL::bigint')} END",
        "first_token": f"CASE WHEN {seen} THEN {given('time_to_first_token_ms', 'NULL::bigint')} END",
        "bucket": "date_bin('15 minutes', s.occurred_at, timestamptz 'epoch')",
    }
    return [f"{sql} AS {name}" for name, sql in facts.items()]


def _added(table: str, names: Sequence[str]) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in names)


_SUM = {
    "calls": "bursar_total(s.counted)",
    "observed_calls": "bursar_total(s.seen)",
    "ok_calls": "bursar_total(s.went_well)",
    "error_calls": "bursar_total(s.failed)",
    "tool_executions": "bursar_total(s.executed)",
    "unpriced_calls": "bursar_total(s.unpriced)",
    "estimated_calls": "bursar_total(s.estimated)",
    "repeated_calls": "bursar_total(s.repeated)",
    "cache_hits": "bursar_total(s.hit)",
    "input_tokens": "bursar_total(s.input_tokens)",
    "output_tokens": "bursar_total(s.output_tokens)",
    "cache_read_input_tokens": "bursar_total(s.cached)",
    "cache_creation_input_tokens": "bursar_total(s.written)",
    "reasoning_output_tokens": "bursar_total(s.reasoned)",
    "cost_usd": "sum(s.cost)",
    "avoided_usd": "coalesce(sum(s.avoided), 0)",
    "latency_calls": "count(s.latency)",
    "latency_ms_sum": "bursar_total(s.latency)",
    "first_token_calls": "count(s.first_token)",
    "first_token_ms_sum": "bursar_total(s.first_token)",
}


def _summed(names: Sequence[str]) -> str:
    return ", ".join(_SUM[name] for name in names)


def _bins(column: str) -> str:
    entries = f"array_agg((width_bucket(s.{column}, {_EDGES})::bigint << {COUNT_BITS}) + 1)"
    found = f"coalesce({entries} FILTER (WHERE s.{column} IS NOT NULL), '{{}}')"
    return f"CASE WHEN count(s.{column}) > {MOST_UNMERGED} THEN bursar_compacted_bins({found}) ELSE {found} END"


def _merged(name: str) -> str:
    """A histogram to which another is added: appended, and now and then its equal bins are added up."""
    before, more = f"q.{name}", f"excluded.{name}"
    sizes = f"(cardinality({before}) + cardinality({more})) / {MOST_UNMERGED + 1}"
    stays = f"{sizes} = cardinality({before}) / {MOST_UNMERGED + 1}"
    return f"{name} = CASE WHEN {stays} THEN {before} || {more} ELSE bursar_compacted_bins({before} || {more}) END"


_CUBE = f"""
    INSERT INTO costs_usagequarter AS q (
        cell_id, bucket, last_received_at, {", ".join(SUMS)}, latency_bins, first_token_bins
    )
    SELECT s.cell_id, s.bucket, now(), {_summed(SUMS)}, {_bins("latency")}, {_bins("first_token")}
    FROM sent s GROUP BY s.cell_id, s.bucket ORDER BY s.cell_id, s.bucket
    ON CONFLICT (cell_id, bucket) DO UPDATE SET {_added("q", SUMS)}, last_received_at = excluded.last_received_at,
        {_merged("latency_bins")}, {_merged("first_token_bins")}
"""  # noqa: S608


def _narrow(shape: Shape, key: str, tags: str) -> str:
    """By user, key, tool and tag; "" for a batch that has none of them."""
    kinds = []
    if key:
        kinds.append(f"SELECT {KEY} AS kind, {key} AS value_id, s.* FROM sent s")
    for kind, column in ((USER, "user_id"), (TOOL, "tool_id")):
        if column in shape:
            kinds.append(
                f"SELECT {kind} AS kind, s.{column}::bigint AS value_id, s.* FROM sent s WHERE s.{column} <> 0"
            )
    if tags:
        kinds.append(f"SELECT {TAG} AS kind, tag.label::bigint AS value_id, s.* FROM {tags} JOIN sent s USING (place)")
    if not kinds:
        return ""
    return f"""
        INSERT INTO costs_usagequarterby AS n (kind, value_id, bucket, project_id, model_id, {", ".join(NARROW_SUMS)})
        SELECT s.kind, s.value_id, s.bucket, s.project_id, s.model_id, {_summed(NARROW_SUMS)}
        FROM ({" UNION ALL ".join(kinds)}) s GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (kind, value_id, bucket, project_id, model_id) DO UPDATE SET {_added("n", NARROW_SUMS)}
    """  # noqa: S608


_CONVERSATIONS = f"""
    INSERT INTO costs_conversationtotal AS c (
        project_id, conversation_id, agent_id, first_at, last_at, {", ".join(NARROW_SUMS)}
    )
    SELECT s.project_id, s.conversation_id, (array_agg(s.agent_id ORDER BY s.occurred_at DESC, s.agent_id DESC))[1],
        min(s.occurred_at), max(s.occurred_at), {_summed(NARROW_SUMS)}
    FROM sent s WHERE s.conversation_id <> '' GROUP BY s.project_id, s.conversation_id
    ORDER BY s.project_id, s.conversation_id COLLATE "C"
    ON CONFLICT (project_id, conversation_id) DO UPDATE SET {_added("c", NARROW_SUMS)},
        agent_id = CASE WHEN excluded.last_at >= c.last_at THEN excluded.agent_id ELSE c.agent_id END,
        first_at = LEAST(c.first_at, excluded.first_at), last_at = GREATEST(c.last_at, excluded.last_at)
"""  # noqa: S608

# A task lies where its first call lies, whatever came in first; one that only has outcomes so far lies nowhere.
_EARLIER = """(
    t.first_at IS NULL
    OR (excluded.calls = 0, excluded.first_at, excluded.first_id) < (t.calls = 0, t.first_at, t.first_id)
)"""
_FIRST = ("first_at", "first_id", "cell_id")


def _task(shape: Shape) -> str:
    """The task of a record; it defaults to the conversation."""
    names = [f"nullif(s.{name}, '')" for name in ("task_id", "conversation_id") if name in shape]
    return f"coalesce({', '.join(names)})"


def _tasks(task: str) -> str:
    first = 'ORDER BY s.is_tool, s.occurred_at, s.usage_id COLLATE "C"'
    return f"""
        INSERT INTO costs_tasktotal AS t (
            project_id, task_id, first_at, first_id, cell_id, last_at, {", ".join(NARROW_SUMS)}
        )
        SELECT s.project_id, {task} COLLATE "C", (array_agg(s.occurred_at {first}))[1],
            (array_agg(s.usage_id {first}))[1], (array_agg(s.cell_id {first}))[1], max(s.occurred_at),
            {_summed(NARROW_SUMS)}
        FROM sent s WHERE {task} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (project_id, task_id) DO UPDATE SET {_added("t", NARROW_SUMS)},
            {", ".join(f"{name} = CASE WHEN {_EARLIER} THEN excluded.{name} ELSE t.{name} END" for name in _FIRST)},
            last_at = CASE WHEN t.first_at IS NULL THEN excluded.last_at ELSE GREATEST(t.last_at, excluded.last_at) END
    """  # noqa: S608
