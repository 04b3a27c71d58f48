"""Import usage from a file of another tool."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.utils import timezone

from apps.access.domain.errors import Refused
from apps.costs.domain.importing import FORMATS, BadFile
from apps.costs.domain.money_format import format_money
from apps.costs.management.own_address import own_address
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.imports import Report, Wanted, import_file

BAR_WIDTH = 30
SECONDS_BETWEEN_LINES = 5.0


class Command(BaseCommand):
    help = (
        "Import usage from a file, packed with gzip, as a zip, or not. Running it again, or after it was killed, "
        "stores nothing twice. docs/imports.md says what each format means."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        known = "; ".join(f"{kind.name}: {kind.title}" for kind in FORMATS.values())
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", required=True, choices=list(FORMATS), help=known)
        parser.add_argument("--project", default="default", help="the project the usage belongs to (default: default)")
        parser.add_argument("--agent", default="", help="the agent, instead of what the file says")
        parser.add_argument("--provider", default="", help="the provider, instead of what the file says")
        parser.add_argument("--model", default="", help="the model, instead of what the file says")
        parser.add_argument(
            "--start", type=_moment, help="move the file in time: its first event is then (UTC without an offset)"
        )
        parser.add_argument("--shift-to-now", action="store_true", help="move the file in time: its last event is now")
        parser.add_argument(
            "--reprice", action="store_true", help="ignore the costs of the file: price every call by the price book"
        )
        parser.add_argument("--limit", type=int, help="read only so many rows")
        parser.add_argument("--dry-run", action="store_true", help="read and price everything, store nothing")
        parser.add_argument("--again", action="store_true", help="send rows that an earlier run stored once more")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = Wanted(
            path=options["file"],
            format=options["format"],
            project=options["project"],
            provider=options["provider"],
            model=options["model"],
            agent=options["agent"],
            start=options["start"],
            shift_to_now=options["shift_to_now"],
            keep_costs=not options["reprice"],
            limit=options["limit"],
            dry_run=options["dry_run"],
            again=options["again"],
        )
        try:
            report = import_file(wanted, progress=_Progress(self.stdout))
        except (Refused, BadFile) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{wanted.path} cannot be read: {error.strerror or error}.") from error
        except KeyboardInterrupt as error:
            raise CommandError("Stopped. What was stored stays; run it again to go on where it was.") from error
        for line in told(report):
            self.stdout.write(line)
        if report.error:
            raise CommandError(report.error)


class _Progress:
    """A bar on a terminal; elsewhere a line every few seconds."""

    def __init__(self, out: OutputWrapper) -> None:
        self.out = out
        self.is_terminal = self.out.isatty()
        self.began = self.told_at = time.monotonic()

    def __call__(self, rows: int, share: float) -> None:
        now = time.monotonic()
        speed = f"{rows:,} rows, {rows / max(now - self.began, 0.001):,.0f} a second"
        if self.is_terminal:
            full = round(share * BAR_WIDTH)
            end = "\n" if share >= 1 else ""
            self.out.write(f"\r[{'#' * full}{'.' * (BAR_WIDTH - full)}] {share:4.0%} {speed}   ", ending=end)
            self.out.flush()
        elif now - self.told_at >= SECONDS_BETWEEN_LINES:
            self.told_at = now
            self.out.write(f"{share:.0%} {speed}")


def told(report: Report) -> Iterator[str]:
    """The report, line by line."""
    did = "would be stored" if report.is_dry else "stored"
    yield f"{report.file_name}: {report.rows:,} rows read."
    yield f"  {did}: {report.calls:,} calls, {report.tool_executions:,} tool executions"
    yield from _repeats(report)
    yield from (f"  left out: {count:,} rows ({reason})" for reason, count in report.left_out.most_common())
    yield from _refused(report)
    yield from (f"  without a price: {count:,} calls of {model}" for model, count in report.unpriced.most_common())
    yield f"  cost: {format_money(report.cost_usd)} USD"
    if report.first_at and report.last_at:
        yield f"  time: {report.first_at:%Y-%m-%d %H:%M:%S} to {report.last_at:%Y-%m-%d %H:%M:%S} UTC"
        yield from _retention(report.first_at)
    if report.in_bursar and not report.is_dry:
        stored = report.in_bursar
        yield (
            f"  of this file in Bursar: {stored.calls:,} calls, {stored.tool_executions:,} tool executions, "
            f"{stored.unpriced_calls:,} of them without a price, {format_money(stored.cost_usd)} USD"
        )
        yield f"  see {_address(report)}"


def _repeats(report: Report) -> Iterator[str]:
    if report.already_done:
        yield f"  stored by an earlier run: {report.already_done:,} records"
    if report.duplicates:
        yield f"  duplicates: {report.duplicates:,} records were stored before"
    if report.elsewhere:
        yield f"  stored before: {report.elsewhere:,} calls came from another row, file or way; not stored again"
    if report.conflicts:
        yield f"  conflicts: {report.conflicts:,} records were stored before with other options; those stand"


def _refused(report: Report) -> Iterator[str]:
    for code, count in report.refused.most_common():
        yield f"  refused: {count:,} rows ({code})"
    for one in report.examples:
        yield f"    row {one.row:,}: {one.message}"
    if (more := report.refused.total() - len(report.examples)) > 0:
        yield f"    and {more:,} more"


def _retention(first_at: datetime) -> Iterator[str]:
    oldest = timezone.now() - timedelta(days=settings.RETENTION_RECORD_DAYS)
    if first_at < oldest:
        yield (
            f"  note: records before {oldest:%Y-%m-%d} are older than BURSAR_RETENTION_RECORD_DAYS "
            f"({settings.RETENTION_RECORD_DAYS}) and will be removed; --start or --shift-to-now moves the file"
        )


def _address(report: Report) -> str:
    assert report.first_at
    assert report.last_at
    zone = reporting_zone()
    first, last = report.first_at.astimezone(zone).date(), report.last_at.astimezone(zone).date()
    query = {"from": first, "to": last, "project": report.project}
    return f"{own_address()}/?{urlencode(query)}"


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
