"""Own prices of one model over time: half-open spans that never overlap, changed by laying one over the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OwnSpan:
    """An own price holds in [lower, upper); None is the beginning of time, and no end."""

    price_id: int
    lower: datetime | None
    upper: datetime | None
    created_by: str
    created_at: datetime
    note: str = ""

    def overlaps(self, lower: datetime | None, upper: datetime | None) -> bool:
        """Whether any instant lies in both."""
        return (self.lower or _FIRST) < (upper or _LAST) and (lower or _FIRST) < (self.upper or _LAST)


def cleared(spans: Iterable[OwnSpan], lower: datetime | None, upper: datetime | None) -> list[OwnSpan]:
    """The spans with [lower, upper) taken out of them, in order of time."""
    left: list[OwnSpan] = []
    for span in spans:
        if not span.overlaps(lower, upper):
            left.append(span)
            continue
        if lower is not None and (span.lower or _FIRST) < lower:
            left.append(replace(span, upper=lower))
        if upper is not None and upper < (span.upper or _LAST):
            left.append(replace(span, lower=upper))
    return in_order(left)


def laid_over(spans: Iterable[OwnSpan], new: OwnSpan) -> list[OwnSpan]:
    """The spans with a new one on top: what it covers of the others is taken out of them."""
    return in_order([*cleared(spans, new.lower, new.upper), new])


def in_order(spans: Iterable[OwnSpan]) -> list[OwnSpan]:
    """The spans by their start."""
    return sorted(spans, key=lambda span: span.lower or _FIRST)


def span_at(spans: Sequence[OwnSpan], at: datetime) -> OwnSpan | None:
    """The span that holds at an instant."""
    return next((span for span in spans if (span.lower or _FIRST) <= at < (span.upper or _LAST)), None)
