"""One day's records become its sums: paid and at the baseline by cell, switches of model, and bands of complexity.

Everything is read from the records, in their order, and written anew; so a day can be derived at any time again, and
comes out the same while its records, prices and baseline are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from apps.costs.domain.kinds import Status
from apps.costs.domain.latency import bin_of, packed
from apps.costs.domain.pricing import usd
from apps.costs.domain.rate_book import RateBook
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.ingest.literals import array
from apps.routing.domain.counterfactual import Sums
from apps.routing.domain.policy import Policy
from apps.routing.domain.switching import Stretch, Watch
from apps.routing.domain.what_if import band_of
from apps.routing.models import BandSum, SavingsSlice, SavingsSum, SwitchSum
from apps.routing.models.savings import Compared
from apps.routing.selectors.baselines import Declared, policy_of_version
from apps.routing.selectors.counterfactuals import AtBaseline, cache_worth
from apps.routing.selectors.in_force import in_force
from apps.routing.selectors.recorded_calls import (
    RecordedCall,
    calls_between,
    decisions_between,
    given_up_between,
    scores_between,
)

LEAD = timedelta(hours=1)
"""Conversations that were going on so long before the day are followed into it."""
DECIDED_BEFORE = timedelta(days=1)
BandKey = tuple[int, str, bool]
COMPARED = tuple(field.name for field in Compared._meta.get_fields())


@dataclass(slots=True)
class _Band:
    calls: int = 0
    ok: int = 0
    errors: int = 0
    latency_calls: int = 0
    latency_ms: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    def add(self, call: RecordedCall) -> None:
        self.calls += 1
        self.ok += call.status == Status.OK
        self.errors += call.status == Status.ERROR
        if call.latency_ms is not None:
            number = bin_of(call.latency_ms)
            self.latency_calls += 1
            self.latency_ms += call.latency_ms
            self.bins[number] = self.bins.get(number, 0) + 1


@dataclass(slots=True)
class Derived:
    """What one day comes to."""

    sums: dict[int, Sums] = field(default_factory=dict)
    bands: dict[BandKey, _Band] = field(default_factory=dict)
    watch: Watch = field(
        default_factory=lambda: Watch(
            warm=timedelta(seconds=settings.PROMPT_CACHE_SECONDS), least_tokens=settings.PROMPT_CACHE_LEAST_TOKENS
        )
    )


def derive_day(start: datetime, end: datetime, used: Declared | None) -> Derived:
    """Read a day's calls and add them up. Reads only."""
    book, found = current_rate_book(), in_force()
    before = start - DECIDED_BEFORE
    policy = policy_of_version(used.baseline.policy_version) if used else None
    decided = decisions_between(before, end) if policy is not None else {}
    scores: Mapping[tuple[int, str], Decimal] = scores_between(before, end)
    given_up = given_up_between(before, end)
    beside = AtBaseline(used.baseline, policy, decided, book) if used else None
    derived = Derived()
    for call in calls_between(start - LEAD, end):
        counts = call.occurred_at >= start
        warm = _follow(derived.watch, call, book, counts=counts)
        if not counts:
            continue
        key = (call.project_id, call.decision_id or "")
        if beside is not None:
            kind, repriced, cache = beside.beside(call, given_up=key in given_up, warm=warm)
            sums = derived.sums.setdefault(call.cell_id, Sums())
            sums.add(kind, call.cost, repriced, cache=cache, calls=call.metered.calls)
        if key in scores and found is not None:
            _in_band(derived, call, scores[key], found.policy, beside)
    return derived


def _follow(watch: Watch, call: RecordedCall, book: RateBook, *, counts: bool) -> int:
    """Tell a conversation's next call; the tokens that the model before it had in its cache, if it was left warm."""
    if call.conversation_id is None or call.metered.calls != 1 or call.is_untouched:
        return 0
    one = Stretch(
        calls=1,
        priced_calls=int(call.cost is not None),
        cost=call.cost or 0,
        errors=int(call.status == Status.ERROR),
        latency_calls=int(call.latency_ms is not None),
        latency_ms=call.latency_ms or 0,
    )
    usage = call.metered.usage
    switch, warm = watch.follow(
        (call.project_id, call.conversation_id), call.project_id, call.role_id, call.model_id,
        at=call.occurred_at, input_tokens=usage.input_tokens, call=one, counts=counts,
    )  # fmt: skip
    if switch is not None and warm and not call.failed:
        tokens, lost = cache_worth(call.metered, warm, (call.metered.provider, call.metered.model), book)
        switch.lost_tokens += tokens
        switch.lost += lost
    return warm


