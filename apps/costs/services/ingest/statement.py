"""The one statement of ingest: a batch's columns in; ids claimed, records stored, and every rollup added to.

The sums are made where the rows are: a batch is unfolded once, and each rollup groups it by its own key. A part's rows
are ordered by that key, so that two writers never wait for each other in a circle.
"""

from functools import lru_cache

from apps.costs.domain.kinds import LabelKind, NarrowKind
from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.services.ingest.record_rows import BESIDE, FIXED, Shape, columns_for, type_of
from apps.costs.services.ingest.summing import (
    Measures,
    histogram,
    measures_of,
    merged,
    raised,
    summed,
    summed_again,
)

USER, KEY, TOOL, TAG = (int(kind) for kind in (NarrowKind.USER, NarrowKind.KEY, NarrowKind.TOOL, NarrowKind.TAG))
TAG_LABEL = int(LabelKind.TAG)


@lru_cache(maxsize=256)
def statement(shape: Shape, *, has_key: bool) -> bytes:
    """The statement for batches of this shape, with PostgreSQL's own placeholders.

    Its parameters: the version of the price book; the key's id if there is one; with tags the arrays of (place of the
    record, label); then the arrays that `arrays_of` gives.
    """
    numbers = iter(range(1, 100))
    version = f"${next(numbers)}::bigint"
    key = f"${next(numbers)}::bigint" if has_key else ""
    tags = f"unnest(${next(numbers)}::int[], ${next(numbers)}::int[]) AS tag(place, label)" if "tags" in shape else ""
    columns = columns_for(shape)
    arrays = ", ".join(f"${next(numbers)}::{type_of(name)}[]" for name in columns.unfolded)
    source = f"unnest({arrays}) WITH ORDINALITY AS s({', '.join(columns.unfolded)}, place)"
    taken = {name: f"(${next(numbers)}::{type_of(name)}[])[s.place::int]" for name in columns.taken}
    spot = f"(${next(numbers)}::int[])[s.place::int]"
    taken |= {name: f"(${next(numbers)}::{type_of(name)}[])[{spot}]" for name in columns.placed}
    bucket = f"date_bin('15 minutes', {taken['occurred_at']}, timestamptz 'epoch') AS bucket"
    sent = ", ".join([bucket, "s.*", *(f"{sql} AS {name}" for name, sql in taken.items())])
    changes = ", ".join(f"{name} AS {sql}" for name, sql in _Parts(shape, key, tags).all().items())
    return f"""
        WITH sent AS MATERIALIZED (SELECT {sent} FROM {source}), {changes}
        SELECT bursar_expect(0, 0, coalesce((SELECT version FROM costs_pricebookstate), 0), {version})
    """.encode()  # noqa: S608


