"""Compresses, and keeps the figures of what was worth it: calls that name the compression are measured by them."""

from datetime import datetime
from typing import Any

from apps.access.domain.identity import Caller
from apps.routing.domain.prompts import Wish
from apps.routing.models import Compression
from apps.routing.selectors.compressions import compressed


def compress(*, caller: Caller, wish: Wish, now: datetime) -> dict[str, Any]:
    """The answer to a wish. Sent twice it is two compressions, of which one has no calls and counts nowhere."""
    pressed = compressed(wish, now=now)
    answer, economy = pressed.answer, pressed.economy
    if answer["worth_it"]:
        Compression.objects.create(
            compression_id=answer["id"],
            created_at=now,
            project_id=caller.project_id,
            provider=wish.provider,
            model=wish.model,
            tokens_before=answer["tokens_before"],
            tokens_after=answer["tokens_after"],
            usd_saved_per_call=economy.per_call if economy else None,
            usd_lost=economy.lost + economy.summary if economy else None,
        )
    return answer
