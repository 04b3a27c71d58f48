"""P32: numbers that are asked for in different ways agree, over random questions, whatever they are read from.

1. The parts of any grouping, and of any cutting into buckets, add up to the total.
2. What a filter finds and what its opposite finds add up to all.
3. The compared period is the same question about the shifted days.
4. Another zone, for days or for folds, moves where buckets begin and never the total.
5. The page, the API and the files say the same to the last digit.
"""

import csv
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from apps.access.models import User
from apps.costs.domain.calendars import Unit, cut, day_start
from apps.costs.domain.measures import SUMS
from apps.costs.domain.periods import Choice, Compare, Preset, Span, compare
from apps.costs.models import ReportingSettings
from apps.costs.selectors import metrics, reporting
from apps.costs.selectors.metrics import Totals, UsageQuery
from apps.costs.services.folding import fold_closed_days
from tests.cast import HeldKey
from tests.costs.factories import NOW, any_usages, record
from tests.prices.acts import subscription

DAY = timedelta(days=1)
FIRST = NOW - 29 * DAY
CUBE = ("project", "agent", "provider", "model", "tier", "role", "task_type", "status")
OTHERS = ("user", "key", "tool", "conversation", "tag:team")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia")
UNITS = (Unit.HOUR, Unit.DAY, Unit.WEEK, Unit.MONTH)


def sums(rows: Sequence[Any], kept: Sequence[str] = SUMS) -> tuple[Any, ...]:
    """What rows add up to, of the measures that are kept."""
    whole: Totals = metrics.added([row.totals for row in rows])
    return tuple(getattr(whole, name) for name in kept)


def whole(query: UsageQuery, kept: Sequence[str] = SUMS) -> tuple[Any, ...]:
    return sums(metrics.grouped(query, (), edges=()), kept)


