"""The first page of the price book: every model, what it costs now and what it did cost lately."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, tell_unknown
from apps.costs.selectors.price_table import ModelRow
from apps.costs.selectors.price_table import price_table as read_table
from apps.costs.views.prices.previewing import may_change
from apps.costs.views.prices.tabs import tabs

PAGE_SIZE = 50
DEFAULT_SORT = "-cost"
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_UNKNOWN = Decimal(-1)

_SORTS: dict[str, tuple[str, Callable[[ModelRow], Any]]] = {
    "name": ("Model", lambda row: row.name.lower()),
    "provider": ("Provider", lambda row: row.provider),
    "input": ("Input", lambda row: _UNKNOWN if row.input_usd_per_mtok is None else row.input_usd_per_mtok),
    "output": ("Output", lambda row: _UNKNOWN if row.output_usd_per_mtok is None else row.output_usd_per_mtok),
    "source": ("Source", lambda row: row.source),
    "since": ("Since", lambda row: row.since or _BEGINNING),
    "calls": ("Calls", lambda row: row.use.calls),
    "cost": ("Cost", lambda row: row.use.cost_usd),
}
NUMBERS = ("input", "output", "calls", "cost")


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column: a link that sorts by it, or turns the order round."""

    name: str
    label: str
    url: str
    order: str
    is_number: bool


@page(role=Role.ANALYST)
@require_safe
def price_table(request: PageRequest) -> HttpResponse:
    """Models by what they cost lately, or as the address says; found by any part of provider and name."""
    tell_unknown(request, ("q", "sort", "page"))
    typed = request.GET.get("q", "")[:128].strip()
    sort = request.GET.get("sort", DEFAULT_SORT)
    sort = sort if sort.removeprefix("-") in _SORTS else DEFAULT_SORT
    every = read_table(now=timezone.now(), project_ids=request.caller.project_ids)
    rows = _sorted([row for row in every if _is_meant(row, typed)], sort, usual=_usual(every))
    found = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "tabs": tabs("costs:prices", request.caller),
        "page": found,
        "q": typed,
        "sort": sort,
        "headings": [_heading(name, sort, typed) for name in _SORTS],
        "count": len(every),
        "may_change": may_change(request),
        "page_link": _link(typed, sort),
    }
    return render(request, "prices/prices.html", context)


def _is_meant(row: ModelRow, typed: str) -> bool:
    text = f"{row.provider}/{row.name}".lower()
    return all(word in text for word in typed.lower().split())


def _usual(rows: Sequence[ModelRow]) -> dict[int, int]:
    """The place of each model, by its id, where nothing else tells them apart, as it does not where nobody used any.

    Those with a price come first, of them those of providers in use; then each name once, those that most providers
    sell first, by the provider that sells the fewest: who makes a model sells few others. Then the rest.
    """
    in_use = {row.provider for row in rows if row.use.calls}
    sold = Counter(row.provider for row in rows)
    sellers = Counter(name for _, name in {(row.provider, _bare(row.name)) for row in rows})
    known = sorted(rows, key=lambda row: (-sellers[_bare(row.name)], _bare(row.name), sold[row.provider], row.provider))
    firsts = {_bare(row.name): row.id for row in reversed(known)}
    ordered = sorted(
        known,
        key=lambda row: (not row.source, row.provider not in in_use, firsts[_bare(row.name)] != row.id),
    )
    return {row.id: place for place, row in enumerate(ordered)}


def _bare(name: str) -> str:
    """A model's name, whatever a provider puts before it."""
    return name.rpartition("/")[2].lower()


def _sorted(rows: list[ModelRow], sort: str, *, usual: Mapping[int, int]) -> list[ModelRow]:
    rows = sorted(rows, key=lambda row: usual[row.id])
    return sorted(rows, key=_SORTS[sort.removeprefix("-")][1], reverse=sort.startswith("-"))


def _heading(name: str, sort: str, typed: str) -> Heading:
    is_number = name in NUMBERS
    now = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    first = f"-{name}" if is_number or name == "since" else name
    other = name if sort.startswith("-") else f"-{name}"
    return Heading(name, _SORTS[name][0], _link(typed, other if now else first), now, is_number)


def _link(typed: str, sort: str) -> str:
    pairs = {"q": typed, "sort": "" if sort == DEFAULT_SORT else sort}
    query = urlencode({name: value for name, value in pairs.items() if value})
    return f"{reverse('costs:prices')}?{query}"
