"""Runs of re-rating: which there are, what they would change or changed, and what a filter means."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from apps.access.domain.identity import Caller
from apps.access.models import Project
from apps.costs.models import LineState, RerateLine, RerateRun, RerateState, UsedModel
from apps.costs.selectors.rate_book import current_rate_book

WORKING = (RerateState.DRAFT, RerateState.APPROVED, RerateState.APPLYING, RerateState.REVERSING)
_LAST = datetime(9999, 12, 30, tzinfo=UTC)
BY = ("model", "project", "conversation")


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """What a run changes for one model, project or conversation. `project` is "" for models."""

    name: str
    project: str
    records: int
    calls: int
    priced_calls: int
    unpriced_calls: int
    was_usd: Decimal
    is_usd: Decimal

    @property
    def difference_usd(self) -> Decimal:
        """What is added to the sums; below zero when they shrink."""
        return self.is_usd - self.was_usd


def runs_of(caller: Caller) -> QuerySet[RerateRun]:
    """The runs a caller may see, newest first: whoever is limited to projects sees those that stay inside them."""
    runs = RerateRun.objects.order_by("-id")
    projects = caller.project_ids
    if projects is None and caller.project_id is not None:
        projects = frozenset({caller.project_id})
    return runs if projects is None else runs.filter(project_ids__contained_by=sorted(projects))


def run_of(caller: Caller, run_id: int) -> RerateRun:
    """One run. Raises RerateRun.DoesNotExist when there is none, or the caller may not see it."""
    return runs_of(caller).get(id=run_id)


def meant_models(provider: str, models: Collection[str], name: str) -> list[int] | None:
    """The used models a filter names: those sent under these names, or that the price book reads as these models.

    None when it names nothing. `provider` is a canonical id, `name` a name exactly as sent.
    """
    if not (provider or models or name):
        return None
    wanted, book = {model.strip().lower() for model in models}, current_rate_book()
    found = []
    for one in UsedModel.objects.order_by("id"):
        match = book.lookup(one.provider, one.name, _LAST)
        read_as = (match.provider, match.model) if match else ("", "")
        if provider and provider not in (one.provider, read_as[0]):
            continue
        if name and name != one.name:
            continue
        names = {one.name, f"{one.provider}/{one.name}", read_as[1], "/".join(read_as)}
        if wanted and wanted.isdisjoint(text.lower() for text in names):
            continue
        found.append(one.pk)
    return found


def model_words(ids: Collection[int]) -> dict[int, str]:
    """Used models by id, as "provider/name"."""
    rows = UsedModel.objects.filter(id__in=ids).values_list("id", "provider", "name")
    return {id: f"{provider}/{name}" for id, provider, name in rows}


def project_words(run: RerateRun) -> list[str]:
    """The names of the projects a run is limited to."""
    names = Project.objects.filter(id__in=run.project_ids or []).order_by("name").values_list("name", flat=True)
    return list(names.distinct())


def filter_words(run: RerateRun) -> str:
    """The filter of a run in one line."""
    named = ", ".join(filter(None, (run.provider, *run.models_named, run.name_sent)))
    parts = [f"calls of {named}" if named else "every call"]
    if run.only_unpriced:
        parts.append("without a price")
    if run.project_ids is not None:
        parts.append(f"in {', '.join(project_words(run)) or 'projects that are gone'}")
    if run.start:
        parts.append(f"from {run.start:%Y-%m-%d %H:%M} UTC")
    if run.end:
        parts.append(f"until {run.end:%Y-%m-%d %H:%M} UTC")
    if run.include_reported:
        parts.append("with costs that providers reported")
    return " ".join(parts)


def applied_difference(run: RerateRun) -> Decimal:
    """What the steps of a run have added to the sums so far, those that put back included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(difference_usd), 0) FROM costs_reratestep WHERE run_id = %s", [run.pk])
        found: Decimal = cursor.fetchone()[0]
    return found


def percent(run: RerateRun) -> int:
    """How far the work on a run is, from 0 to 100; a preview goes by the time its records span."""
    if run.state == RerateState.DRAFT:
        return _preview_percent(run)
    if run.state == RerateState.REVERSING:
        return 100 * run.reversed // run.applied if run.applied else 0
    if run.state in (RerateState.APPROVED, RerateState.APPLYING):
        return 100 * (run.applied + run.gone) // run.changed if run.changed else 0
    return 100


def _preview_percent(run: RerateRun) -> int:
    if run.first_at is None or run.after_at is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(bucket) FROM costs_usagequarter")
        last = cursor.fetchone()[0]
    end = min(moment for moment in (last, run.end) if moment) if last or run.end else None
    if end is None or end <= run.first_at:
        return 0
    return max(0, min(99, int(100 * ((run.after_at - run.first_at) / (end - run.first_at)))))


