"""Which pages have states that can be saved: each is read, and put into words, by its own page's rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from apps.costs.domain.periods import LABELS, days_words
from controlplane import viewstate
from controlplane.conversations import state as conversations
from controlplane.explore import state as explore
from controlplane.viewstate import ViewState, dimension_name, filter_words

Parameters = Mapping[str, Sequence[str]]
RECORDS = f"{explore.PATH}/records"


@dataclass(frozen=True, slots=True)
class Seen:
    """One state of a page: what it shares with all reading pages, and what it shows in words."""

    state: ViewState
    title: str

    @property
    def query(self) -> str:
        """Its canonical query string."""
        return urlsplit(self.state.url()).query

    @property
    def words(self) -> str:
        """What it shows: "Spend by agent, last 7 days; Project: support"."""
        choice = self.state.choice
        named = LABELS.get(choice.preset)
        period = (
            named.lower() if named else days_words(choice.first, choice.last) if choice.first and choice.last else ""
        )
        filters = [filter_words(name, value) for name, values in self.state.filters for value in values]
        return "; ".join([f"{self.title}, {period}", *filters])


def _overview(given: Parameters, zone: ZoneInfo) -> Seen:
    state, _ = viewstate.read(given, zone)
    return Seen(state, f"Spend by {dimension_name(state.group).lower()}")


def _explore(given: Parameters, zone: ZoneInfo) -> Seen:
    state, _ = explore.read(given, zone)
    return Seen(state.view, state.title)


def _records(given: Parameters, zone: ZoneInfo) -> Seen:
    state, _ = explore.read(given, zone)
    return Seen(replace(state.view, path=RECORDS), "Records")


def _conversations(given: Parameters, zone: ZoneInfo) -> Seen:
    state, _ = conversations.read(given, zone)
    return Seen(state.view, state.title)


@dataclass(frozen=True, slots=True)
class Kind:
    """A page whose states can be saved."""

    label: str
    read: Callable[[Parameters, ZoneInfo], Seen]


KINDS: dict[str, Kind] = {
    "/": Kind("Overview", _overview),
    explore.PATH: Kind("Explore", _explore),
    RECORDS: Kind("Records", _records),
    conversations.PATH: Kind("Conversations", _conversations),
}


def seen(url: str, zone: ZoneInfo) -> Seen | None:
    """The state an address of this installation names; None if it is not a page whose states can be saved."""
    try:
        parts = urlsplit(url.replace("\0", ""))
        given = parse_qs(parts.query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return None
    kind = KINDS.get(parts.path)
    return None if kind is None or parts.netloc or parts.scheme else kind.read(given, zone)
