"""What the address of the list of conversations says beyond that of every reading page: outcome and order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from apps.costs.selectors.conversations import Order, Verdict
from controlplane import viewstate
from controlplane.viewstate import ViewState

PATH = "/c"
ORDERS = {Order.COST: "Dearest first", Order.NEWEST: "Newest first"}
VERDICTS = {None: "All", Verdict.SUCCEEDED: "Succeeded", Verdict.FAILED: "Failed", Verdict.UNKNOWN: "Not judged"}


@dataclass(frozen=True, slots=True)
class Listed:
    """One state of the list; `view` is what it shares with other reading pages, its `own` says the rest."""

    view: ViewState
    order: Order = Order.COST
    verdict: Verdict | None = None

    @property
    def title(self) -> str:
        """What it lists, in words."""
        which = f"{VERDICTS[self.verdict]} conversations" if self.verdict else "Conversations"
        return f"{which}, {ORDERS[self.order].lower()}"

    def but(self, *, order: Order | None = None, verdict: Verdict | None) -> ViewState:
        """The view with another order or verdict."""
        return replace(self.view, own=_own(order or self.order, verdict))


def _own(order: Order, verdict: Verdict | None) -> tuple[tuple[str, str], ...]:
    pairs = (("outcome", verdict or ""), ("sort", "" if order is Order.COST else order.value))
    return tuple((name, str(value)) for name, value in pairs if value)


def read(parameters: Mapping[str, Sequence[str]], zone: ZoneInfo) -> tuple[Listed, list[str]]:
    """The state an address names, and a notice for each thing in it that was not understood."""
    given = {name: values[-1] for name, values in parameters.items() if values}
    view, notices = viewstate.read(viewstate.with_added_filter(parameters), zone, path=PATH, beyond=True)
    order, verdict = given.get("sort", Order.COST), given.get("outcome", "")
    if order not in set(Order):
        notices.append(f"Cannot sort by \u201c{order[:40]}\u201d; the dearest come first.")
    if verdict and verdict not in set(Verdict):
        notices.append(f"The outcome \u201c{verdict[:40]}\u201d is not known; all are shown.")
    known = Order(order) if order in set(Order) else Order.COST
    outcome = Verdict(verdict) if verdict in set(Verdict) else None
    return Listed(replace(view, own=_own(known, outcome)), known, outcome), notices
