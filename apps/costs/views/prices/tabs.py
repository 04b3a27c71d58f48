"""The tabs above every page of the price book: one list, in their order."""

from dataclasses import dataclass

from django.urls import reverse

from apps.access.domain.identity import Caller
from apps.access.pages import lowest_role

TABS = (
    ("Prices", "costs:prices"),
    ("Discounts", "costs:adjustments"),
    ("Subscriptions", "costs:subscriptions"),
    ("Match test", "costs:match-test"),
    ("Unpriced", "costs:unpriced"),
    ("Re-rating", "costs:rerates"),
    ("Lists", "costs:price-lists"),
    ("Disagreements", "costs:price-disagreements"),
    ("Invoices", "costs:invoices"),
)

OF_EVERY_PROJECT = ("costs:invoices",)
"""Closed to people who see only some projects."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A link of the row of tabs."""

    label: str
    url: str
    here: bool


def tabs(here: str, caller: Caller) -> list[Tab]:
    """Those of the row of tabs that one may open; `here` is the name of the tab's own address, also for pages below."""
    open_to = [(label, name) for label, name in TABS if caller.has_role(lowest_role(name))]
    shown = [(label, name) for label, name in open_to if caller.project_ids is None or name not in OF_EVERY_PROJECT]
    return [Tab(label, reverse(name), name == here) for label, name in shown]
