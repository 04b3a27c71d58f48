"""Own prices from a file: what it would change, line by line, and all of it as one act."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller
from apps.costs.domain.own_schedule import OwnSpan, in_order
from apps.costs.domain.price_csv import LineError, PriceLine, cells, read_lines
from apps.costs.domain.price_guards import Doubt, doubts
from apps.costs.domain.price_schedule import holding, listed_only
from apps.costs.models import LanguageModel, Price, PriceChange
from apps.costs.selectors.price_history import flat_rates, model_named
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.price_book.changes import lock_book, record_change
from apps.costs.services.price_book.own import own_price_row
from apps.costs.services.price_book.rows import rate_fields
from apps.costs.services.price_book.stores import own_spans, own_state, write_own_spans

Kind = Literal["added", "changed", "ended", "unchanged"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One own price: what becomes of it. `line` is None for one that the file no longer has."""

    kind: Kind
    model: LanguageModel
    line: PriceLine | None
    standing: OwnSpan | None
    doubts: list[Doubt] = field(default_factory=list)

    @property
    def input(self) -> str:
        """The input rate of the line, as it is typed."""
        return cells(self.line.rates).get("input", "\u2013") if self.line else "\u2013"

    @property
    def output(self) -> str:
        """The output rate of the line, as it is typed."""
        return cells(self.line.rates).get("output", "\u2013") if self.line else "\u2013"


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """All differences of a file. For the models it names, the file says all own prices; others are left alone."""

    differences: list[Difference]
    errors: list[LineError]
    left_out: int

    def of(self, kind: Kind) -> list[Difference]:
        """The differences of a kind."""
        return [one for one in self.differences if one.kind == kind]

    @property
    def changes_something(self) -> bool:
        """Whether importing it would do anything."""
        return any(one.kind != "unchanged" for one in self.differences)

    @property
    def has_doubts(self) -> bool:
        """Whether a value should be looked at again."""
        return any(one.doubts for one in self.differences)


def plan_import(*, text: str, zone: ZoneInfo, now: datetime) -> ImportPlan:
    """Compare a file with the own prices that stand."""
    lines, errors, left_out = _sorted_out(text, zone)
    by_model: dict[int, list[PriceLine]] = defaultdict(list)
    models: dict[int, LanguageModel] = {}
    for line in lines:
        model = model_named(line.provider, line.model)
        if model is None:
            errors.append(LineError(line.line, f"The price book has no {line.provider}/{line.model}; make it first."))
            continue
        models[model.pk] = model
        by_model[model.pk].append(line)
    for found in by_model.values():
        errors += _overlaps(found)
    differences = [one for id, found in by_model.items() for one in _compared(models[id], found, now)]
    return ImportPlan(differences, sorted(errors, key=lambda error: error.line), left_out)


@transaction.atomic
def import_own_prices(*, caller: Caller, text: str, zone: ZoneInfo, now: datetime) -> PriceChange | None:
    """Make the file's own prices hold, as one act; None when they do already. Raises Refused for a bad line."""
    lock_book(caller)
    plan = plan_import(text=text, zone=zone, now=now)
    if plan.errors:
        first = plan.errors[0]
        raise Refused(f"Line {first.line}: {first.message} Nothing was imported.", code="bad_line", path="file")
    if not plan.changes_something:
        return None
    spans: dict[int, list[OwnSpan]] = defaultdict(list)
    for one in plan.differences:
        if one.kind == "unchanged" and one.standing:
            spans[one.model.pk].append(one.standing)
        elif one.line:
            spans[one.model.pk].append(_span(one.model, one.line, caller.actor, now))
    touched = sorted({one.model.pk for one in plan.differences if one.kind != "unchanged"})
    before = own_state(touched)
    for model_id in touched:
        write_own_spans(model_id, in_order(spans[model_id]))
    counts = ", ".join(f"{len(plan.of(kind))} {kind}" for kind in ("added", "changed", "ended") if plan.of(kind))
    words = f"Own prices of {len(touched)} model{'s' * (len(touched) != 1)} imported: {counts}"
    return record_change(caller=caller, act="price.imported", words=words, before=before, after=own_state(touched))


def _sorted_out(text: str, zone: ZoneInfo) -> tuple[list[PriceLine], list[LineError], int]:
    lines: list[PriceLine] = []
    errors: list[LineError] = []
    left_out = 0
    for one in read_lines(text, zone, settings.PRICE_IMPORT_LINES):
        if one is None:
            left_out += 1
        elif isinstance(one, LineError):
            errors.append(one)
        else:
            lines.append(one)
    return lines, errors, left_out


def _overlaps(lines: Iterable[PriceLine]) -> list[LineError]:
    found: list[LineError] = []
    seen: list[OwnSpan] = []
    for line in lines:
        span = OwnSpan(line.line, line.start, line.end, "", _NEVER)
        other = next((one for one in seen if one.overlaps(line.start, line.end)), None)
        if other:
            found.append(LineError(line.line, f"It overlaps with line {other.price_id}, of the same model."))
        seen.append(span)
    return found


_NEVER = datetime.min.replace(tzinfo=UTC)


def _compared(model: LanguageModel, lines: list[PriceLine], now: datetime) -> list[Difference]:
    standing = {span.lower: span for span in own_spans(model.pk)}
    ids = [span.price_id for span in standing.values()]
    known = dict(Price.objects.filter(id__in=ids).values_list("id", "fingerprint"))
    book = current_rate_book().prices_of(model.pk)
    version = holding(listed_only(book), now)
    listed = flat_rates(version.read_rates()) if version else {}
    found = []
    for line in lines:
        span = standing.pop(line.start, None)
        rates = rate_fields(line.rates)["fingerprint"]
        same = span is not None and (known[span.price_id], span.upper, span.note) == (rates, line.end, line.note)
        kind: Kind = "unchanged" if same else "added" if span is None else "changed"
        asked = [] if same else doubts(flat_rates(line.rates), listed)
        found.append(Difference(kind, model, line, span, asked))
    return [*found, *(Difference("ended", model, None, span) for span in standing.values())]


def _span(model: LanguageModel, line: PriceLine, actor: str, now: datetime) -> OwnSpan:
    price = own_price_row(model, line.rates, line.start)
    return OwnSpan(price.pk, line.start, line.end, actor, now, line.note)
