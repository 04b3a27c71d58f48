"""Measure how often unusual spend is reported without a cause, and how many real incidents are found."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.costs.domain import anomalies
from apps.costs.domain.anomalies import WEEK, WEEKS
from apps.costs.domain.fleet import Fleet
from apps.costs.management.fleet_spend import hours_of, total
from apps.costs.selectors import metrics
from apps.costs.selectors.spend_hours import hour_of, spend_by_hour

LEARNED = WEEK * WEEKS
FIRST = date(2026, 1, 5)
FACTORS = (1, 2, 5)
INCIDENTS = 40
LASTS = 2


class Command(BaseCommand):
    help = (
        "Replay fleets of agents hour by hour through the search for unusual spend. First as they are: every event is "
        f"a false alarm. Then with {INCIDENTS} incidents a fleet, {LASTS} hours in which 1, 2 or 5 times "
        "what the dearest usual hour cost comes on top: how many are found. With --history also the usage stored here."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fleets", type=int, default=10, help="how many fleets (default: 10)")
        parser.add_argument("--weeks", type=int, default=12, help="weeks of each that are judged (default: 12)")
        parser.add_argument("--rate", type=float, default=4.0, help="how busy they are (default: 4)")
        parser.add_argument("--history", action="store_true", help="also the events in the usage stored here")

    def handle(self, *args: Any, **options: Any) -> None:
        weeks, fleets = options["weeks"], options["fleets"]
        least = Decimal(settings.ANOMALY_LEAST_USD)
        alarms, spent, found = 0, Decimal(0), dict.fromkeys(FACTORS, 0)
        for seed in range(1, fleets + 1):
            hours = hours_of(Fleet(seed=seed, rate=options["rate"]), FIRST, 7 * (WEEKS + weeks))
            spent += total(hours[LEARNED:])
            alarms += len(anomalies.events(hours, since=LEARNED, least=least))
            for factor in FACTORS:
                found[factor] += sum(_is_found(hours, place, factor, least) for place in _places(seed, len(hours)))
        if not spent:
            raise CommandError("The fleets cost nothing: load the price book first (manage.py load_prices).")
        judged = fleets * weeks
        self.stdout.write(
            f"{fleets} fleets, {judged} weeks, {judged * WEEK:,} hours, ${spent / judged:.2f} a week:"
            f" {alarms} false alarms, {Decimal(alarms) / judged:.2f} a week,"
            f" {Decimal(alarms * 10_000) / (judged * WEEK):.1f} in 10,000 hours"
        )
        for factor in FACTORS:
            share = Decimal(found[factor] * 100) / (fleets * INCIDENTS)
            self.stdout.write(f"incidents of {factor} times the dearest usual hour on top: {share:.0f} % found")
        if options["history"]:
            self._own(least)

    def _own(self, least: Decimal) -> None:
        until = hour_of(timezone.now())
        query = metrics.UsageQuery(until - timedelta(hours=LEARNED * 2), until)
        with metrics.one_snapshot():
            hours = spend_by_hour(query, until=until, hours=LEARNED * 2)
        events = anomalies.events(hours, since=LEARNED, least=least)
        self.stdout.write(f"stored usage: {len(events)} events in the last {WEEKS} weeks")
        for event in events:
            at = until - timedelta(hours=len(hours) - event.first)
            self.stdout.write(f"  {at:%Y-%m-%dT%H:%MZ} ${event.spent:.2f}, usually ${event.usual:.2f}")


def _places(seed: int, hours: int) -> list[int]:
    return random.Random(seed).sample(range(LEARNED, hours - LASTS), INCIDENTS)


def _is_found(hours: list[Decimal], place: int, factor: int, least: Decimal) -> bool:
    """Whether an event is told when these hours cost as if an agent ran wild."""
    usual = max(hours[sample] for sample in anomalies.sample_places(place))
    wild = list(hours[: place + LASTS])
    for index in range(place, place + LASTS):
        wild[index] += factor * max(usual, least)
    return bool(anomalies.events(wild, since=place, least=least))
