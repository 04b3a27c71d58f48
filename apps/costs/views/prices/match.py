"""The match test: which price a name means, and why; one name in the address, or a list of them."""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import StringIO
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from apps.access.domain.csv_cells import cell
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.usage import MAX_NAME
from apps.costs.selectors.match_test import EXAMPLE, TestedLine, match_tests
from apps.costs.selectors.match_test import match_test as tested
from apps.costs.selectors.rate_book import provider_ids
from apps.costs.views.prices.tabs import tabs

COLUMNS = (
    "provider",
    "name",
    "matched_provider",
    "matched_model",
    "why",
    "reason_code",
    "explanation",
    "price_version",
    "source",
    "source_version",
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "example_cost_usd",
)


@page(role=Role.ANALYST)
@require_safe
def match_test(request: PageRequest) -> HttpResponse:
    """One name, by the address alone, so that an answer can be sent to somebody."""
    name, provider = _typed(request.GET.get("name", "")), _typed(request.GET.get("provider", ""))
    day, wrong_day = _day(request.GET.get("on", ""))
    result = tested(provider, name, at=_instant(day)) if name else None
    context = _context(request) | {
        "name": name,
        "provider": provider,
        "on": day.isoformat() if day else "",
        "wrong_day": wrong_day,
        "result": result,
        "elsewhere": [_link(name, seller, day) for seller in result.elsewhere] if result else [],
    }
    return render(request, "prices/match.html", context)


@page(role=Role.ANALYST)
@require_http_methods(["GET", "HEAD", "POST"])
def match_list(request: PageRequest) -> HttpResponse:
    """Several names at once, as a table or as CSV. Nothing is stored."""
    text, provider = request.POST.get("names", ""), _typed(request.POST.get("provider", ""))
    names = _names(text, provider)
    limit = settings.PRICE_MATCH_MAX_NAMES
    error = ""
    if request.method == "POST" and not names:
        error = "Paste at least one name."
    elif len(names) > limit:
        error = f"{len(names)} names are too many; at most {limit} at once (BURSAR_PRICE_MATCH_MAX_NAMES)."
    lines = [] if error else match_tests(names, at=timezone.now())
    if lines and request.POST.get("format") == "csv":
        return _csv(lines)
    context = _context(request) | {"names": text, "provider": provider, "error": error, "lines": lines}
    context["priced"] = sum(line.cost_usd is not None for line in lines)
    return render(request, "prices/match_list.html", context, status=422 if error else 200)


def _context(request: PageRequest) -> dict[str, object]:
    return {"tabs": tabs("costs:match-test", request.caller), "providers": provider_ids(), "example": EXAMPLE}


def _typed(text: str) -> str:
    return text.strip()[:MAX_NAME]


def _day(text: str) -> tuple[date | None, str]:
    """The day that was typed, None for today; and the text when it is no day."""
    try:
        return (date.fromisoformat(text) if text else None), ""
    except ValueError:
        return None, text[:MAX_NAME]


def _instant(day: date | None) -> datetime:
    return timezone.now() if day is None else datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _link(name: str, provider: str, day: date | None) -> dict[str, str]:
    query = {"name": name, "provider": provider} | ({"on": day.isoformat()} if day else {})
    return {"label": provider, "url": f"{reverse('costs:match-test')}?{urlencode(query)}"}


def _names(text: str, provider: str) -> list[tuple[str, str]]:
    """The pasted lines: a name, or a provider and a name with a comma, semicolon or tab between them."""
    found = []
    for line in text.splitlines():
        first, separator, second = line.replace(";", ",").replace("\t", ",").partition(",")
        pair = (_typed(first), _typed(second)) if separator and second.strip() else (provider, _typed(first))
        if pair[1]:
            found.append(pair)
    return found


def _csv(lines: list[TestedLine]) -> HttpResponse:
    return HttpResponse(
        "".join(_written([COLUMNS, *map(_cells, lines)])),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="price-match.csv"'},
    )


def _cells(line: TestedLine) -> tuple[object, ...]:
    match, price = line.found.match, line.price
    return (
        line.sent_provider,
        line.sent_name,
        match and match.provider,
        match and match.model,
        match and match.why,
        line.found.reason,
        line.found.sentence,
        price and price.pk,
        price and price.source,
        price and price.source_version,
        price and price.input_usd_per_mtok,
        price and price.output_usd_per_mtok,
        line.cost_usd,
    )


def _written(rows: list[tuple[object, ...]]) -> Iterator[str]:
    for row in rows:
        line = StringIO(newline="")
        csv.writer(line).writerow([cell(value) for value in row])
        yield line.getvalue()