def _in_band(derived: Derived, call: RecordedCall, score: Decimal, policy: Policy, beside: AtBaseline | None) -> None:
    at_baseline = beside is not None and beside.is_own(call)
    band = (call.project_id, band_of(policy, score), at_baseline)
    derived.bands.setdefault(band, _Band()).add(call)


def write_day(start: datetime, derived: Derived) -> None:
    """Replace a day's rows. Call it in a transaction."""
    for model in (SavingsSum, SavingsSlice, SwitchSum, BandSum):
        model.objects.filter(bucket=start).delete()
    _write_sums(start, sorted(derived.sums.items()))
    _slice_day(start)
    SwitchSum.objects.bulk_create(
        SwitchSum(
            bucket=start, **key._asdict(), switches=one.switches, **_stretch("before", one.before),
            **_stretch("after", one.after), lost_tokens=one.lost_tokens, lost_usd=usd(one.lost),
        )
        for key, one in sorted(derived.watch.found.items())
    )  # fmt: skip
    BandSum.objects.bulk_create(
        BandSum(
            bucket=start, project_id=key[0], band=key[1], at_baseline=key[2], calls=one.calls, ok_calls=one.ok,
            error_calls=one.errors, latency_calls=one.latency_calls, latency_ms=one.latency_ms,
            latency_bins=packed(one.bins),
        )
        for key, one in sorted(derived.bands.items())
    )  # fmt: skip


def _write_sums(start: datetime, sums: Sequence[tuple[int, Sums]]) -> None:
    """All cells of a day by one statement; as objects they took longer than all of the day's calls."""
    fields = {cell: compared_fields(one) for cell, one in sums}
    kinds = {name: "numeric" if name.endswith("_usd") else "bigint" for name in COMPARED}
    columns = [array([one[name] for one in fields.values()]) for name in kinds]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO routing_savingssum (bucket, cell_id, {', '.join(kinds)})"
            f" SELECT %s, * FROM unnest(%s::int[], {', '.join(f'%s::{kind}[]' for kind in kinds.values())})",
            [start, array(list(fields)), *columns],
        )


def _slice_day(start: datetime) -> None:
    """Add the cells of a day up by each dimension: by project, and for all but demo data together as project 0."""
    sums = ", ".join(f"sum(s.{name})" for name in COMPARED)
    with connection.cursor() as cursor:
        for column, number in SavingsSlice.SLICES.items():
            value = f"c.{column}" if column else "0"
            for project, only in (("c.project_id", ""), ("0", " AND NOT p.is_demo")):
                cursor.execute(
                    f"INSERT INTO routing_savingsslice (dimension, bucket, project_id, value_id, {', '.join(COMPARED)})"
                    f" SELECT {number}, s.bucket, {project}, {value}, {sums}"
                    " FROM routing_savingssum s JOIN costs_cell c ON c.id = s.cell_id"
                    f" JOIN access_project p ON p.id = c.project_id WHERE s.bucket = %s{only} GROUP BY 2, 3, 4",
                    [start],
                )


def compared_fields(one: Sums) -> dict[str, Any]:
    """The sums as columns."""
    amounts = ("paid", "repriced", "elsewhere", "cache", "waste", "overhead")
    counts = {"calls": one.calls, "compared_calls": one.compared_calls}
    return counts | {f"{name}_usd": usd(getattr(one, name)) for name in amounts}


def _stretch(side: str, one: Stretch) -> dict[str, int | Decimal]:
    calls, priced, cost, errors, timed, milliseconds = astuple(one)
    return {
        f"{side}_calls": calls,
        f"{side}_priced_calls": priced,
        f"{side}_usd": usd(cost),
        f"{side}_errors": errors,
        f"{side}_latency_calls": timed,
        f"{side}_latency_ms": milliseconds,
    }