@dataclass
class Asker:
    """Random questions about the same usage, and the people who ask them."""

    dice: random.Random
    browser: Client
    reader: Client
    values: dict[str, list[str]] = field(default_factory=dict)

    def instant(self) -> datetime:
        """Any instant, often one at which something begins."""
        moment = FIRST + timedelta(seconds=self.dice.randrange(int((NOW - FIRST).total_seconds())))
        step = self.dice.choice((1, 900, 3600, 86400, 86400))
        return moment - timedelta(seconds=moment.timestamp() % step, microseconds=moment.microsecond)

    def query(self) -> UsageQuery:
        """A question with some filter, or none."""
        start, end = sorted((self.instant(), self.instant()))
        filters: dict[str, tuple[str, ...]] = {}
        for name in self.dice.sample((*CUBE, *OTHERS), self.dice.choice((0, 0, 1, 1, 2))):
            filters[name] = self.some_of(name)
        end = end if end > start else start + DAY
        return UsageQuery(start, end, zone=self.dice.choice(ZONES), filters=filters)

    def values_of(self, name: str) -> list[str]:
        """Every value of a dimension, "" among them."""
        if name not in self.values:
            query = UsageQuery(FIRST - DAY, NOW + DAY)
            self.values[name] = sorted({row.values[0] for row in metrics.grouped(query, (name,), edges=(), whole=True)})
        return self.values[name]

    def some_of(self, name: str) -> tuple[str, ...]:
        """One value of a dimension, or several."""
        values = self.values_of(name)
        return tuple(self.dice.sample(values, self.dice.randrange(1, len(values) + 1)))

    def parts(self) -> None:
        """Law 1."""
        query = self.query()
        group_by = self.dice.sample((*CUBE, *OTHERS), self.dice.choice((1, 1, 2)))
        edges = cut(query.start, query.end, self.dice.choice(UNITS), ZoneInfo(query.zone), self.dice.randrange(7))
        cuts = edges if self.dice.random() < 0.4 else []
        kept = [name for name in metrics.kept(query, group_by) if name in metrics.kept(query, ())]
        rows = metrics.grouped(query, group_by, edges=cuts, whole=True)
        assert sums(rows, kept) == whole(query, kept), (query, group_by, cuts)

    def opposites(self) -> None:
        """Law 2."""
        query = self.query()
        name = self.dice.choice([one for one in (*CUBE, *OTHERS) if one not in query.filters])
        some = self.some_of(name)
        rest = tuple(value for value in self.values_of(name) if value not in some)
        both = [replace(query, filters={**query.filters, name: values}) for values in (some, rest) if values]
        kept = [one for one in SUMS if all(one in metrics.kept(each, ()) for each in (query, *both))]
        found = [row for each in both for row in metrics.grouped(each, (), edges=())]
        assert sums(found, kept) == whole(query, kept), (query, name, some)

    def compared(self) -> None:
        """Law 3."""
        zone = ZoneInfo(self.dice.choice(ZONES))
        length = self.dice.randrange(1, 8)
        first = NOW.date() - DAY * self.dice.randrange(length + 1, 14)
        last = first + DAY * (length - 1)
        choice = Choice(zone, Preset.CUSTOM, first, last, Compare.PREVIOUS, self.dice.choice((None, *UNITS)))
        period = choice.at(NOW)
        shifted = period.shifted(-1).at(NOW)
        comparison = compare(period)
        assert comparison is not None
        filters = self.query().filters
        was, same = (self.over(span, zone, filters) for span in (comparison.previous, shifted.span))
        assert comparison.previous == shifted.span, choice
        assert whole(was) == whole(same)
        pieces = metrics.grouped(was, (), edges=sorted(set(comparison.pieces)))
        assert sums(pieces) == whole(same), (choice, filters)

    def over(self, span: Span, zone: ZoneInfo, filters: Mapping[str, tuple[str, ...]]) -> UsageQuery:
        """A question about a span."""
        return UsageQuery(span.start, span.end, zone.key, filters=filters)

    def zones(self) -> None:
        """Law 4. The reporting zone, whose folds are read, is another one too."""
        query, unit = self.query(), self.dice.choice(UNITS)
        before = whole(query)
        self.report_in(self.dice.choice(ZONES))
        other = replace(query, zone=self.dice.choice(ZONES))
        edges = cut(query.start, query.end, unit, ZoneInfo(other.zone))
        found = sums(metrics.grouped(other, (), edges=edges))
        self.report_in("UTC")
        assert found == before == whole(other), (query, other, unit)

    def report_in(self, zone: str) -> None:
        """Makes this the reporting zone."""
        ReportingSettings.objects.update_or_create(defaults={"zone": zone, "week_start": 0, "currency": "USD"})
        reporting.forget()

    def places(self) -> None:
        """Law 5, for the spend of some days."""
        zone, name = self.dice.choice(ZONES), self.dice.choice(CUBE)
        first = NOW.date() - DAY * self.dice.randrange(20)
        last = first + DAY * self.dice.randrange(10)
        filters = {one: self.some_of(one) for one in self.dice.sample(CUBE, self.dice.choice((0, 1)))}
        pairs = [(one, value) for one, values in filters.items() for value in values]
        page = urlencode([("from", first), ("to", last), ("tz", zone), ("group", name), *pairs])
        start, end = (day_start(day, ZoneInfo(zone)) for day in (first, last + DAY))
        api = urlencode([("from", start.isoformat()), ("to", end.isoformat()), ("group_by", name), *pairs])
        told = self.reader.get(f"/api/metrics/cost?{api}").json()
        assert "results" in told, (told, api)
        by_name = {row[name]: Decimal(row["cost_usd"]) for row in told["results"]}
        answers = {
            "csv": self.lines(f"/explore.csv?{page}", name),
            "overview.csv": self.lines(f"/overview.csv?{page}&table={name}", name),
            "json": self.told(f"/explore.json?{page}", name),
            "page": self.shown(f"/explore?{page}"),
        }
        for place, answer in answers.items():
            assert self.some(answer) == self.some(by_name), (place, page)
        focus: Any = self.browser.get(f"/focus.csv?{page}")
        rows = list(csv.DictReader(StringIO(focus.getvalue().decode())))
        usage = [row for row in rows if row["ChargeCategory"] == "Usage"]
        assert sum((Decimal(row["BilledCost"] or 0) for row in usage), Decimal(0)) == sum(by_name.values()), page
        fees = [Decimal(row["BilledCost"]) for row in rows if row["ChargeCategory"] == "Purchase"]
        assert sum(fees, Decimal(0)) == Decimal((told["subscriptions"] or {"cost_usd": "0"})["cost_usd"]), page

    def some(self, answer: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """What costs something."""
        return {name: usd for name, usd in answer.items() if usd}

    def lines(self, address: str, name: str) -> dict[str, Decimal]:
        answer: Any = self.browser.get(address)
        rows = csv.DictReader(StringIO(answer.getvalue().decode()))
        return {row[name]: Decimal(row["cost_usd"]) for row in rows}

    def told(self, address: str, name: str) -> dict[str, Decimal]:
        answer: Any = self.browser.get(address)
        return {row[name]: Decimal(row["cost_usd"] or 0) for row in json.loads(answer.getvalue())["results"]}

    def shown(self, address: str) -> dict[str, Decimal]:
        table = self.browser.get(address).context.get("table")
        rows = table.rows if table else []
        named = {row.label: Decimal(row.total.exact.strip("$").replace(",", "")) for row in rows}
        return {"" if name == "(none)" else name: usd for name, usd in named.items()}


@pytest.mark.parametrize("many", [500, pytest.param(5000, marks=pytest.mark.prove)])
def test_random_questions_agree(
    many: int, ann: User, reader: HeldKey, signed_in: Callable[[User], Client], settings: Settings
) -> None:
    # This is about numbers: on a busy machine a question may take its time.
    settings.RECORD_QUESTION_MS = 60_000
    seed = random.randrange(10**9)
    with time_machine.travel(NOW, tick=False):
        asker = Asker(random.Random(seed), signed_in(ann), reader.client)
        record(*any_usages(asker.dice, 250, FIRST, NOW), key_id=reader.key.pk)
        record(*any_usages(asker.dice, 100, FIRST, NOW), key_id=None)
        subscription()
        fold_closed_days(now=NOW, at_most=25)
        record(*any_usages(asker.dice, 20, FIRST, NOW), key_id=None)
        fold_closed_days(now=NOW, at_most=2)
        laws = (asker.parts, asker.opposites, asker.compared, asker.zones)
        for number in range(many):
            law = asker.places if number % 50 == 0 else asker.dice.choice(laws)
            try:
                law()
            except AssertionError as difference:
                difference.add_note(f"seed {seed}, question {number}: {law.__doc__}")
                raise
