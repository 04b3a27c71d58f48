"""Which buckets do not add up, found without grouping by key: two numbers per bucket, from each side.

Every row counts with a weight that is a hash of its key. The weighted sum of all records of a bucket must equal the
weighted sum of its rollup rows, however records were added up into rows, because weighting and adding commute:

1. The integer measures of a row, each times a coefficient of its own, become one number; so do its histograms, every
   bin with a hash of its own. That number, times the row's weight, is added up modulo the prime 2^31 - 1.
2. Money, times the weight, is added up exactly.
3. Both are compared per bucket, in one snapshot of the database.

Seeds and coefficients are drawn anew for every proof: a bucket that does not add up passes one proof with a chance
below one in a million, and the next proof of the hour looks with other weights. What is found here is then named,
and repaired, by exact comparison row by row (differences.py).
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from django.db import DataError, connection, transaction

from apps.costs.domain.kinds import NarrowKind
from apps.costs.selectors import recount
from apps.costs.selectors.proof.weights import INTEGERS, MOD, NARROW_INTEGERS, PRIME, Weights

Print = tuple[int, Decimal]
_REST = tuple(name for name in INTEGERS if name not in NARROW_INTEGERS)


def suspects(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """The buckets, `step` long, of [start, end) whose rollups do not add up to their records, in order.

    Run it in one snapshot. Numbers too large for this arithmetic make every bucket a suspect.
    """
    parameters = {"start": start, "end": end, "step": step, **recount.parameters()}
    weights = Weights.drawn()
    try:
        # Money times weights has more digits than Python's decimals keep unasked.
        with transaction.atomic(), localcontext(prec=100):
            records = _prints(_records(weights), parameters)
            rollups = _prints(_cube(weights), parameters)
            for bucket, (number, usd) in _prints(_narrow(weights), parameters).items():
                rollups[bucket] = (rollups[bucket][0] + number, rollups[bucket][1] + usd)
    except DataError:
        return [start + step * number for number in range(-(-(end - start) // step))]
    return [bucket for bucket in sorted({*records, *rollups}) if _differ(records[bucket], rollups[bucket])]


def _differ(one: Print, other: Print) -> bool:
    return (one[0] - other[0]) % PRIME != 0 or one[1] != other[1]


def _prints(sql: str, parameters: Mapping[str, Any]) -> defaultdict[datetime, Print]:
    found: defaultdict[datetime, Print] = defaultdict(lambda: (0, Decimal(0)))
    with connection.cursor() as cursor:
        cursor.execute(sql, dict(parameters))
        for bucket, number, *money in cursor.fetchall():
            found[bucket] = (int(number), sum((usd for usd in money if usd), Decimal(0)))
    return found


def _bucket(moment: str) -> str:
    return f"date_bin(%(step)s, {moment}, timestamptz 'epoch')"


def _weight(kind: NarrowKind, value: str, place: str) -> str:
    """The weight of a narrow row; tags count by their text, so that records need no look-up of labels."""
    if kind is NarrowKind.TAG:
        return f"(hashtextextended({value}, {place}) & {PRIME})"
    return f"(hashint8extended({value}::bigint * 8 + {int(kind)}, {place}) & {PRIME})"


def _record_weight() -> str:
    """The weights of all narrow rows a record counts in, together."""
    parts = [
        f"CASE WHEN r.user_id <> 0 THEN {_weight(NarrowKind.USER, 'r.user_id', 'r.place')} ELSE 0 END",
        f"CASE WHEN r.key_id IS NOT NULL THEN {_weight(NarrowKind.KEY, 'r.key_id', 'r.place')} ELSE 0 END",
        f"CASE WHEN r.tool_id <> 0 THEN {_weight(NarrowKind.TOOL, 'r.tool_id', 'r.place')} ELSE 0 END",
        "CASE WHEN r.tags IS NOT NULL THEN (SELECT coalesce(bursar_total("
        + _weight(NarrowKind.TAG, "tag.name || '=' || tag.value", "r.place")
        + "), 0) FROM jsonb_each_text(r.tags) AS tag(name, value)) ELSE 0 END",
    ]
    return " + ".join(parts)


def _records(weights: Weights) -> str:
    narrow = recount.if_usual(weights.combined(NARROW_INTEGERS, _measure))
    rest = recount.if_usual(f"{weights.combined(_REST, _measure)} + {weights.of_record_bins(recount.BINS)}")
    return f"""
        SELECT bucket, sum((narrow + rest) {MOD} * cell_weight + narrow {MOD} * (narrow_weight {MOD})),
            sum(cost_usd * (cell_weight + narrow_weight)), sum(avoided_usd * cell_weight)
        FROM (
            SELECT r.*, {_record_weight()} AS narrow_weight
            FROM (
                SELECT {_bucket("r.occurred_at")} AS bucket, r.user_id, r.key_id, r.tool_id, r.tags,
                    {narrow} AS narrow, {rest} AS rest, {weights.of_cell("r.cell_id")} AS cell_weight,
                    r.cost_usd, nullif({recount.MEASURES["avoided_usd"]}, 0) AS avoided_usd,
                    {weights.of_place("r.project_id", "c.model_id")} AS place
                FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
                WHERE r.occurred_at >= %(start)s AND r.occurred_at < %(end)s
                OFFSET 0
            ) r OFFSET 0
        ) r GROUP BY bucket
    """  # noqa: S608


def _measure(name: str) -> str:
    return f"({recount.MEASURES[name]})"


def _cube(weights: Weights) -> str:
    return f"""
        SELECT bucket, sum(cube {MOD} * weight), sum(cost_usd * weight), sum(avoided_usd * weight)
        FROM (
            SELECT {_bucket("q.bucket")} AS bucket, {weights.of_cell("q.cell_id")} AS weight,
                {weights.combined(INTEGERS, "q.{}".format)} + {weights.of_row_bins("q")} AS cube,
                nullif(q.cost_usd, 0) AS cost_usd, nullif(q.avoided_usd, 0) AS avoided_usd
            FROM costs_usagequarter q WHERE q.bucket >= %(start)s AND q.bucket < %(end)s
            OFFSET 0
        ) q GROUP BY bucket
    """  # noqa: S608


def _narrow(weights: Weights) -> str:
    name = "(SELECT l.name FROM costs_label l WHERE l.id = n.value_id)"
    return f"""
        SELECT bucket, sum(narrow {MOD} * weight), sum(cost_usd * weight)
        FROM (
            SELECT n.bucket, n.narrow, n.cost_usd, CASE WHEN n.kind = {int(NarrowKind.TAG)}
                THEN {_weight(NarrowKind.TAG, f"coalesce({name}, '')", "n.place")}
                ELSE (hashint8extended(n.value_id * 8 + n.kind, n.place) & {PRIME}) END AS weight
            FROM (
                SELECT {_bucket("n.bucket")} AS bucket, n.kind, n.value_id, nullif(n.cost_usd, 0) AS cost_usd,
                    {weights.combined(NARROW_INTEGERS, "n.{}".format)} AS narrow,
                    {weights.of_place("n.project_id", "n.model_id")} AS place
                FROM costs_usagequarterby n WHERE n.bucket >= %(start)s AND n.bucket < %(end)s
                OFFSET 0
            ) n OFFSET 0
        ) n GROUP BY bucket
    """  # noqa: S608
