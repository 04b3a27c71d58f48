"""Importing a file through the same ingest as the API: read, move in time, store in batches, remember the place."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import Any

from django.utils import timezone

from apps.access.domain.errors import Refused
from apps.access.domain.identity import ALL_SCOPES, Caller
from apps.access.selectors.places import project_id_of
from apps.access.services import audit
from apps.costs.domain import tokens
from apps.costs.domain.importing import FORMATS, BadFile, Format, Item, LeftOut, Options, Read, Unreadable
from apps.costs.models import ImportRun, ImportStatus
from apps.costs.selectors.imports import stored_ids, stored_otherwise, stored_usage
from apps.costs.services.imports.preview import previewed
from apps.costs.services.imports.report import Report
from apps.costs.services.imports.source import Source
from apps.costs.services.ingest import Outcome, record_usage

BATCH = 1000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
HASH_SHOWN = 24
CALLER = Caller(
    kind="person",
    actor="command import_usage",
    key_id=None,
    user_id=None,
    scopes=ALL_SCOPES,
    role=None,
    project_ids=None,
)

Progress = Callable[[int, float], None]
"""Told now and then: rows read so far, and the share of the file they are, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for. `start` is when the first event of the file shall have happened."""

    path: Path
    format: str
    project: str = "default"
    provider: str = ""
    model: str = ""
    agent: str = ""
    start: datetime | None = None
    shift_to_now: bool = False
    keep_costs: bool = True
    limit: int | None = None
    dry_run: bool = False
    again: bool = False

    def options(self) -> dict[str, Any]:
        """The part of it that decides what records look like, as JSON."""
        names = ("provider", "model", "agent", "start", "shift_to_now", "keep_costs")
        return json.loads(json.dumps({name: asdict(self)[name] for name in names}, default=str))  # type: ignore[no-any-return]


def import_file(wanted: Wanted, *, progress: Progress = lambda rows, share: None) -> Report:
    """Import one file. Running it again, or after it was killed, stores nothing twice.

    Raises Refused when the options do not fit the format, BadFile when the file cannot be read at all, OSError when
    it cannot be opened, django.db.Error when the database is away: what was committed until then stays.
    """
    source, kind = Source(wanted.path), _format(wanted)
    run = _run(wanted, source, source.digest())
    if run.moved_by is None:
        _settle_move(run, _moved_by(wanted, source, kind))
    source.check()
    work = _Import(wanted, kind, run, Report(source.name, wanted.project, wanted.dry_run), source.check)
    try:
        with source.text() as stream:
            work.go(kind.read(stream, _options(wanted, kind)), lambda rows: progress(rows, source.share_read()))
    except BadFile as error:
        work.fail(str(error))
    except KeyboardInterrupt:
        # What was stored until then stays, so it is noted as well.
        work.note()
        raise
    return work.finish()


class _Import:
    """One run of an import: its batch, its report and the row that remembers how far it is."""

    def __init__(self, wanted: Wanted, kind: Format, run: ImportRun, report: Report, check: Callable[[], None]) -> None:
        self.wanted, self.run, self.report, self.check = wanted, run, report, check
        self.prefix = f"{kind.name}:{run.file_hash[:HASH_SHOWN]}:"
        self.rows_done = 0 if wanted.again else _trusted_position(run)
        self.moved_by = run.moved_by or timedelta()
        self.latest = timezone.now() + AHEAD
        self.batch: list[Read] = []

    def go(self, items: Iterator[Item], progress: Callable[[int], None]) -> None:
        """Take every row; rows that were committed before are only counted."""
        limit = self.wanted.limit
        for item in items if limit is None else takewhile(lambda one: one.row <= limit, items):
            self.report.rows = item.row
            self._take(item)
            if len(self.batch) == BATCH:
                self._store()
                progress(item.row)
        self._store()
        progress(self.report.rows)

    def fail(self, message: str) -> None:
        """Keep what was read until the damage, and say what it is."""
        self.report.error = message
        try:
            self._store()
        except BadFile as error:
            self.report.error = str(error)

    def finish(self) -> Report:
        """Close the run, note it in the audit log, and add up what is stored of the file."""
        report, wanted = self.report, self.wanted
        if not wanted.dry_run:
            if report.error:
                _save(self.run, status=ImportStatus.FAILED, error=report.error)
            elif wanted.limit is None:
                _save(self.run, status=ImportStatus.FINISHED, error="")
            self.note()
        project_id = project_id_of(wanted.project)
        if project_id is not None and report.first_at and report.last_at:
            report.in_bursar = stored_usage(
                self.prefix, project_id=project_id, first_at=report.first_at, last_at=report.last_at
            )
        return report

    def note(self) -> None:
        """Write down in the audit log what this run stored."""
        if not self.wanted.dry_run and (self.report.calls or self.report.tool_executions):
            audit.record(caller=CALLER, action="usage.imported", obj=self.run, after=_told(self.report))

    def _take(self, item: Item) -> None:
        if isinstance(item, LeftOut):
            self.report.note_left_out(item)
        elif isinstance(item, Unreadable):
            self.report.note_unreadable(item)
        else:
            at = item.at + self.moved_by
            if not EARLIEST <= at <= self.latest:
                message = f"The time {at:%Y-%m-%dT%H:%M:%SZ} is before 2000 or in the future."
                self.report.note_unreadable(Unreadable(item.row, "time", message))
                return
            self.report.note_time(at)
            if item.row <= self.rows_done:
                self.report.already_done += 1
            else:
                self.batch.append(Read(item.row, at, item.record))

    def _store(self) -> None:
        if not self.batch:
            return
        self.check()
        batch, self.batch = self.batch, []
        records = [self._record(item) for item in batch]
        elsewhere = stored_otherwise(
            [(one["id"], _source_id(one), item.at) for one, item in zip(records, batch, strict=True)],
            project_id=project_id_of(self.wanted.project),
        )
        self.report.elsewhere += len(elsewhere)
        new = [(item, one) for item, one in zip(batch, records, strict=True) if one["id"] not in elsewhere]
        for outcome in self._outcomes([one for _, one in new]) if new else ():
            self.report.note_outcome(new[outcome.index][0], outcome)
        if new and not self.wanted.dry_run:
            _save(self.run, rows_done=batch[-1].row, last_id=new[-1][1]["id"])

    def _outcomes(self, records: list[dict[str, Any]]) -> Sequence[Outcome]:
        if self.wanted.dry_run:
            return previewed(records, project=self.wanted.project)
        return record_usage(records, caller=CALLER, now=timezone.now()).outcomes

    def _record(self, item: Read) -> dict[str, Any]:
        return {
            "id": f"{self.prefix}{item.row}",
            "project": self.wanted.project,
            "occurred_at": item.at.isoformat(),
            **item.record,
        }


def _format(wanted: Wanted) -> Format:
    kind = FORMATS[wanted.format]
    if not (kind.names_model or (wanted.provider and wanted.model) or kind.default_model):
        raise Refused(f"A {kind.name} file names no model: give --provider and --model.", code="required", path="model")
    if wanted.start and wanted.shift_to_now:
        raise Refused("Give --start or --shift-to-now, not both.", code="conflict", path="start")
    if not (kind.is_dated or wanted.start or wanted.shift_to_now):
        message = f"A {kind.name} file has no dates: give --start, or --shift-to-now."
        raise Refused(message, code="required", path="start")
    if wanted.start and not EARLIEST <= wanted.start <= timezone.now() + AHEAD:
        raise Refused("--start has to lie between the year 2000 and now.", code="range", path="start")
    return kind


def _options(wanted: Wanted, kind: Format, *, count: bool = True) -> Options:
    counted = partial(tokens.count, model=kind.counts_like) if count and kind.counts_like else _uncounted
    provider, model = wanted.provider or kind.default_provider, wanted.model or kind.default_model
    return Options(counted, provider, model, wanted.agent, wanted.keep_costs)


def _uncounted(text: str) -> int:
    return 0


def _run(wanted: Wanted, source: Source, digest: str) -> ImportRun:
    options = wanted.options()
    known = {
        "file_hash": digest,
        "format": wanted.format,
        "project": wanted.project,
        "options_hash": sha256(json.dumps(options, sort_keys=True).encode()).hexdigest(),
    }
    if wanted.dry_run:
        return ImportRun.objects.filter(**known).first() or ImportRun(**known)
    return ImportRun.objects.get_or_create(**known, defaults={"file_name": source.name, "options": options})[0]


def _moved_by(wanted: Wanted, source: Source, kind: Format) -> timedelta:
    """How far the times of the file have to move so that its first event is at the start, or its last just now."""
    if not (wanted.start or wanted.shift_to_now):
        return timedelta()
    with source.text() as stream:
        items = kind.read(stream, _options(wanted, kind, count=False))
        earliest, latest = _bounds(item.at for item in items if isinstance(item, Read))
    if earliest is None or latest is None:
        return timedelta()
    return wanted.start - earliest if wanted.start else timezone.now().replace(microsecond=0) - latest


def _settle_move(run: ImportRun, moved_by: timedelta) -> None:
    """Keep how far the file moves; of two imports that begin at once, the first one to know decides for both."""
    if run.pk is None:
        run.moved_by = moved_by
        return
    ImportRun.objects.filter(pk=run.pk, moved_by=None).update(moved_by=moved_by)
    run.refresh_from_db(fields=["moved_by"])


def _bounds(times: Iterator[datetime]) -> tuple[datetime | None, datetime | None]:
    earliest = latest = None
    for at in times:
        earliest, latest = min(earliest or at, at), max(latest or at, at)
    return earliest, latest


def _trusted_position(run: ImportRun) -> int:
    """The rows that need not be sent again: none when the last of them is not stored, for example after a removal."""
    project_id = project_id_of(run.project)
    if not run.last_id or project_id is None or not stored_ids([run.last_id], project_id=project_id):
        return 0
    return run.rows_done


def _source_id(record: dict[str, Any]) -> str | None:
    """The id by which the source knows a call, whatever file it is exported to."""
    return record.get("response_id") or record.get("request_id")


def _save(run: ImportRun, **values: Any) -> None:
    for name, value in values.items():
        setattr(run, name, value)
    run.save(update_fields=[*values, "updated_at"])


def _told(report: Report) -> dict[str, Any]:
    return {
        "file": report.file_name,
        "project": report.project,
        "calls": report.calls,
        "tool_executions": report.tool_executions,
        "cost_usd": report.cost_usd,
        "refused": report.refused.total(),
    }
