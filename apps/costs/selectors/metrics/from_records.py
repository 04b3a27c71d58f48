"""Questions no rollup answers, by any dimensions a record has: read from the records.

Only so many days at a time, and no longer than a statement may take, so that one question never slows the rest.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from apps.costs.selectors import recount
from apps.costs.selectors.metrics.filters import COLUMNS, conditions, record_filter
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery
from apps.costs.selectors.metrics.sources import Source

IDS = {
    "user": "r.user_id",
    "tool": "r.tool_id",
    "key": "coalesce(r.key_id, 0)",
    "error_type": "r.error_type_id",
}
TEXTS = ("conversation",)
_NONE = {True: "''", False: "0"}
CLOCK_CHANGE = timedelta(hours=1)
"""A local day may be an hour longer; so many of them still count as days."""


def is_known(name: str) -> bool:
    """Whether records can be grouped and filtered by this name."""
    return name in COLUMNS or name in IDS or name in TEXTS or (name.startswith("tag:") and len(name) > len("tag:"))


def is_text(name: str) -> bool:
    """Whether the value of a dimension is its own name, and not the id of one."""
    return name in TEXTS or name.startswith("tag:")


def column(name: str, group_by: Sequence[str]) -> str:
    """The column of `source` that holds a dimension of the question."""
    return COLUMNS.get(name) or f"value{group_by.index(name)}"


def check(query: UsageQuery) -> None:
    """Raises BadQuery, with the way out, for a range that is longer than records are read for."""
    check_days(query.end - query.start)


def check_days(span: timedelta) -> None:
    """As `check`, for so much time in all."""
    most = timedelta(days=settings.RECORD_QUESTION_DAYS)
    if span > most + CLOCK_CHANGE:
        raise BadQuery(
            "from",
            f"This combination is read from single records, for at most {most.days} days at a time."
            " Choose a shorter period, or fewer dimensions and filters.",
        )


def source(query: UsageQuery, group_by: Sequence[str], measures: Sequence[str], *, whole: bool) -> Source:
    """The records of a question as rows like the cube's. Without `whole` those that lack a user, key, … are left out.

    Raises BadQuery for a range that is too long, or an unknown dimension.
    """
    check(query)
    for name in [*group_by, *query.filters]:
        if not is_known(name):
            raise BadQuery("group_by", f"{name} is not a dimension of usage.")
    where, parameters = conditions_on_records(query)
    chosen: dict[str, str] = {}
    for number, name in enumerate(group_by):
        value = chosen[column(name, group_by)] = _value(name, number)
        if name.startswith("tag:"):
            parameters[f"tag{number}"] = name.removeprefix("tag:")
        if name not in COLUMNS and not whole:
            where += f" AND {value} <> {_NONE[is_text(name)]}"
    listed = "".join(f", {value} AS {alias}" for alias, value in chosen.items())
    sums = ", ".join(f"{recount.MEASURES[name]} AS {name}" for name in measures)
    return Source(
        f"SELECT r.occurred_at AS bucket{listed}, {sums}"
        f" FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id WHERE {where}",
        parameters | recount.parameters(),
    )


def conditions_on_records(query: UsageQuery) -> tuple[str, dict[str, Any]]:
    """SQL over a record r and its cell c for all that a query asks, and its parameters."""
    cube = {name: values for name, values in query.filters.items() if name in COLUMNS}
    where, parameters = conditions(replace(query, filters=cube)).where("c")
    where += (
        " AND r.project_id = ANY(%(projects)s)"
        " AND r.occurred_at >= %(records_from)s AND r.occurred_at < %(records_until)s"
    )
    parameters |= {"records_from": query.start, "records_until": query.end}
    for number, name in enumerate(sorted(set(query.filters) - set(cube))):
        part, more = record_filter(name, query.filters[name], f"other{number}")
        where, parameters = f"{where} AND {part}", parameters | more
    return where, parameters


def columns_of(group_by: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The dimensions of a question as SQL over a record r and its cell c, by name, and the parameters of tags."""
    columns = {name: _value(name, number) for number, name in enumerate(group_by)}
    tags = {
        f"tag{number}": name.removeprefix("tag:") for number, name in enumerate(group_by) if name.startswith("tag:")
    }
    return columns, tags


def _value(name: str, number: int) -> str:
    if name in COLUMNS:
        return f"c.{COLUMNS[name]}"
    if name.startswith("tag:"):
        return f"coalesce(r.tags ->> %(tag{number})s, '')"
    return IDS.get(name) or f"coalesce(r.{name}_id, '')"


@contextmanager
def bounded() -> Iterator[None]:
    """Ends what is read inside after the time a question to the records may take. Raises BadQuery then."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), current_setting('max_parallel_workers_per_gather')"
            )
            before = cursor.fetchone()
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{settings.RECORD_QUESTION_MS}ms"])
            cursor.execute("SET LOCAL max_parallel_workers_per_gather TO DEFAULT")
            yield
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true),"
                " set_config('max_parallel_workers_per_gather', %s, true)",
                before,
            )
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        seconds = Decimal(settings.RECORD_QUESTION_MS).scaleb(-3)
        raise BadQuery(
            "from",
            f"Reading the records took longer than {seconds.normalize():f} s and was stopped."
            " Choose a shorter period, or filter by project, agent or model.",
        ) from error
