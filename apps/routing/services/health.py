"""The sweep that watches models: it sums up what was reported lately and moves the breakers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from apps.costs.domain.formats import some
from apps.routing.domain.candidates import Breaker
from apps.routing.domain.health import Cause, Seen, State, after
from apps.routing.domain.policy import ModelKey
from apps.routing.models import ModelHealth, RoutingState
from apps.routing.selectors import health, in_force
from apps.routing.selectors.health import Reported

_LOCK = 0x62737210


@dataclass(frozen=True, slots=True)
class Watched:
    """What one run saw."""

    models: int = 0
    open: int = 0
    changed: int = 0

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        return f"{some(self.models, 'model')} reported lately, {self.open} of them not to be used"


@transaction.atomic
def watch_models(*, now: datetime) -> Watched:
    """Bring the health of all models up to date; two runs at once wait for each other, and a second changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    seen = health.reported(now=now, window=timedelta(seconds=settings.HEALTH_WINDOW_SECONDS))
    known = {(row.provider, row.model): row for row in ModelHealth.objects.all()}
    without_credit, answered = _credit(seen)
    rows: list[ModelHealth] = []
    changed = 0
    for provider, model in sorted({*seen, *known, *_of_policy(without_credit)}):
        one = seen.get((provider, model), Reported())
        row = known.get((provider, model)) or ModelHealth(provider=provider, model=model)
        told = Seen(
            one.since_ok, one.since_faults, provider in without_credit, one.out_of_credit_at is not None,
            one.last_ok_at, answered.get(provider),
        )  # fmt: skip
        moved = after(_state_of(row), told, now)
        changed += moved.breaker != row.breaker
        rows.append(_filled(row, one, moved, now))
    _write(rows)
    if changed:
        RoutingState.objects.filter(pk=1).update(generation=F("generation") + 1)
        in_force.look_again()
    health.forget()
    return Watched(len(seen), sum(row.breaker == "open" for row in rows), changed)


def _of_policy(providers: set[str]) -> set[ModelKey]:
    """The models of the policy at these providers, whether or not they were called lately."""
    found = in_force.in_force() if providers else None
    return set() if found is None else {key for key in found.tiers if key[0] in providers}


def _credit(seen: Mapping[ModelKey, Reported]) -> tuple[set[str], dict[str, datetime]]:
    """Providers that asked for money and answered no call after that, whichever model was called; and when each did."""
    refused: dict[str, datetime] = {}
    answered: dict[str, datetime] = {}
    for (provider, _), one in seen.items():
        for told, moment in ((refused, one.out_of_credit_at), (answered, one.last_ok_at)):
            if moment is not None:
                told[provider] = max(moment, told.get(provider, moment))
    return {name for name, moment in refused.items() if name not in answered or moment > answered[name]}, answered


def _state_of(row: ModelHealth) -> State:
    return State(cast(Breaker, row.breaker), row.since, row.times_open, cast(Cause, row.cause), row.trial_ok_at)


def _filled(row: ModelHealth, one: Reported, moved: State, now: datetime) -> ModelHealth:
    row.breaker, row.since, row.times_open, row.cause = moved.breaker, moved.since, moved.times_open, moved.cause
    row.trial_ok_at = moved.trial_ok_at
    row.seen_at = now
    health.count(row, one)
    return row


def _write(rows: list[ModelHealth]) -> None:
    """Keep what says something: a healthy model nobody reported lately has no row."""
    kept = [row for row in rows if row.calls or row.breaker != "closed"]
    names = [field.name for field in ModelHealth._meta.concrete_fields if field.name not in ("provider", "model")]
    ModelHealth.objects.bulk_create(
        kept, update_conflicts=True, unique_fields=["provider", "model"], update_fields=names
    )
    for row in rows:
        if row not in kept:
            ModelHealth.objects.filter(provider=row.provider, model=row.model).delete()
