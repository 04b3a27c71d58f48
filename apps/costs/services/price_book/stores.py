"""What a person's act on the price book can touch, as plain JSON: read before and after, written back to undo."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from apps.costs.domain.own_schedule import OwnSpan, in_order
from apps.costs.domain.pricing.plain import rate_text
from apps.costs.models import OwnPrice, PriceAdjustment, Subscription

State = dict[str, dict[str, Any]]
"""Kind of thing → its key → how it stands; None: it is not there."""

OWN = "own_prices"
ADJUSTMENTS = "adjustments"
SUBSCRIPTIONS = "subscriptions"


def own_spans(model_id: int) -> list[OwnSpan]:
    """The own prices of a model, in order of time."""
    rows = OwnPrice.objects.filter(model_id=model_id)
    return in_order(_span(row) for row in rows)


def write_own_spans(model_id: int, spans: Sequence[OwnSpan]) -> None:
    """Make these the own prices of a model; rows that stay as they are are not touched."""
    wanted = set(spans)
    rows = list(OwnPrice.objects.filter(model_id=model_id))
    OwnPrice.objects.filter(id__in=[row.id for row in rows if _span(row) not in wanted]).delete()
    kept = {_span(row) for row in rows}
    OwnPrice.objects.bulk_create(_row(model_id, span) for span in spans if span not in kept)


def own_state(model_ids: Iterable[int]) -> State:
    """The own prices of models, as JSON."""
    return {OWN: {str(model_id): [_plain(span) for span in own_spans(model_id)] for model_id in sorted(model_ids)}}


def read_state(like: State) -> State:
    """How the things another state names stand now."""
    return {kind: {key: _READ[kind](key) for key in things} for kind, things in like.items()}


def write_state(state: State) -> None:
    """Put things back as a state has them."""
    for kind, things in state.items():
        for key, value in things.items():
            _WRITE[kind](key, value)


def model_ids_in(state: State) -> list[int]:
    """The models whose own prices a state tells of."""
    return [int(key) for key in state.get(OWN, {})]


def _span(row: OwnPrice) -> OwnSpan:
    during = row.during
    return OwnSpan(row.price_id, during.lower, during.upper, row.created_by, row.created_at, row.note)


def _row(model_id: int, span: OwnSpan) -> OwnPrice:
    return OwnPrice(
        model_id=model_id,
        price_id=span.price_id,
        during=DateTimeTZRange(span.lower, span.upper),
        note=span.note,
        created_by=span.created_by,
        created_at=span.created_at,
    )


def _plain(span: OwnSpan) -> dict[str, Any]:
    return {
        "price_id": span.price_id,
        "from": span.lower and span.lower.isoformat(),
        "until": span.upper and span.upper.isoformat(),
        "created_by": span.created_by,
        "created_at": span.created_at.isoformat(),
        "note": span.note,
    }


def _from_plain(plain: dict[str, Any]) -> OwnSpan:
    lower, upper = (plain[name] and datetime.fromisoformat(plain[name]) for name in ("from", "until"))
    created_at = datetime.fromisoformat(plain["created_at"])
    return OwnSpan(plain["price_id"], lower, upper, plain["created_by"], created_at, plain["note"])


def _read_own(key: str) -> list[dict[str, Any]]:
    return [_plain(span) for span in own_spans(int(key))]


def _write_own(key: str, value: list[dict[str, Any]]) -> None:
    write_own_spans(int(key), [_from_plain(plain) for plain in value])


def _read_adjustment(key: str) -> dict[str, Any] | None:
    row = PriceAdjustment.objects.filter(id=int(key)).first()
    if row is None:
        return None
    return {
        "provider_id": row.provider_id,
        "model_id": row.model_id,
        "percent": rate_text(row.percent),
        "from": row.during.lower and row.during.lower.isoformat(),
        "until": row.during.upper and row.during.upper.isoformat(),
        "note": row.note,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
    }


def _write_adjustment(key: str, value: dict[str, Any] | None) -> None:
    PriceAdjustment.objects.filter(id=int(key)).delete()
    if value is None:
        return
    lower, upper = (value[name] and datetime.fromisoformat(value[name]) for name in ("from", "until"))
    PriceAdjustment.objects.create(
        id=int(key),
        provider_id=value["provider_id"],
        model_id=value["model_id"],
        percent=Decimal(value["percent"]),
        during=DateTimeTZRange(lower, upper),
        note=value["note"],
        created_by=value["created_by"],
        created_at=datetime.fromisoformat(value["created_at"]),
    )


def _read_subscription(key: str) -> dict[str, Any] | None:
    row = Subscription.objects.filter(id=int(key)).first()
    if row is None:
        return None
    return {
        "provider_id": row.provider_id,
        "name": row.name,
        "fee_usd": rate_text(row.fee_usd),
        "every": row.every,
        "first_day": row.first_day.isoformat(),
        "last_day": row.last_day and row.last_day.isoformat(),
        "zone": row.zone,
        "model_ids": row.model_ids,
        "note": row.note,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
    }


def _write_subscription(key: str, value: dict[str, Any] | None) -> None:
    Subscription.objects.filter(id=int(key)).delete()
    if value is not None:
        last_day = value["last_day"] and date.fromisoformat(value["last_day"])
        typed = {
            "fee_usd": Decimal(value["fee_usd"]),
            "first_day": date.fromisoformat(value["first_day"]),
            "last_day": last_day,
            "created_at": datetime.fromisoformat(value["created_at"]),
        }
        Subscription.objects.create(id=int(key), **value | typed)


_READ: dict[str, Callable[[str], Any]] = {
    OWN: _read_own,
    ADJUSTMENTS: _read_adjustment,
    SUBSCRIPTIONS: _read_subscription,
}
_WRITE: dict[str, Callable[[str, Any], None]] = {
    OWN: _write_own,
    ADJUSTMENTS: _write_adjustment,
    SUBSCRIPTIONS: _write_subscription,
}