class _Parts:
    """The parts of a statement, by name."""

    def __init__(self, shape: Shape, key: str, tags: str) -> None:
        self.shape, self.key, self.tags = shape, key, tags
        self.measures: Measures = measures_of(shape)

    def all(self) -> dict[str, str]:
        """What is read first; then what is written, the last first: so PostgreSQL runs parts whose results nobody
        reads.
        """
        found = {"by_cell": self._by_cell()}
        if "conversation_id" in self.shape and self._tasks_are_conversations:
            found["by_conversation"] = self._by_conversation()
        if "task_id" in self.shape or "conversation_id" in self.shape:
            found["tasks"] = self._tasks()
        if "conversation_id" in self.shape:
            found["conversations"] = self._conversations()
        if narrow := self._narrow():
            found["narrow"] = narrow
        found["cube"] = self._cube()
        stored = [*FIXED, *(name for name in self.shape if name not in BESIDE)]
        found["stored"] = f"""(
            INSERT INTO costs_usagerecord ({", ".join(stored)}, key_id)
            SELECT {", ".join(f"s.{name}" for name in stored)}, {self.key or "NULL"} FROM sent s
        )"""  # noqa: S608
        found["claimed"] = """(
            INSERT INTO costs_usagekey (project_id, id_hash, fingerprint, occurred_at)
            SELECT s.project_id, s.id_hash, s.fingerprint, s.occurred_at FROM sent s ORDER BY s.project_id, s.id_hash
        )"""
        return found

    @property
    def _tasks_are_conversations(self) -> bool:
        """Whether every task of the batch is a conversation, and its latest call is the last of its calls."""
        return "task_id" not in self.shape and "is_tool" not in self.shape

    def _by_cell(self) -> str:
        columns = self.shape
        keys = "s.cell_id, s.bucket, s.project_id, s.model_id"
        return f"""MATERIALIZED (
            SELECT {keys}, {summed(SUMS, self.measures)},
                {histogram("latency_ms", columns)} AS latency_bins,
                {histogram("time_to_first_token_ms", columns)} AS first_token_bins
            FROM sent s GROUP BY {keys}
        )"""  # noqa: S608

    def _cube(self) -> str:
        sums = ", ".join(f"s.{name}" for name in SUMS)
        bins = [
            merged(name)
            for name, column in (("latency_bins", "latency_ms"), ("first_token_bins", "time_to_first_token_ms"))
            if column in self.shape
        ]
        added = ", ".join([raised("q", SUMS, self.measures), "last_received_at = excluded.last_received_at", *bins])
        return f"""(
            INSERT INTO costs_usagequarter AS q (
                cell_id, bucket, last_received_at, {", ".join(SUMS)}, latency_bins, first_token_bins
            )
            SELECT s.cell_id, s.bucket, now(), {sums}, s.latency_bins, s.first_token_bins
            FROM by_cell s ORDER BY s.cell_id, s.bucket
            ON CONFLICT (cell_id, bucket) DO UPDATE SET {added}
        )"""  # noqa: S608

    def _narrow(self) -> str:
        """By user, key, tool and tag; "" for a batch that has none of them."""
        place = "s.bucket, s.project_id, s.model_id"
        sums = summed(NARROW_SUMS, self.measures)
        kinds = []
        if self.key:
            # A key sends the whole batch: its sums are those of the cells.
            again = summed_again(NARROW_SUMS, self.measures)
            kinds.append(
                f"SELECT {KEY} AS kind, {self.key} AS value_id, {place}, {again} FROM by_cell s GROUP BY {place}"
            )
        for kind, column in ((USER, "user_id"), (TOOL, "tool_id")):
            if column in self.shape:
                kinds.append(
                    f"SELECT {kind} AS kind, s.{column}::bigint AS value_id, {place}, {sums}"
                    f" FROM sent s WHERE s.{column} <> 0 GROUP BY s.{column}, {place}"
                )
        if self.tags:
            of_tags = f"FROM {self.tags} JOIN sent s USING (place) GROUP BY tag.label, {place}"
            kinds.append(f"SELECT {TAG} AS kind, tag.label::bigint AS value_id, {place}, {sums} {of_tags}")
        if not kinds:
            return ""
        keys = "kind, value_id, bucket, project_id, model_id"
        return f"""(
            INSERT INTO costs_usagequarterby AS n ({keys}, {", ".join(NARROW_SUMS)})
            SELECT * FROM ({" UNION ALL ".join(kinds)}) s ORDER BY 1, 2, 3, 4, 5
            ON CONFLICT ({keys}) DO UPDATE SET {raised("n", NARROW_SUMS, self.measures)}
        )"""  # noqa: S608

    def _by_conversation(self) -> str:
        """What conversations and tasks both are made of, where they are the same."""
        return f"""MATERIALIZED (
            SELECT s.project_id, s.conversation_id COLLATE "C" AS conversation_id, min(s.occurred_at) AS first_at,
                max(s.occurred_at) AS last_at, (array_agg(s.agent_id {_IN_TIME}))[count(*)] AS agent_id,
                (array_agg(s.usage_id {_IN_TIME}))[1] AS first_id, (array_agg(s.cell_id {_IN_TIME}))[1] AS cell_id,
                {summed(NARROW_SUMS, self.measures)}
            FROM sent s WHERE s.conversation_id <> '' GROUP BY 1, 2
        )"""  # noqa: S608

    def _conversations(self) -> str:
        keys = "s.project_id, s.conversation_id"
        if self._tasks_are_conversations:
            sums = ", ".join(f"s.{name}" for name in NARROW_SUMS)
            found = f"SELECT {keys}, s.agent_id, s.first_at, s.last_at, {sums} FROM by_conversation s"
        else:
            values = f"(array_agg(s.agent_id {_BACK_IN_TIME}))[1], min(s.occurred_at), max(s.occurred_at)"
            sums = summed(NARROW_SUMS, self.measures)
            found = f"SELECT {keys}, {values}, {sums} FROM sent s WHERE s.conversation_id <> '' GROUP BY {keys}"
        return f"""(
            INSERT INTO costs_conversationtotal AS c (
                project_id, conversation_id, agent_id, first_at, last_at, {", ".join(NARROW_SUMS)}
            )
            {found} ORDER BY s.project_id, s.conversation_id COLLATE "C"
            ON CONFLICT (project_id, conversation_id) DO UPDATE SET {raised("c", NARROW_SUMS, self.measures)},
                agent_id = CASE WHEN excluded.last_at >= c.last_at THEN excluded.agent_id ELSE c.agent_id END,
                first_at = LEAST(c.first_at, excluded.first_at), last_at = GREATEST(c.last_at, excluded.last_at)
        )"""  # noqa: S608

    def _tasks(self) -> str:
        return f"""(
            INSERT INTO costs_tasktotal AS t (
                project_id, task_id, first_at, first_id, cell_id, last_at, {", ".join(NARROW_SUMS)}
            )
            {self._tasks_of_batch()}
            ON CONFLICT (project_id, task_id) DO UPDATE SET {raised("t", NARROW_SUMS, self.measures)}, {_FIRSTS},
                last_at = CASE WHEN t.first_at IS NULL THEN excluded.last_at
                    ELSE GREATEST(t.last_at, excluded.last_at) END
        )"""  # noqa: S608

    def _tasks_of_batch(self) -> str:
        if self._tasks_are_conversations:
            sums = ", ".join(f"s.{name}" for name in NARROW_SUMS)
            return f"""SELECT s.project_id, s.conversation_id, s.first_at, s.first_id, s.cell_id, s.last_at, {sums}
                FROM by_conversation s ORDER BY 1, 2"""  # noqa: S608
        sums = summed(NARROW_SUMS, self.measures)
        names = [f"nullif(s.{name}, '')" for name in ("task_id", "conversation_id") if name in self.shape]
        task = f"coalesce({', '.join(names)})"
        first = f'ORDER BY {"s.is_tool, " if "is_tool" in self.shape else ""}s.occurred_at, s.usage_id COLLATE "C"'
        values = ", ".join(f"(array_agg(s.{name} {first}))[1]" for name in ("occurred_at", "usage_id", "cell_id"))
        return f"""SELECT s.project_id, {task} COLLATE "C", {values}, max(s.occurred_at), {sums}
            FROM sent s WHERE {task} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608


_IN_TIME = 'ORDER BY s.occurred_at, s.usage_id COLLATE "C"'
_BACK_IN_TIME = 'ORDER BY s.occurred_at DESC, s.usage_id COLLATE "C" DESC'
# A task lies where its first call lies, whatever came in first; one that only has outcomes so far lies nowhere.
_EARLIER = """(
    t.first_at IS NULL
    OR (excluded.calls = 0, excluded.first_at, excluded.first_id) < (t.calls = 0, t.first_at, t.first_id)
)"""
_FIRSTS = ", ".join(
    f"{name} = CASE WHEN {_EARLIER} THEN excluded.{name} ELSE t.{name} END"
    for name in ("first_at", "first_id", "cell_id")
)
