"""Replays tasks under other choices: each model alone, cheaper ones that do as well, escalation ladders.

The file has one JSON object a line, gzipped or not: {"key": …, "dataset"?: …, "models": {name: {"q": 0..1, "c": USD}}}.
Without a file, recorded tasks are replayed by kind: what a model would have achieved is its chance by outcomes, and
what it would have cost the same tokens at its price.

A ladder is chosen on one half of the tasks and measured on the other, over and over, so what is told is what could have
been known beforehand.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.routing.domain.candidates import KNOWN_FROM
from apps.routing.domain.replay.advising import Strategy
from apps.routing.domain.replay.dominance import LEAST_TASKS, cheaper_as_good
from apps.routing.domain.replay.intervals import ratio
from apps.routing.domain.replay.ladders import Verifier
from apps.routing.domain.replay.splits import SPLITS, across_splits, summary_of
from apps.routing.domain.replay.table import Outcomes, outcomes_of
from apps.routing.selectors.recorded_outcomes import recorded_outcomes, replayable_task_types


class Command(BaseCommand):
    """Tell cost, quality and saving of models, cheaper ones that do as well, and escalation ladders, with intervals."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="rows as JSON lines, .gz or not; else recorded usage")
        parser.add_argument("--days", type=int, default=30, help="how far back recorded tasks are replayed")
        parser.add_argument("--task-type", help="only recorded tasks of this kind")
        parser.add_argument("--dataset", default="", help="only rows whose dataset begins with this")
        parser.add_argument("--sensitivity", type=float, default=1.0, help="share of failures the verifier catches")
        parser.add_argument("--false-alarm", type=float, default=0.0, help="share of successes the verifier doubts")
        parser.add_argument("--splits", type=int, default=SPLITS, help="how often the tasks are halved")

    def handle(self, *args: Any, **options: Any) -> None:
        verifier = Verifier(_share(options["sensitivity"]), _share(options["false_alarm"]))
        if options["splits"] < 1:
            raise CommandError("--splits must be at least 1.")
        if options["days"] < 1:
            raise CommandError("--days must be at least 1.")
        if options["file"] is None:
            self._recorded(verifier, options)
        else:
            self._rows(verifier, options)

    def _rows(self, verifier: Verifier, options: dict[str, Any]) -> None:
        try:
            outcomes = outcomes_of(_rows(options["file"], options["dataset"]))
            self._models(outcomes)
            self._cheaper(outcomes)
            self._ladders(outcomes, verifier, options["splits"])
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"The file cannot be replayed: {error}") from error

    def _recorded(self, verifier: Verifier, options: dict[str, Any]) -> None:
        chosen = options["task_type"]
        replayed = 0
        for task_type in [chosen] if chosen else replayable_task_types():
            outcomes = recorded_outcomes(task_type, now=timezone.now(), days=options["days"])
            if outcomes is None or len(outcomes.keys) < LEAST_TASKS:
                continue
            self.stdout.write(f"## {task_type}\n")
            self._models(outcomes)
            self._ladders(outcomes, verifier, options["splits"])
            self.stdout.write(
                "Models are taken to fail independently: hard tasks, at which all fail, let ladders reach less.\n"
            )
            replayed += 1
        if not replayed:
            self.stdout.write(
                f"Nothing to replay: no kind of task has {LEAST_TASKS} tasks in {options['days']} days and two models"
                f" with {KNOWN_FROM} outcomes and a price each."
            )

    def _models(self, outcomes: Outcomes) -> None:
        best = outcomes.best
        self.stdout.write(f"{len(outcomes.keys)} tasks, {len(outcomes.models)} models that all of them have\n\n")
        self.stdout.write(
            "| model | quality | USD a task | quality of the best | cost of the best |\n|---|---|---|---|---|"
        )
        for model in outcomes.quality.mean(0).argsort()[::-1]:
            quality = ratio(outcomes.quality[:, model], outcomes.quality[:, best])
            cost = ratio(outcomes.cost[:, model], outcomes.cost[:, best])
            self.stdout.write(
                f"| {outcomes.models[model]} | {outcomes.quality[:, model].mean():.3f} |"
                f" {outcomes.cost[:, model].mean():.4f} |"
                f" {quality.value:.1%} ({quality.low:.1%} to {quality.high:.1%}) |"
                f" {cost.value:.1%} ({cost.low:.1%} to {cost.high:.1%}) |"
            )

    def _cheaper(self, outcomes: Outcomes) -> None:
        used = outcomes.models[outcomes.best]
        self.stdout.write("")
        for advice in cheaper_as_good(outcomes, used):
            self.stdout.write(advice.words(used))

    def _ladders(self, outcomes: Outcomes, verifier: Verifier, splits: int) -> None:
        self.stdout.write(
            f"\nLadders over {splits} splits, a verifier that catches {verifier.sensitivity:.0%} of failures and"
            f" doubts {verifier.false_alarm:.0%} of successes:\n\n"
            "| strategy | quality | saving | worst split | against hindsight | usual ladder |\n"
            "|---|---|---|---|---|---|"
        )
        for strategy in get_args(Strategy):
            found = summary_of(across_splits(outcomes, strategy, verifier, splits=splits))
            self.stdout.write(
                f"| {strategy} | {found.quality:.1%} | {found.saving:.1%} |"
                f" {found.worst_quality:.1%}, {found.least_saving:.1%} |"
                f" {found.hindsight_quality:.1%}, {found.hindsight_saving:.1%} | {' → '.join(found.usual_ladder)} |"
            )


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise CommandError(f"A share lies between 0 and 1, not at {value}.")
    return value


def _rows(file: Path, dataset: str) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if str(row.get("dataset", "")).startswith(dataset):
                yield row
