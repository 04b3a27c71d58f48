"""The tabs above every page of routing: one list, in their order."""

from dataclasses import dataclass

from django.urls import reverse

TABS = (
    ("Tiers", "routing:tiers"),
    ("Playground", "routing:playground"),
    ("Decisions", "routing:decisions"),
    ("Providers", "routing:providers"),
    ("What-if", "routing:what-if"),
    ("Savings", "savings"),
    ("Compression", "routing:compression"),
    ("Versions", "routing:versions"),
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
