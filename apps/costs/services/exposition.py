"""Telling Prometheus: read the sums, raise the counters, keep what was said, so that every process says the same."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from apps.costs.domain.counters import Counters, risen
from apps.costs.models import Exposition
from apps.costs.selectors import metrics
from apps.costs.selectors.exposition import Now, counted, present, told

Rendered = Callable[[Mapping[str, Counters], Now], str]


def expose(*, now: datetime, render: Rendered, fresh_for: timedelta, most_series: int) -> str:
    """The text for Prometheus, taken again when the last one is older than `fresh_for`.

    1. All processes share one text: two of different age behind one address would let a counter seem to fall.
    2. Sums are read in one snapshot, before the lock: whoever waits for the lock finds a newer text and returns it.
    """
    last = told()
    if last and abs(now - last.taken_at) < fresh_for:
        return last.body
    with metrics.one_snapshot():
        found, state = counted(now), present(now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('bursar exposition'))")
        last = told()
        if last and abs(now - last.taken_at) < fresh_for:
            return last.body
        before = last.counters if last else {}
        counters = {name: risen(before.get(name, {}), sums, most=most_series) for name, sums in found.items()}
        body = render(counters, state)
        stored = {name: _stored(series) for name, series in counters.items()}
        Exposition.objects.update_or_create(id=1, defaults={"taken_at": now, "counters": stored, "body": body})
    return body


def _stored(counters: Counters) -> list[Any]:
    return [
        [list(labels), {name: [str(one.found), str(one.lost)] for name, one in measures.items()}]
        for labels, measures in counters.items()
    ]