def differences(run: RerateRun, by: str, *, limit: int) -> list[DifferenceRow]:
    """What the run changes by "model", "project" or "conversation", the largest differences first."""
    order = "abs(s.is_usd - s.was_usd) DESC, s.records DESC, 2"
    return [row for _, row in _differences(run, by, after=0, order=order, limit=limit)]


def every_difference(run: RerateRun, by: str) -> Iterator[DifferenceRow]:
    """The same for all of them, in the order they are stored, a bounded number at a time."""
    after = 0
    while rows := _differences(run, by, after=after, order="s.id", limit=1000):
        yield from (row for _, row in rows)
        after = rows[-1][0]


def _differences(run: RerateRun, by: str, *, after: int, order: str, limit: int) -> list[tuple[int, DifferenceRow]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.id, {_NAMES[by]}, coalesce(p.name, ''), s.records, s.calls, s.priced_calls, s.unpriced_calls,
                s.was_usd, s.is_usd
            FROM ({_OF_PROJECTS if by == "project" else _OF_OTHERS}) s
                LEFT JOIN access_project p ON p.id = s.project_id LEFT JOIN costs_usedmodel m ON m.id = s.model_id
            WHERE s.id > %(after)s ORDER BY {order} LIMIT %(limit)s
            """,
            {"run": run.pk, "by": by, "after": after, "limit": limit},
        )
        return [(row[0], DifferenceRow(*row[1:])) for row in cursor.fetchall()]


_OF_OTHERS = "SELECT * FROM costs_reratesum WHERE run_id = %(run)s AND by = %(by)s"
# What was merged since reads as one.
_OF_PROJECTS = """
    SELECT min(r.id) AS id, coalesce(g.merged_into_id, r.project_id) AS project_id, 0 AS model_id,
        sum(r.records)::bigint AS records, sum(r.calls)::bigint AS calls, sum(r.priced_calls)::bigint AS priced_calls,
        sum(r.unpriced_calls)::bigint AS unpriced_calls, sum(r.was_usd) AS was_usd, sum(r.is_usd) AS is_usd
    FROM costs_reratesum r LEFT JOIN access_project g ON g.id = r.project_id
    WHERE r.run_id = %(run)s AND r.by = %(by)s GROUP BY 2
"""
_NAMES = {
    "model": "m.provider || '/' || m.name",
    "project": "coalesce(p.name, s.project_id::text)",
    "conversation": "s.conversation_id",
}


def lines_after(run: RerateRun, after: int, limit: int) -> list[dict[str, Any]]:
    """Single records of a run, in order, after a line's id: what each was and is, with the words of its names."""
    rows = list(RerateLine.objects.filter(run=run, id__gt=after).order_by("id")[:limit])
    models = model_words({row.model_id for row in rows})
    projects = dict(Project.objects.filter(id__in={row.project_id for row in rows}).values_list("id", "name"))
    return [
        {
            "line": row.pk,
            "id": row.usage_id,
            "project": projects.get(row.project_id, ""),
            "model": models.get(row.model_id, ""),
            "occurred_at": row.occurred_at,
            "conversation_id": row.conversation_id,
            "calls": row.calls,
            "was_usd": row.was_cost_usd,
            "is_usd": row.is_cost_usd,
            "was_price_id": row.was_price_id,
            "is_price_id": row.is_price_id,
            "state": LineState(row.state).name.lower(),
        }
        for row in rows
    ]


def later_runs(run_id: int) -> list[tuple[int, int]]:
    """Runs that changed records of this one after it did: (run, how many), those to be reversed first at the front."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_LATER} WHERE mine.run_id = %s AND mine.state = {LineState.APPLIED}"
            " GROUP BY other.run_id ORDER BY max(other.step_id) DESC",
            [run_id],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def changed_later(lines: Sequence[int]) -> int | None:
    """A run that changed the record of one of these lines after that line was applied."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_LATER} WHERE mine.id = ANY(%s) GROUP BY other.run_id ORDER BY max(other.step_id) DESC LIMIT 1",
            [list(lines)],
        )
        row = cursor.fetchone()
    return row[0] if row else None


_LATER = f"""
    SELECT other.run_id, count(*) FROM costs_rerateline mine JOIN costs_rerateline other
        ON other.project_id = mine.project_id AND other.occurred_at = mine.occurred_at
        AND other.usage_id = mine.usage_id AND other.run_id <> mine.run_id
        AND other.state = {LineState.APPLIED} AND other.step_id > mine.step_id
"""  # noqa: S608
