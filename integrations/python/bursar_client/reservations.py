"""Money held for work that is about to happen: taken from the budgets before, settled by the records, freed after."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .about import about
from .fields import plain
from .ids import new_id
from .transport import Transport, Unreachable


class BudgetRefused(Exception):
    """A budget has not enough left. `refusal` is the server's answer: which, what is spent, when it resets."""

    def __init__(self, refusal: Mapping[str, Any]) -> None:
        super().__init__(str(refusal.get("detail") or refusal.get("reason") or "a budget refuses this"))
        self.refusal = refusal


@dataclass
class Reservation:
    """What is held. Records reported inside its `with` block settle it; the rest is freed at the end of the block.

    `id` is None when the server was away and the policy lets agents go on.
    """

    id: str | None
    amount_usd: str
    expires_at: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    project: str | None = None
    _release: Callable[[str, str | None], None] | None = None
    _about: contextlib.AbstractContextManager[None] | None = None

    @property
    def is_held(self) -> bool:
        """Whether the server holds the amount."""
        return self.id is not None

    def enter(self) -> None:
        """From here on records carry this reservation."""
        if self.id is not None:
            self._about = about(reservation_id=self.id, reservation_final=False)
            self._about.__enter__()

    def leave(self) -> None:
        """The rest is freed, after the records of the block: the release waits its turn in the spool."""
        if self._about is not None:
            self._about.__exit__(None, None, None)
            self._about = None
        if self.id is not None and self._release is not None:
            self._release(self.id, self.project)
            self._release = None


def ask_for(transport: Transport, fields: Mapping[str, Any], seconds: float) -> Reservation:
    """Reserve. Raises BudgetRefused (402) or Unreachable."""
    body = {name: plain(value) for name, value in fields.items() if value is not None}
    body.setdefault("id", new_id())
    answer = transport.ask("POST", "/api/reservations", body=body, seconds=seconds)
    raw = answer.json()
    if answer.status == 402:
        raise BudgetRefused(raw)
    if answer.status not in (200, 201) or not raw.get("id"):
        raise Unreachable(f"{answer.status}: {answer.detail}")
    amount = str(raw.get("amount_usd", body["amount_usd"]))
    return Reservation(str(raw["id"]), amount, raw.get("expires_at"), raw, body.get("project"))


def extend(transport: Transport, held: Reservation, ttl_s: int, seconds: float) -> bool:
    """Hold it for longer. Raises Unreachable."""
    body = {"ttl_s": ttl_s, **({"project": held.project} if held.project else {})}
    answer = transport.ask("POST", f"/api/reservations/{held.id}/extend", body=body, seconds=seconds)
    if answer.status >= 500 or answer.status == 429:
        raise Unreachable(f"{answer.status}: {answer.detail}")
    return answer.status in (200, 201)
