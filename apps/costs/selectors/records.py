"""Single usage records: lists by time, and one by its id with its cost in parts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.costs.domain.kinds import CostSource, ServiceTier, Status, UsageSource
from apps.costs.domain.usage import key_of
from apps.costs.selectors.metrics.filters import conditions, record_filter
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery
from apps.costs.selectors.record_spans import Course, Group, groups

MAX_RANGE = timedelta(days=31)
CLOCK_CHANGE = timedelta(hours=1)
"""A local day may be an hour longer; 31 of them still are 31 days."""
CUBE_FILTERS = frozenset({"project", "agent", "provider", "model", "tier", "role", "task_type", "status"})

_COLUMNS = """
    r.usage_id AS id, r.occurred_at, r.received_at, p.name AS project, coalesce(p.sent_as, p.name) AS sent_project,
    coalesce(a.name, '') AS agent,
    m.provider, coalesce(sent.name, m.provider) AS sent_provider, coalesce(m.name, '') AS model,
    operation.name AS operation,
    role.name AS role, tier.name AS tier, task.name AS task_type, tool.name AS tool, usr.name AS "user",
    r.conversation_id, r.task_id, r.run_id, r.parent_id, r.request_id, r.response_id, r.tool_call_id,
    r.decision_id, r.reservation_id, r.compression_id, r.tags, r.input_tokens, r.output_tokens,
    r.cache_read_input_tokens, r.cache_creation_input_tokens, r.cache_creation_1h_input_tokens,
    r.reasoning_output_tokens, r.other_tokens, r.web_searches, r.requests, r.calls, r.service_tier, c.status,
    error.name AS error_type, r.attempt, r.latency_ms, r.time_to_first_token_ms, r.cache_hit, r.compressed,
    r.usage_source, r.cost_source, r.cost_usd, r.price_cost_usd, r.price_id, r.success, r.quality
"""
_JOINS = """
    JOIN costs_cell c ON c.id = r.cell_id
    JOIN access_project p ON p.id = r.project_id
    LEFT JOIN access_agent a ON a.id = c.agent_id
    LEFT JOIN costs_usedmodel m ON m.id = c.model_id
    LEFT JOIN costs_label sent ON sent.id = r.sent_provider_id
    LEFT JOIN costs_label operation ON operation.id = r.operation_id
    LEFT JOIN costs_label role ON role.id = c.role_id
    LEFT JOIN costs_label tier ON tier.id = c.tier_id
    LEFT JOIN costs_label task ON task.id = c.task_type_id
    LEFT JOIN costs_label tool ON tool.id = r.tool_id
    LEFT JOIN costs_label usr ON usr.id = r.user_id
    LEFT JOIN costs_label error ON error.id = r.error_type_id
