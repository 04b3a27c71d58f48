"""Drops what is older than the settings allow, and shows the report."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.costs.models import RetentionRun
from apps.costs.services.retention import Report, enforce


class Command(BaseCommand):
    help = "Drop whole months of records and rollups that are older than the settings allow, and show the report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be dropped")

    def handle(self, *args: Any, **options: Any) -> None:
        last = RetentionRun.objects.order_by("-started_at").first()
        if last:
            self.stdout.write(
                f"Last report, {last.started_at:%Y-%m-%d %H:%MZ}: {len(last.dropped)} partitions dropped."
            )
        report = enforce(now=timezone.now(), dry_run=options["dry_run"])
        self._show(report, "would be dropped" if options["dry_run"] else "dropped")
        if report.errors:
            raise CommandError("\n".join(report.errors), returncode=1)

    def _show(self, report: Report, done: str) -> None:
        self.stdout.write(
            f"Records are kept for {settings.RETENTION_RECORD_DAYS} days, since {report.records_before:%Y-%m-%d};"
            f" rollups for {settings.RETENTION_ROLLUP_DAYS} days, since {report.rollups_before:%Y-%m-%d}."
            " Only whole months go."
        )
        for one in report.dropped:
            self.stdout.write(f"{one.name}: about {one.rows:,} rows, {one.size / 1e6:,.1f} MB {done}")
        self.stdout.write(f"{len(report.dropped)} partitions and {report.conversations:,} conversations {done}.")
