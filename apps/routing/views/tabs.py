"""The tabs above every page of routing: one list, in their order."""

from dataclasses import dataclass

from django.urls import reverse

from apps.access.domain.identity import Caller
from apps.access.pages import lowest_role

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


def tabs(here: str, caller: Caller) -> list[Tab]:
    """Those of the row of tabs that one may open; `here` is the name of the tab's own address, also for pages below."""
    return [Tab(label, reverse(name), name == here) for label, name in TABS if caller.has_role(lowest_role(name))]