"""
_FROM = f"FROM costs_usagerecord r {_JOINS}"
Record = dict[str, Any]
Position = tuple[datetime, str, str]
"""Time, id and `sent_project` of a record: an id is unique only in what is sent to one project."""
_ORDER = ("r.occurred_at", "r.usage_id", "coalesce(p.sent_as, p.name)")
_SPANS = "unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS span(begins, ends)"


@dataclass(frozen=True, slots=True)
class Page:
    """Records of a list, newest first, and where the next and previous pages begin."""

    records: list[Record]
    has_older: bool
    has_newer: bool


def usage_page(
    query: UsageQuery,
    *,
    limit: int,
    older_than: Position | None = None,
    newer_than: Position | None = None,
    unpriced: bool = False,
) -> Page:
    """Up to `limit` records of a query, newest first. Raises BadQuery for ranges over 31 days or unknown filters."""
    if query.end - query.start > MAX_RANGE + CLOCK_CHANGE:
        raise BadQuery("from", f"Single records are listed for at most {MAX_RANGE.days} days at a time.")
    where, parameters = record_conditions(query)
    if unpriced:
        where += " AND r.cost_source = 0"
    backwards = newer_than is not None
    position = newer_than or older_than
    if position:
        beyond = ">" if backwards else "<"
        where += f" AND ({', '.join(_ORDER)}) {beyond} (%(at)s, %(id)s, %(in_project)s)"
        parameters |= {"at": position[0], "id": position[1], "in_project": position[2]}
    found = _listed(query, Listing(where, parameters, limit + 1, position, backwards, unpriced))
    more, found = len(found) > limit, found[:limit]
    if backwards:
        return Page(found[::-1], has_older=True, has_newer=more)
    return Page(found, has_older=more, has_newer=older_than is not None)


@dataclass(frozen=True, slots=True)
class Listing:
    """The records a page wants: so many, from a position on, towards older or newer ones."""

    where: str
    parameters: Mapping[str, Any]
    wanted: int
    position: Position | None
    backwards: bool
    unpriced: bool


def _listed(query: UsageQuery, listing: Listing) -> list[Record]:
    """The records of a page, read span by span until there are enough."""
    start, end = query.start, query.end
    if listing.position and listing.backwards:
        start = max(start, listing.position[0])
    elif listing.position:
        end = min(end, listing.position[0] + timedelta(microseconds=1))
    found: list[Record] = []
    course = Course(start, end, listing.backwards)
    for group in groups(query, course, is_marked=listing.unpriced):
        found += _within(listing, group, listing.wanted - len(found))
        if len(found) == listing.wanted:
            break
    return found


def _within(listing: Listing, group: Group, wanted: int) -> list[Record]:
    """The first so many records inside a group of spans; names are looked up for these alone."""
    order = "ASC" if listing.backwards else "DESC"
    by = ", ".join(f"{column} {order}" for column in _ORDER)
    inside = f"""
        SELECT r.* FROM costs_usagerecord r
        JOIN costs_cell c ON c.id = r.cell_id
        JOIN access_project p ON p.id = r.project_id
        WHERE r.occurred_at >= {{}} AND r.occurred_at < {{}} AND {listing.where} ORDER BY {by} LIMIT %(limit)s
    """
    begins, ends = [begin for begin, _ in group.spans], [until for _, until in group.spans]
    parameters = {**listing.parameters, "begins": begins, "ends": ends, "limit": wanted}
    if group.projects is not None:
        parameters["projects"] = group.projects
    if len(begins) == 1:
        found = inside.format("(%(begins)s::timestamptz[])[1]", "(%(ends)s::timestamptz[])[1]")
    else:
        each = inside.format("span.begins", "span.ends")
        found = f"SELECT r.* FROM {_SPANS} CROSS JOIN LATERAL ({each}) r"
    return records_of(found, parameters, order=f"{by} LIMIT %(limit)s")


def usage_record(usage_id: str, *, rows: Sequence[int]) -> Record | None:
    """One record by its id, or None: of the first of these rows of a project that has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.project_id, k.occurred_at FROM unnest(%s::int[]) WITH ORDINALITY AS w(project_id, place)"
            " JOIN costs_usagekey k ON k.project_id = w.project_id AND k.id_hash = %s ORDER BY w.place",
            [list(rows), key_of(usage_id)],
        )
        keys = cursor.fetchall()
    where = "r.project_id = %(project)s AND r.occurred_at = %(at)s AND r.usage_id = %(id)s"
    for project_id, at in keys:
        if found := _read(
            f"SELECT {_COLUMNS} {_FROM} WHERE {where}", {"project": project_id, "at": at, "id": usage_id}
        ):
            return found[0]
    return None


def record_conditions(query: UsageQuery) -> tuple[str, dict[str, Any]]:
    """SQL over a record r and its cell c for all that a query asks, and its parameters."""
    cube = {name: values for name, values in query.filters.items() if name in CUBE_FILTERS}
    limits = conditions(UsageQuery(query.start, query.end, query.zone, query.project_ids, query.include_demo, cube))
    where, parameters = limits.where("c")
    where += " AND r.project_id = ANY(%(projects)s) AND r.occurred_at >= %(from)s AND r.occurred_at < %(until)s"
    parameters |= {"from": query.start, "until": query.end}
    others = {name: values for name, values in query.filters.items() if name not in CUBE_FILTERS}
    for number, (name, values) in enumerate(others.items()):
        part, more = record_filter(name, values, f"other{number}")
        where, parameters = f"{where} AND {part}", parameters | more
    return where, parameters


def records_of(source: str, parameters: Mapping[str, Any], *, order: str, more: str = "") -> list[Record]:
    """The records of a relation with the columns of costs_usagerecord, called r; `more` are further columns."""
    return _read(f"SELECT {_COLUMNS}{more} FROM ({source}) r {_JOINS} ORDER BY {order}", parameters)


def _read(sql: str, parameters: Mapping[str, Any]) -> list[Record]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or ()]
        return [_spoken(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _spoken(record: Record) -> Record:
    """Small integers as the words the API uses; empty labels as null; JSON, which Django leaves as text, as values."""
    for name in ("tags", "other_tokens"):
        record[name] = record[name] and json.loads(record[name])
    record["status"] = Status(record["status"]).name.lower()
    record["service_tier"] = ServiceTier(record["service_tier"]).name.lower()
    record["usage_source"] = UsageSource(record["usage_source"]).name.lower()
    record["cost_source"] = CostSource(record["cost_source"]).name.lower()
    return record
