"""The list of records: every page in order, whatever is filtered by, dense or sparse, towards both ends."""

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from apps.costs.models import BooksState
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.records import Page, Position, usage_page
from apps.costs.services.hours import merge_old_quarters
from tests.costs.factories import NOW, make_usage, record

START = NOW - timedelta(days=30)
QUERIES: list[dict[str, tuple[str, ...]]] = [
    {},
    {"model": ("gpt-4.1",)},
    {"model": ("rare",)},
    {"model": ("rare", "nobody"), "task_type": ("code",)},
    {"user": ("ann",)},
    {"user": ("",), "model": ("rare",)},
    {"tool": ("shell",), "task_type": ("code",)},
    {"tag:team": ("a",)},
    {"key": ("7",), "model": ("rare",)},
    {"conversation": ("c-1",)},
    {"project": ("other",)},
    {"status": ("cancelled",)},
]


def _usages() -> list[dict[str, Any]]:
    """A busy hour at the end, a busy day before it, and now and then a call in the month before."""
    dice = random.Random(5)
    hours = [dice.uniform(0, 1) for _ in range(40)] + [dice.uniform(1, 24) for _ in range(40)]
    hours += [dice.uniform(24, 720) for _ in range(70)] + [dice.uniform(300, 302) for _ in range(12)]
    # Several at one instant: their order is by id and project.
    hours += [200.0] * 4
    return [
        make_usage(
            NOW - timedelta(hours=hour),
            model=dice.choice(("gpt-4.1", "gpt-4.1", "gpt-4.1", "rare")),
            task_type=dice.choice(("code", "chat")),
            user=dice.choice((None, "ann", "bob")),
            tool=dice.choice((None, None, "shell")),
            project=dice.choice((None, None, "other")),
            conversation_id=dice.choice((None, "c-1")),
            tags=dice.choice((None, {"team": "a"}, {"team": "b"})),
            cost_usd=dice.choice((None, "0.5")),
        )
        for hour in hours
    ]


def _matches(usage: dict[str, Any], filters: Mapping[str, tuple[str, ...]]) -> bool:
    usual = {"project": "default", "status": "ok", "key": "7"}
    told = {**usual, **usage, "conversation": usage.get("conversation_id"), **_tags(usage)}
    return all((told.get(name) or "") in values for name, values in filters.items())


def _tags(usage: dict[str, Any]) -> dict[str, str]:
    return {f"tag:{name}": value for name, value in usage.get("tags", {}).items()}


def _ids(page: Page) -> list[str]:
    return [one["id"] for one in page.records]


def _position(record: dict[str, Any]) -> Position:
    return record["occurred_at"], record["id"], record["project"]


def _walk(query: UsageQuery, limit: int, **more: Any) -> list[Page]:
    """All pages from the newest on."""
    pages = [usage_page(query, limit=limit, **more)]
    while pages[-1].has_older:
        pages.append(usage_page(query, limit=limit, older_than=_position(pages[-1].records[-1]), **more))
    return pages


def _check(usages: list[dict[str, Any]], filters: Mapping[str, tuple[str, ...]]) -> None:
    expected = sorted(
        (usage for usage in usages if _matches(usage, filters)),
        key=lambda usage: (usage["occurred_at"], usage["id"]),
        reverse=True,
    )
    query = UsageQuery(START, NOW, filters=filters)
    pages = _walk(query, 7)
    assert [identity for page in pages for identity in _ids(page)] == [usage["id"] for usage in expected], filters
    for newer, older in zip(pages, pages[1:], strict=False):
        back = usage_page(query, limit=7, newer_than=_position(older.records[0]))
        assert (_ids(back), back.has_newer) == (_ids(newer), newer is not pages[0]), filters


@pytest.mark.django_db
def test_pages_hold_every_record_once_in_order() -> None:
    usages = _usages()
    record(*usages)
    for filters in QUERIES:
        _check(usages, filters)
    unpriced = {usage["id"] for usage in usages if "cost_usd" not in usage}
    listed = [identity for page in _walk(UsageQuery(START, NOW), 9, unpriced=True) for identity in _ids(page)]
    assert len(listed) == len(unpriced)
    assert set(listed) == unpriced


@pytest.mark.django_db
def test_pages_are_the_same_while_quarters_become_hours(settings: Any) -> None:
    usages = _usages()
    record(*usages)
    settings.QUARTERS_KEPT_DAYS = 3
    assert not merge_old_quarters(now=NOW).merged, "only announced"
    for merge in (False, True):
        if merge:
            BooksState.objects.update(hours_until_set_at=START)
            assert merge_old_quarters(now=NOW).merged
        for filters in ({"user": ("ann",)}, {"model": ("rare",)}):
            _check(usages, filters)


@pytest.mark.django_db
def test_what_lies_ahead_of_the_clock_is_listed_in_its_place() -> None:
    """The range of today ends later, and clocks that run ahead report for then."""
    usages = _usages()
    record(*usages)
    with time_machine.travel(NOW - timedelta(hours=20), tick=False):
        for filters in ({}, {"model": ("rare",)}, {"user": ("ann",)}):
            _check(usages, filters)
