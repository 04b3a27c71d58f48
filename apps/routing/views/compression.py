"""Compression: how compressed calls did beside others of their task type, and what they saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.selectors.metrics import BadQuery
from apps.routing.domain.comparing import Difference, Share, Verdict
from apps.routing.selectors.compared import Compared, Did, compared_lately
from apps.routing.views.tabs import tabs

WORDS: dict[Verdict, str] = {
    "higher": "higher",
    "lower": "lower",
    "no_difference_seen": "no difference seen",
    "too_few": "too few to say",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A share or a difference as it is read, and its badge; "" without one."""

    value: str
    note: str
    words: str = ""
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One side of a task type, or the difference of both (`calls` is None)."""

    name: str
    calls: int | None
    cells: Sequence[Shown]


@dataclass(frozen=True, slots=True)
class Group:
    """One task type."""

    task_type: str
    rows: Sequence[Row]
    compared: Compared


@page(role=Role.ANALYST)
@require_safe
def compression(request: PageRequest) -> HttpResponse:
    """The last 30 days by task type."""
    found: list[Compared] = []
    refusal = ""
    try:
        found = compared_lately(now=timezone.now(), project_ids=request.caller.project_ids)
    except BadQuery as error:
        refusal = error.message
    context = {
        "tabs": tabs("routing:compression", request.caller),
        "groups": [_group(one) for one in found],
        "refusal": refusal,
        "calls": sum(one.compressed.calls for one in found),
        "other_calls": sum(one.uncompressed.calls for one in found),
        "known_calls": sum(one.known_calls for one in found),
        "unknown_calls": sum(one.unknown_calls for one in found),
        "tokens_before": sum(one.tokens_before for one in found),
        "tokens_saved": sum(one.tokens_saved for one in found),
        "saved_usd": sum((one.saved_usd for one in found), Decimal(0)),
        "lost_usd": sum((one.lost_usd for one in found), Decimal(0)),
        "net_usd": sum((one.net_usd for one in found), Decimal(0)),
    }
    return render(request, "routing/compression.html", context)


def _group(one: Compared) -> Group:
    differences = [
        _difference(one.success, good="higher"),
        _difference(one.errors, good="lower"),
        _difference(one.retries, good="lower"),
    ]
    rows = [
        _side("Compressed", one.compressed),
        _side("Not compressed", one.uncompressed),
        Row("Difference", None, differences),
    ]
    return Group(one.task_type, rows, one)


def _side(name: str, did: Did) -> Row:
    return Row(name, did.calls, [_share(share) for share in (did.success, did.errors, did.retries)])


def _share(share: Share) -> Shown:
    if share.value is None or share.interval is None:
        return Shown("–", "n = 0")
    low, high = share.interval
    return Shown(f"{share.value:.1%}", f"{low * 100:.1f} to {high * 100:.1f}, n = {share.n:,}")


def _difference(found: Difference, *, good: Verdict) -> Shown:
    words = WORDS[found.verdict]
    if found.value is None or found.interval is None:
        return Shown("–", "", words)
    low, high = (_points(end) for end in found.interval)
    badge = {"higher": "danger", "lower": "danger", good: "ok"}.get(found.verdict, "")
    return Shown(f"{_points(found.value)} points", f"{low} to {high}", words, badge)


def _points(value: float) -> str:
    return f"{value * 100:+.1f}".replace("-", "−")
