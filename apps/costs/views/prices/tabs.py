"""The tabs above every page of the price book: one list, in their order."""

from dataclasses import dataclass

from django.urls import reverse

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


@dataclass(frozen=True, slots=True)
class Tab:
    """A link of the row of tabs."""

    label: str
    url: str
    here: bool


def tabs(here: str) -> list[Tab]:
    """The row of tabs; `here` is the name of the tab's own address, also for pages below it."""
    return [Tab(label, reverse(name), name == here) for label, name in TABS]
