"""A prompt compressed by the policy in force, with what it saves."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.costs.domain import pricing
from apps.costs.domain.tokens import count, trim
from apps.routing.domain.compression import (
    LONGEST_SUMMARY,
    Compressed,
    Economy,
    SummaryRequest,
    compress,
    economy_of,
    share_kept,
)
from apps.routing.domain.policy import CompressionSettings
from apps.routing.domain.prompts import Wish, put_together
from apps.routing.selectors.catalogue import fresh_book
from apps.routing.selectors.in_force import in_force

DEFAULT_MODEL = "gpt-4o"


@dataclass(frozen=True, slots=True)
class Pressed:
    """The answer to a wish, and the economy behind it; None without a price."""

    answer: dict[str, Any]
    economy: Economy | None


def compressed(wish: Wish, *, now: datetime) -> Pressed:
    """The answer to a wish. Messages come back unchanged where compressing saves nothing, or costs more than it saves.

    Tokens are counted with the vocabulary of the model. Raises VocabularyError when texts cannot be counted.
    """
    found = in_force()
    defaults = found.policy.compression if found else CompressionSettings()
    model = wish.model or DEFAULT_MODEL
    sizes = [count(f"{one.text}{one.calls}", model) for one in wish.messages]
    before = sum(sizes)
    reduction = defaults.target_reduction if wish.target_reduction is None else wish.target_reduction
    target = wish.target_tokens if wish.target_tokens is not None else round(before * (1 - reduction))
    result = compress(
        wish.messages,
        target=target,
        keep_recent=defaults.keep_recent if wish.keep_recent is None else wish.keep_recent,
        count=lambda text: count(text, model),
        query=wish.query,
        sizes=sizes,
        summary=_short_enough(wish.summary, model),
    )
    after, prices = sum(result.sizes), _prices(wish, before, now)
    calls_ahead = wish.calls_ahead or settings.COMPRESSION_CALLS_AHEAD
    economy = _economy(result, sizes, wish, prices, calls_ahead) if prices else None
    pays = after < before and (economy is None or economy.is_worth_it)
    answer = {
        "id": uuid.uuid4().hex,
        "messages": put_together(wish.raw, wish.messages, result.texts) if pays else list(wish.raw),
        "tokens_before": before,
        "tokens_after": after if pays else before,
        "target_tokens": target,
        "target_met": (after if pays else before) <= target,
        "usd_saved": economy.saved if economy and pays else (Decimal(0) if economy else None),
        "cache_usd_lost": economy.lost if economy else None,
        "summary_usd": wish.summary_usd if wish.summary else None,
        "summary_request": _request(result.summary_request),
        "calls_ahead": calls_ahead,
        "worth_it": pays,
        "reason": _reason(before, after, economy),
        "dropped": [
            {"index": one.index, "reason": one.reason.value, "tokens": one.tokens, "names": list(one.names)}
            for one in result.dropped
            if pays
        ],
        "quality": _quality(wish, result, pays),
    }
    return Pressed(answer, economy)


def _short_enough(summary: str | None, model: str) -> str | None:
    """A summary that is longer than any that is asked for is cut; what its rest named is then told behind it."""
    share = Decimal(settings.TOKEN_TRIM_SHARE)
    return trim(summary, LONGEST_SUMMARY, model, share) if summary else summary


def _prices(wish: Wish, tokens: int, now: datetime) -> tuple[Decimal, Decimal] | None:
    """USD per million input tokens of a prompt of this size, fresh and from the cache; None without a price."""
    match = fresh_book().lookup(wish.provider, wish.model, now) if wish.provider and wish.model and tokens else None
    if match is None:
        return None
    moment = now.astimezone(UTC)
    minute = moment.hour * 60 + moment.minute
    fresh, _ = match.card.charge(tokens, 0, 0, 0, 0, 0, None, 0, 0, pricing.STANDARD, minute, 1)
    cached, _ = match.card.charge(tokens, 0, tokens, 0, 0, 0, None, 0, 0, pricing.STANDARD, minute, 1)
    if fresh is None or cached is None:
        return None
    return pricing.usd(fresh) * Decimal(10**6) / tokens, pricing.usd(cached) * Decimal(10**6) / tokens


def _economy(
    result: Compressed,
    sizes: list[int],
    wish: Wish,
    prices: tuple[Decimal, Decimal],
    calls_ahead: int,
) -> Economy:
    left = result.sizes
    first = len(sizes) if result.first_changed is None else result.first_changed
    return economy_of(
        tokens_saved=sum(sizes) - sum(left),
        kept_after_change=sum(left[first:]),
        cached_tokens=wish.cached_tokens,
        tokens_before_change=sum(sizes[:first]),
        input_usd_per_mtok=prices[0],
        cache_read_usd_per_mtok=prices[1],
        calls_ahead=calls_ahead,
        summary_usd=wish.summary_usd,
    )


def _request(found: SummaryRequest | None) -> dict[str, Any] | None:
    """What the agent may ask its own utility model, to send the answer with the same messages again."""
    if found is None:
        return None
    messages = [{"role": "user", "content": found.prompt}]
    return {"messages": messages, "max_tokens": found.max_tokens, "indexes": list(found.indexes)}


def _reason(before: int, after: int, economy: Economy | None) -> str:
    if after >= before:
        return "Nothing in these messages is said twice, written wide or left unmentioned; they come back unchanged."
    if economy is not None and not economy.is_worth_it:
        lost = (
            "The prompt cache that would be lost costs"
            if not economy.summary
            else "The lost cache and the summary cost"
        )
        return f"{lost} more than the tokens saved; the messages come back unchanged."
    return f"{before - after} tokens are saved in every call that goes on from here."


def _quality(wish: Wish, result: Compressed, pays: bool) -> dict[str, Any]:
    """How many messages changed, and the share of ids, numbers and names of the old text that still stand."""
    if not pays:
        return {"messages_changed": 0, "values_kept": 1.0}
    changed = [(one, text) for one, text in zip(wish.messages, result.texts, strict=True) if text != one.text]
    after = (f"{text}\n{one.calls}" for one, text in zip(wish.messages, result.texts, strict=True))
    return {
        "messages_changed": len(changed),
        "values_kept": round(share_kept([one.text for one, _ in changed], after), 4),
    }
