"""Recording traces: each call of them through the same ingest as `POST /api/usage`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from apps.access.domain.identity import Caller
from apps.costs.domain.traces import BadSpan, Span, record_of
from apps.costs.selectors.same_calls import Call, reported_otherwise
from apps.costs.services.ingest.reading import Window
from apps.costs.services.ingest.recording import record_usage

NEAR = timedelta(minutes=15)
TOLD = 3


@dataclass(slots=True)
class TraceResult:
    """What became of the spans of a request. `reasons` say why spans were refused, `twice` which calls came before."""

    accepted: int = 0
    duplicates: int = 0
    ignored: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """What the sender should know, in words; empty when all is well."""
        said = []
        if self.rejected:
            more = f" And {self.rejected - TOLD} more." if self.rejected > TOLD else ""
            said.append(f"{self.rejected} spans were refused: {' '.join(self.reasons[:TOLD])}{more}")
        if self.twice:
            names = ", ".join(self.twice[:TOLD])
            said.append(
                f"{len(self.twice)} calls were reported by another way too, and count twice (response ids {names})."
                " Report each call by one way only."
            )
        return " ".join(said)


def record_traces(spans: Sequence[Span], *, caller: Caller, now: datetime, window: Window, batch: int) -> TraceResult:
    """Record the calls and tool executions among the spans, in batches; safe to run again with the same spans.

    Other spans are ignored and counted. Raises django.db.Error when the database is away: batches stored until then
    are duplicates when the spans are sent again.
    """
    result = TraceResult()
    records: list[dict[str, Any]] = []
    for span in spans:
        try:
            record = record_of(span)
        except BadSpan as error:
            result.rejected += 1
            result.reasons.append(str(error))
            continue
        if record is None:
            result.ignored += 1
        else:
            records.append(_as_bound(record, span, caller))
    for start in range(0, len(records), batch):
        _record(records[start : start + batch], result, caller, now, window)
    return result


def _as_bound(record: dict[str, Any], span: Span, caller: Caller) -> dict[str, Any]:
    """A key of one agent speaks for it: the name that a library gives its service is no reason to refuse a call."""
    was_meant = any("bursar.agent" in attributes for attributes in (span.attributes, span.resource))
    if was_meant or "agent" not in record or caller.may_report_as(record["agent"]):
        return record
    return {name: value for name, value in record.items() if name != "agent"}


def _record(records: list[dict[str, Any]], result: TraceResult, caller: Caller, now: datetime, window: Window) -> None:
    recorded = record_usage(records, caller=caller, now=now, window=window)
    stored: list[Call] = []
    for one in recorded.outcomes:
        record = records[one.index]
        if one.status in ("rejected", "conflict"):
            result.rejected += 1
            result.reasons.append(f"{one.id or record['id']}: {one.errors[0].message}")
        elif one.status == "duplicate":
            result.duplicates += 1
        else:
            result.accepted += 1
            if record.get("response_id"):
                project = record.get("project") or caller.project_name or "default"
                moment = datetime.fromisoformat(record["occurred_at"]) if "occurred_at" in record else now
                stored.append(Call(project, record["id"], record["response_id"], moment))
    result.twice += reported_otherwise(stored, near=NEAR)
