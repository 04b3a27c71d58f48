"""What a batch adds to the rollups: sums by cube cell, narrow key and conversation, of the rows really inserted.

Accumulators are plain lists in the order of domain/measures.py; money is in femto-dollars until it is written.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from apps.costs.domain.kinds import LabelKind, NarrowKind, Status
from apps.costs.domain.latency import bin_of
from apps.costs.services.ingest.reading import Row

Labels = Mapping[tuple[int, str], int]
Heard = tuple[datetime, int, tuple[int, ...]]
"""What a conversation had: when, which agent, and the sums of one record."""
Begun = tuple[bool, datetime, str, int]
"""Where a task begins if this is its first record: calls before tool executions, then by time and id; and its cell."""

_OK, _ERROR = Status.OK, Status.ERROR
# Plain integers: an enumeration costs a look-up at every record.
USER, KEY, TOOL, TAG = (int(kind) for kind in (NarrowKind.USER, NarrowKind.KEY, NarrowKind.TOOL, NarrowKind.TAG))
USER_LABEL, TOOL_LABEL, TAG_LABEL = (int(kind) for kind in (LabelKind.USER, LabelKind.TOOL, LabelKind.TAG))
ERROR_LABEL = int(LabelKind.ERROR_TYPE)


def cube_sums(one: Row) -> tuple[int, ...]:
    """One record's part of the cube, in the order of SUMS. Aggregates (calls over 1) are never observed."""
    usage, place, cost = one.usage, one.place, one.cost
    calls = 0 if place.is_tool else usage.calls
    observed = calls == 1
    latency = usage.latency_ms if observed else None
    first_token = usage.time_to_first_token_ms if observed else None
    return (
        calls,
        1 if observed else 0,
        1 if observed and place.status is _OK else 0,
        1 if observed and place.status is _ERROR else 0,
        usage.calls if place.is_tool else 0,
        calls if cost is None else 0,
        calls if usage.usage_source == "estimate" else 0,
        1 if observed and usage.attempt > 1 else 0,
        calls if usage.cache_hit else 0,
        one.input_tokens,
        one.output_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.reasoning_output_tokens,
        cost or 0,
        (one.price_cost or 0) if usage.cache_hit else 0,
        0 if latency is None else 1,
        latency or 0,
        0 if first_token is None else 1,
        first_token or 0,
    )


def narrow_sums(one: Row) -> tuple[int, ...]:
    """One record's part of a narrow rollup or conversation, in the order of NARROW_SUMS."""
    usage, place = one.usage, one.place
    calls, tools = (0, usage.calls) if place.is_tool else (usage.calls, 0)
    return (
        calls,
        1 if calls == 1 and place.status is _ERROR else 0,
        tools,
        calls if one.cost is None else 0,
        one.input_tokens,
        one.output_tokens,
        usage.cache_read_input_tokens,
        one.cost or 0,
    )


def added(rows: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The sums of several rows, column by column."""
    return rows[0] if len(rows) == 1 else tuple(map(sum, zip(*rows, strict=True)))


def histograms(rows: Iterable[Row]) -> tuple[Counter[int], Counter[int]]:
    """How many observed calls fall into each bin of latency, and of time to first token."""
    seen = [one.usage for one in rows if one.usage.calls == 1 and not one.place.is_tool]
    return (
        Counter([bin_of(usage.latency_ms) for usage in seen if usage.latency_ms is not None]),
        Counter([bin_of(usage.time_to_first_token_ms) for usage in seen if usage.time_to_first_token_ms is not None]),
    )


class Deltas:
    """The records of a batch by cube cell, narrow key, conversation and task."""

    def __init__(self, rows: Iterable[Row], labels: Labels, key_id: int | None) -> None:
        self.cube: defaultdict[tuple[int, int], list[Row]] = defaultdict(list)
        self.narrow: defaultdict[tuple[int, int, int, int, int], list[tuple[int, ...]]] = defaultdict(list)
        self.conversations: defaultdict[tuple[int, str], list[tuple[datetime, int, tuple[int, ...]]]] = defaultdict(
            list
        )
        self.tasks: defaultdict[tuple[int, str], list[tuple[Begun, tuple[int, ...]]]] = defaultdict(list)
        for one in rows:
            place, usage, quarter = one.place, one.usage, one.quarter
            self.cube[place.cell_id, quarter].append(one)
            where = (quarter, place.project_id, place.model_id)
            sums = narrow_sums(one)
            if key_id is not None:
                self.narrow[KEY, key_id, *where].append(sums)
            if usage.user:
                self.narrow[USER, labels[USER_LABEL, usage.user], *where].append(sums)
            if usage.tool:
                self.narrow[TOOL, labels[TOOL_LABEL, usage.tool], *where].append(sums)
            for name, value in (usage.tags or {}).items():
                self.narrow[TAG, labels[TAG_LABEL, f"{name}={value}"], *where].append(sums)
            if usage.conversation_id:
                heard = (one.occurred_at, place.agent_id, sums)
                self.conversations[place.project_id, usage.conversation_id].append(heard)
            if task := usage.task_id or usage.conversation_id:
                begun = (place.is_tool, one.occurred_at, one.id, place.cell_id)
                self.tasks[place.project_id, task].append((begun, sums))


def wanted_labels(rows: Iterable[Row], fields: Collection[str]) -> set[tuple[int, str]]:
    """The users, tools, tags and error types that a batch names; `fields` are those any of its records has."""
    wanted: set[tuple[int, str]] = set()
    usages = [one.usage for one in rows]
    for kind, name in ((USER_LABEL, "user"), (TOOL_LABEL, "tool"), (ERROR_LABEL, "error_type")):
        if name in fields:
            value = attrgetter(name)
            wanted.update({(kind, found) for found in map(value, usages) if found})
    if "tags" in fields:
        wanted.update((TAG_LABEL, f"{name}={value}") for usage in usages for name, value in (usage.tags or {}).items())
    return wanted
