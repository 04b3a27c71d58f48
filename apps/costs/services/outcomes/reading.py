"""The first step of recording outcomes: decoded JSON objects become valid outcomes, or refusals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from django.conf import settings

from apps.costs.domain import outcomes
from apps.costs.domain.outcomes import SentOutcome
from apps.costs.domain.usage import FieldError, field_errors, text_error
from apps.costs.services.ingest.reading import new_id

_canonical = msgspec.json.Encoder(order="sorted").encode


@dataclass(slots=True)
class Judged:
    """One outcome on its way: `errors` refuse it; `project_id` is filled when it is placed."""

    index: int
    id: str | None
    sent: SentOutcome = field(default_factory=SentOutcome)
    fingerprint: str = ""
    occurred_at: datetime | None = None
    errors: list[FieldError] = field(default_factory=list)
    unknown: tuple[str, ...] = ()
    project_id: int = 0


def read(items: Sequence[Any], *, now: datetime) -> list[Judged]:
    """Every outcome of a batch, those that may not be stored with the reasons.

    One without a time of its own gets the server's; of two in a batch, the later one in the list is the newer.
    """
    latest = now + timedelta(seconds=settings.INGEST_FUTURE_SECONDS)
    return [_read(index, raw, now + timedelta(microseconds=index), latest) for index, raw in enumerate(items)]


def _read(index: int, raw: Any, moment: datetime, latest: datetime) -> Judged:
    try:
        if odd := text_error(raw):
            return Judged(index, _id_of(raw), errors=[odd])
        sent = msgspec.convert(raw, SentOutcome)
    except RecursionError:
        return Judged(index, _id_of(raw), errors=[FieldError("", "too_deep", "The outcome is nested too deeply.")])
    except msgspec.ValidationError as error:
        errors = field_errors(raw, outcomes.FIELDS, what="An outcome")
        return Judged(index, _id_of(raw), errors=errors or [FieldError("", "type", f"{error}.")])
    return Judged(
        index,
        sent.id or new_id(),
        sent,
        sha256(_canonical(raw)).hexdigest()[:32],
        sent.occurred_at or moment,
        outcomes.rule_errors(sent, latest=latest),
        tuple(sorted(raw.keys() - outcomes.KNOWN)),
    )


def _id_of(raw: Any) -> str | None:
    identity = raw.get("id") if isinstance(raw, dict) else None
    return identity if isinstance(identity, str) and text_error(identity) is None else None
