"""Compresses, and keeps the figures of what was worth it: calls that name the compression are measured by them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.access.domain.identity import Caller
from apps.costs.domain import pricing
from apps.routing.domain.prompts import Wish
from apps.routing.models import Compression
from apps.routing.selectors.compressions import compressed


def compress(*, caller: Caller, wish: Wish, now: datetime) -> dict[str, Any]:
    """The answer to a wish. Sent twice it is two compressions, of which one has no calls and counts nowhere.

    Calls that name one which builds on an earlier one save what both took out.
    """
    pressed = compressed(wish, now=now)
    answer, economy = pressed.answer, pressed.economy
    if answer["worth_it"]:
        taken = answer["tokens_before"] - answer["tokens_after"]
        earlier = _taken_before(caller, wish)
        Compression.objects.create(
            compression_id=answer["id"],
            created_at=now,
            project_id=caller.project_id,
            provider=wish.provider,
            model=wish.model,
            tokens_before=answer["tokens_before"] + earlier,
            tokens_after=answer["tokens_after"],
            usd_saved_per_call=_per_call(economy.per_call, taken, earlier) if economy else None,
            usd_lost=economy.lost + economy.summary if economy else None,
        )
    return answer


def _taken_before(caller: Caller, wish: Wish) -> int:
    """The tokens that the compression it builds on had taken out; none where that one is unknown, or another's."""
    if not wish.builds_on:
        return 0
    found = Compression.objects.filter(compression_id=wish.builds_on, project_id=caller.project_id).first()
    return found.tokens_before - found.tokens_after if found else 0


def _per_call(usd: Decimal, taken: int, earlier: int) -> Decimal:
    """What a call saves by all that was taken out, what went earlier at the mean rate of what goes now."""
    return pricing.usd(int(usd.scaleb(15)) * (taken + earlier) // taken) if taken and earlier else usd
