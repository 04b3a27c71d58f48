"""Proves that rollups equal records, row by row, and names every difference."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.costs.domain.formats import some
from apps.costs.selectors import proof
from apps.costs.selectors.backlog import closed_until, folds_between, provable_from
from apps.costs.selectors.horizon import DAY, HOUR
from apps.costs.selectors.waste_backlog import waste_folds_between
from apps.costs.services import proving, task_folding, waste_folding

CHUNK = 2000


class Command(BaseCommand):
    help = (
        "Compare every rollup with its records, hour by hour, exactly; name every difference. Exit code 1 when there"
        " are any, repaired or not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="start", help="first day or hour, UTC: 2026-11-01 or 2026-11-01T10:00Z")
        parser.add_argument(
            "--to", dest="end", help="the day or hour to stop before, UTC; default: the last closed hour"
        )
        parser.add_argument("--repair", action="store_true", help="add to each rollup what it lacks")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        first = provable_from()
        if first is None:
            self.stdout.write("There is nothing to prove yet.")
            return
        start = max(first, _instant(options["start"]) if options["start"] else first)
        end = _instant(options["end"]) if options["end"] else closed_until(now)
        self._repair, self._now, self._differences = options["repair"], now, 0
        self._prove_buckets(start, end)
        self._prove_folds(start, end)
        self._prove_conversations(start, end)
        self._conclude(start, end)

    def _prove_buckets(self, start: datetime, end: datetime) -> None:
        position = start
        while position < end:
            until = min(end, position.replace(hour=0, minute=0, second=0, microsecond=0) + DAY)
            self._progress(f"proving {position:%Y-%m-%d}")
            self._tell(self._found(position, until))
            position = until

    def _found(self, start: datetime, end: datetime) -> list[proof.Difference]:
        found, missing = proof.differences(start, end), proof.missing_conversations(start, end)
        if self._repair:
            hours = sorted({one.bucket.replace(minute=0) for one in found if one.bucket})
            found = [one for hour in hours for one in proving.repair(hour, hour + HOUR, now=self._now)]
            return found + proving.repair_conversations(missing, now=self._now)
        return found + (proof.conversation_differences(missing) if missing else [])

    def _prove_folds(self, start: datetime, end: datetime) -> None:
        for fold in folds_between(start, end):
            self._progress(f"proving the fold of {fold[0]:%Y-%m-%d}")
            found = proof.fold_differences(fold)
            if found and self._repair:
                proving.reopen_fold(fold, found, now=self._now)
            self._tell(found)
        for fold in proof.task_folds_between(start, end):
            self._progress(f"proving the tasks of {fold[0]:%Y-%m-%d}")
            found = proof.task_fold_differences(fold)
            if found and self._repair:
                task_folding.reopen_task_fold(fold, found, now=self._now)
            self._tell(found)
        for one in waste_folds_between(start, end):
            self._progress(f"proving the waste of {one.start:%Y-%m-%d}")
            found = proof.waste_fold_differences(one)
            if found and self._repair:
                waste_folding.reopen_waste(one, found, now=self._now)
            self._tell(found)

    def _prove_conversations(self, start: datetime, end: datetime) -> None:
        chunk, done = proof.next_chunk(proof.START, conversations=CHUNK, records=200_000), 0
        while chunk.last is not None:
            self._progress(f"proving conversations: {done}")
            keys = proof.active_between(chunk.keys, start, end)
            found = proof.conversation_differences(keys)
            self._tell(proving.repair_conversations(keys, now=self._now) if found and self._repair else found)
            done += len(chunk.keys)
            chunk = proof.next_chunk(chunk.last, conversations=CHUNK, records=200_000)

    def _tell(self, found: list[proof.Difference]) -> None:
        self._differences += len(found)
        for one in found:
            self.stdout.write(str(one))

    def _progress(self, words: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{words:<60}", ending="")

    def _conclude(self, start: datetime, end: datetime) -> None:
        self._progress("\n")
        span = f"{start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ}"
        if self._differences:
            done = ", all repaired" if self._repair else ""
            raise CommandError(f"{some(self._differences, 'difference')} from {span}{done}.", returncode=1)
        self.stdout.write(f"Rollups equal records from {span}: 0 differences.")


def _instant(text: str) -> datetime:
    """A UTC day or a whole UTC hour. Raises CommandError for anything else."""
    try:
        if len(text) == len("2026-11-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is not a day or an hour like 2026-11-01 or 2026-11-01T10:00Z.") from error
    if moment.tzinfo is None or moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) != moment:
        raise CommandError(f"{text} is not a whole hour with its zone, like 2026-11-01T10:00Z.")
    return moment.astimezone(UTC)
