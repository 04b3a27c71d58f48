"""Tell how many names find a price, or say plainly why they have none."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.costs.domain.explaining import PLAIN_REASONS
from apps.costs.selectors.match_test import match_tests
from apps.costs.services.price_book.editions import shipped_names

LARGEST = 20
TARGET_PERCENT = 97


class Command(BaseCommand):
    help = (
        f"Ask the price book for every name that litellm's shipped map lists for its {LARGEST} largest providers, "
        "and for those of a file of JSON lines with `provider` and `model`. Fails when fewer than "
        f"{TARGET_PERCENT} % find a price or a plain reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="JSON lines with provider and model")

    def handle(self, *args: Any, **options: Any) -> None:
        reached = self._told(f"litellm's {LARGEST} largest providers", shipped_names(largest=LARGEST))
        if options["file"] is not None:
            more = self._told(options["file"].name, _names(options["file"]))
            reached = (reached[0] + more[0], reached[1] + more[1])
        share = 100 * reached[0] / reached[1]
        self.stdout.write(f"reach: {reached[0]} of {reached[1]} names, {share:.2f} %")
        if share < TARGET_PERCENT:
            raise CommandError(f"The reach is below {TARGET_PERCENT} %.")

    def _told(self, title: str, names: list[tuple[str, str]]) -> tuple[int, int]:
        found = [line.found for line in match_tests(names, at=timezone.now())]
        outcomes = Counter(one.reason or "priced" for one in found)
        counts = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common())
        self.stdout.write(f"{title}: {len(names)} names: {counts}")
        for one in found:
            if one.reason is not None and one.reason not in PLAIN_REASONS:
                self.stdout.write(f"  {one.provider}: {one.name}: {one.sentence}")
        return sum(one.reason is None or one.reason in PLAIN_REASONS for one in found), len(names)


def _names(file: Path) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    return sorted({(str(line["provider"]), str(line["model"])) for line in lines})
