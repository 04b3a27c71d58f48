"""The first step of ingest: decoded JSON objects become valid records, or refusals that name every field."""

import contextlib
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec

from apps.costs.domain import tokens
from apps.costs.domain import usage as records
from apps.costs.domain.usage import FieldError, Usage

OTHER = frozenset(records.OTHER_TOKENS)
QUARTER_SECONDS = 900
_canonical = msgspec.json.Encoder(order="sorted").encode
_lines = msgspec.json.Encoder(order="sorted").encode_lines
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Known(Usage, frozen=True, gc=False, forbid_unknown_fields=True):
    """A record whose every field is known: what the fast path expects."""


class Unchecked(Known, frozen=True, gc=False):
    """The same, but for the pattern of its id: one look at all ids of a batch costs less than one at each."""

    id: str | None = None


# msgspec prepares a type at its first use, and two threads doing so at once crash the process: use it here, while the
# import lock lets only one thread in.
msgspec.convert([{}], list[Known])
msgspec.convert([{}], list[Unchecked])


class Row(msgspec.Struct, gc=False):
    """A valid record on its way through the steps of ingest; money in femto-dollars, None is unknown.

    Reading fills it up to `unknown`, placing adds `place`, pricing the rest.
    """

    index: int
    usage: Usage
    id: str
    id_hash: str
    fingerprint: bytes
    """The first 16 bytes of the SHA-256 of the record as sent, its keys sorted."""
    occurred_at: datetime
    input_tokens: int
    output_tokens: int
    unknown: tuple[str, ...] = ()
    place: Any = None
    other: dict[str, int] | None = None
    cost: int | None = None
    price_cost: int | None = None
    price_id: int | None = None
    cost_source: int = 0
    assumed: int = 0

    @property
    def quarter(self) -> int:
        """The quarter-hour it lies in, counted from 1970."""
        return int(self.occurred_at.timestamp()) // QUARTER_SECONDS


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was not stored, with the reasons."""

    index: int
    id: str | None
    errors: list[FieldError]


@dataclass(frozen=True, slots=True)
class Window:
    """The times a record may have. Imports pass None for both ends."""

    now: datetime
    earliest: datetime | None
    latest: datetime | None


def read(
    items: Sequence[Any], *, fields: Collection[str], window: Window, odd_text_possible: bool
) -> tuple[list[Row], list[Refused]]:
    """Split a batch into records that may be stored and refusals; one bad record touches no other.

    `fields` are those any of the records has.
    """
    has_media = not OTHER.isdisjoint(fields)
    if not (has_media or odd_text_possible):
        with contextlib.suppress(msgspec.ValidationError, RecursionError):
            usages = msgspec.convert(items, list[Unchecked])
            if hashes := _hashes([usage.id for usage in usages]):
                return _read_plainly(items, usages, hashes, window)
    found = [_judged_safely(index, raw, window, odd_text_possible, has_media) for index, raw in enumerate(items)]
    return _split(found)


def _hashes(ids: Sequence[str | None]) -> Sequence[str]:
    """What the ids of a batch are known by, "" for those the server gives; empty if any id is none."""
    sent = ids if all(ids) else [one for one in ids if one is not None]
    together = " ".join(sent) + " "  # type: ignore[arg-type]
    if together.count(" ") != len(sent):
        return ()
    if sent is ids and records.are_uuids(together):
        return sent  # type: ignore[return-value]
    if not records.are_ids(together):
        return ()
    return ["" if one is None else records.key_of(one) for one in ids]


def _read_plainly(
    items: Sequence[Any], usages: Sequence[Usage], hashes: Sequence[str], window: Window
) -> tuple[list[Row], list[Refused]]:
    """The same for a batch of which every field has its type; what is no ordinary call is still judged by itself."""
    now, earliest, latest = window.now, window.earliest or _FIRST, window.latest or _LAST
    moments = [usage.occurred_at or now for usage in usages]
    all_in_time = earliest <= min(moments) and max(moments) <= latest
    lines = _lines(items).split(b"\n")
    found: list[Row | Refused] = []
    for index, (usage, id_hash, line, moment) in enumerate(zip(usages, hashes, lines, moments, strict=False)):
        if not records.is_plain(usage) or not (all_in_time or earliest <= moment <= latest):
            found.append(_judged(index, items[index], window, False, False))
            continue
        identity = usage.id or new_id()
        digest = sha256(line).digest()[:16]
        tokens_in, tokens_out = usage.input_tokens or 0, usage.output_tokens or 0
        found.append(Row(index, usage, identity, id_hash or identity, digest, moment, tokens_in, tokens_out))
    return _split(found)


def _split(found: Sequence[Row | Refused]) -> tuple[list[Row], list[Refused]]:
    rows = [one for one in found if type(one) is Row]
    return rows, [] if len(rows) == len(found) else [one for one in found if isinstance(one, Refused)]


def _judged_safely(index: int, raw: Any, window: Window, odd_text_possible: bool, has_media: bool) -> Row | Refused:
    try:
        return _judged(index, raw, window, odd_text_possible, has_media)
    except RecursionError:
        return Refused(index, _id_of(raw), [FieldError("", "too_deep", "The record is nested too deeply.")])


def _judged(index: int, raw: Any, window: Window, odd_text_possible: bool, has_media: bool) -> Row | Refused:
    if odd_text_possible and (unstorable := records.text_error(raw)):
        return Refused(index, _id_of(raw), [unstorable])
    try:
        usage: Usage = msgspec.convert(raw, Known)
        unknown: tuple[str, ...] = ()
    except msgspec.ValidationError:
        careful = _read_carefully(raw)
        if isinstance(careful, list):
            return Refused(index, _id_of(raw), careful)
        usage, unknown = careful, tuple(sorted(raw.keys() - records.KNOWN))
    if usage.input_tokens is None or usage.output_tokens is None:
        usage = counted(usage)
    if errors := _errors(usage, window, has_media):
        return Refused(index, _id_of(raw), errors)
    identity = usage.id or new_id()
    moment, fingerprint = usage.occurred_at or window.now, sha256(_canonical(raw)).digest()[:16]
    tokens_in, tokens_out = usage.input_tokens or 0, usage.output_tokens or 0
    return Row(index, usage, identity, records.key_of(identity), fingerprint, moment, tokens_in, tokens_out, unknown)


_LOWER = (1 << 62) - 1


def new_id() -> str:
    """A UUIDv7: sorted by time, so that an id the server gives is as good as one an agent makes."""
    drawn = secrets.randbits(74)
    value = (time.time_ns() // 1_000_000) << 80 | 7 << 76 | drawn >> 62 << 64 | 2 << 62 | drawn & _LOWER
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _read_carefully(raw: Any) -> Usage | list[FieldError]:
    sent = records.without_nulls(raw)
    try:
        return records.parse(sent)
    except msgspec.ValidationError as error:
        return records.field_errors(sent) or [FieldError("", "type", f"{error}.")]


def counted(usage: Usage, *, buffer: Decimal | None = None) -> Usage:
    """The record with the counts of the texts it sent, marked as an estimate; the texts are not kept.

    `buffer` is for calls that are yet to come: counts in a vocabulary that is not the model's own are multiplied by it.
    """
    model, changes = usage.model or "", {}
    count = tokens.count if buffer is None else partial(tokens.estimate, buffer=buffer)
    if usage.input_tokens is None and usage.input_text is not None:
        changes["input_tokens"] = count(usage.input_text, model)
    if usage.output_tokens is None and usage.output_text is not None:
        changes["output_tokens"] = count(usage.output_text, model)
    return msgspec.structs.replace(usage, usage_source="estimate", **changes) if changes else usage


def _errors(usage: Usage, window: Window, has_media: bool) -> list[FieldError]:
    errors = [] if records.is_plain(usage) and not has_media else records.rule_errors(usage)
    if window.earliest is not None and window.latest is not None:
        late = records.time_error(usage, window.earliest, window.latest, window.now)
        errors = [*errors, late] if late else errors
    return errors


def _id_of(raw: Any) -> str | None:
    identity = raw.get("id") if isinstance(raw, dict) else None
    return identity if isinstance(identity, str) and records.text_error(identity) is None else None
