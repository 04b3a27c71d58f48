"""What every act on the price book shares: a dry run, the book it was seen with, and how its effect is told."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from apps.access.domain.errors import Conflict
from apps.costs.api import schema
from apps.costs.domain.money_format import format_money
from apps.costs.models import PriceChange
from apps.costs.selectors.price_effect import Effect
from apps.costs.selectors.rate_book import current_version
from apps.costs.services.price_book.own import Term

NAME, NOTE = 256, 500
_NUMBERS = ("records", "calls", "reported", "unpriced_before", "unpriced_after")
EFFECT = schema.record(
    **dict.fromkeys(_NUMBERS, schema.NUMBER),
    is_whole={"type": "boolean"},
    **dict.fromkeys(("before_usd", "after_usd", "change_usd"), schema.MONEY),
)
CHANGE = schema.record(
    id=schema.NUMBER,
    at=schema.MOMENT,
    actor=schema.TEXT,
    act=schema.TEXT,
    words=schema.TEXT,
    model_ids=schema.listed(schema.NUMBER),
    undoes=schema.nullable(schema.NUMBER),
)


class ActIn(serializers.Serializer[Any]):
    """`dry_run` tells what the act would change; `book_version` of that answer makes the act fail on another book."""

    dry_run = serializers.BooleanField(default=False)
    book_version = serializers.IntegerField(required=False, min_value=0, max_value=2**62)
    note = serializers.CharField(max_length=NOTE, default="", allow_blank=True)


class TermIn(ActIn):
    """Half-open; without `effective_from` it holds from now on, without `effective_until` without end."""

    effective_from = serializers.DateTimeField(required=False)
    effective_until = serializers.DateTimeField(required=False, allow_null=True, default=None)


def term_of(typed: dict[str, Any], now: datetime) -> Term:
    """The time of an act."""
    return Term(typed.get("effective_from") or now.replace(microsecond=0), typed["effective_until"])


def refuse_another_book(typed: dict[str, Any]) -> None:
    """Raises Conflict (409) when the caller has seen another book than the one that stands."""
    seen, now = typed.get("book_version"), current_version()
    if seen is not None and seen != now:
        words = f"The price book is at version {now}; you looked at {seen}. Nothing was changed: look again."
        raise Conflict(words, code="changed_meanwhile", path="book_version")


def done(typed: dict[str, Any], act: Callable[[], PriceChange | None], looked: dict[str, Any]) -> Response:
    """The answer of a dry run (200), or the act and its answer (201; 200 where nothing was to be changed)."""
    if typed["dry_run"]:
        return Response({"dry_run": True, "book_version": current_version(), "change": None, **looked})
    change = act()
    told = {"dry_run": False, "book_version": current_version(), "change": told_change(change), **looked}
    return Response(told, status=201 if change else 200)


def told_change(change: PriceChange | None) -> dict[str, Any] | None:
    """An act, as the history of the price book has it."""
    if change is None:
        return None
    names = ("at", "actor", "act", "words", "model_ids")
    return {"id": change.pk, **{name: getattr(change, name) for name in names}, "undoes": change.undoes_id}


def told_effect(effect: Effect) -> dict[str, Any]:
    """The calls of the last 30 days at the prices before and after."""
    money = {name: format_money(getattr(effect, name)) for name in ("before_usd", "after_usd", "change_usd")}
    return {**{name: getattr(effect, name) for name in _NUMBERS}, "is_whole": effect.is_whole, **money}
