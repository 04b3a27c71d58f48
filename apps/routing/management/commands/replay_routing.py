"""Replays tasks under other choices: each model alone, cheaper ones that do as well, escalation ladders, a policy.

The file has one JSON object a line, gzipped or not: {"key": …, "dataset"?: …, "models": {name: {"q": 0..1, "c": USD}}}.
Without a file, recorded tasks are replayed by kind: what a model would have achieved is its chance by outcomes, and
what it would have cost the same tokens at its price.

With --policy a draft or version by its id, or a file with a policy's JSON, is replayed as well: over rows each prompt
is scored and the tier of its score gives the model; recorded usage is served again as a what-if does it.

A ladder is chosen on one half of the tasks and measured on the other, over and over, so what is told is what could have
been known beforehand.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.costs.domain.pricing import usd
from apps.routing.domain.candidates import KNOWN_FROM
from apps.routing.domain.policy import policy_of
from apps.routing.domain.replay.advising import Strategy
from apps.routing.domain.replay.by_policy import by_policy
from apps.routing.domain.replay.dominance import LEAST_TASKS, cheaper_as_good
from apps.routing.domain.replay.intervals import ratio
from apps.routing.domain.replay.ladders import Replayed, Verifier
from apps.routing.domain.replay.splits import SPLITS, across_splits, summary_of
from apps.routing.domain.replay.table import Outcomes, outcomes_of
from apps.routing.models import PolicyVersion
from apps.routing.selectors.recorded_outcomes import recorded_outcomes, replayable_task_types
from apps.routing.selectors.replaying import by_group, known_qualities, replay_usage


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
        parser.add_argument("--policy", help="id of a draft or version, or a file with a policy's JSON")
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
        policy = _policy(options["policy"])
        try:
            rows = list(_rows(options["file"], options["dataset"]))
            outcomes = outcomes_of(rows)
            self._models(outcomes)
            self._cheaper(outcomes)
            if policy is not None:
                prompts = {str(row["key"]): str(row.get("prompt") or "") for row in rows}
                self._by_policy(outcomes, *by_policy(outcomes, prompts, policy_of(policy)))
            self._ladders(outcomes, verifier, options["splits"])
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"The file cannot be replayed: {error}") from error

    def _recorded(self, verifier: Verifier, options: dict[str, Any]) -> None:
        chosen = options["task_type"]
        replayed = 0
        if (policy := _policy(options["policy"])) is not None:
            self._usage(policy, options["days"])
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

    def _by_policy(self, outcomes: Outcomes, replayed: Replayed, models: Counter[str]) -> None:
        best = outcomes.best
        quality = ratio(replayed.quality, outcomes.quality[:, best])
        cost = ratio(replayed.cost, outcomes.cost[:, best])
        served = ", ".join(f"{model} {count}" for model, count in models.most_common())
        self.stdout.write(
            f"\nThe policy: quality {replayed.quality.mean():.3f}, {quality.value:.1%} of {outcomes.models[best]}"
            f" ({quality.low:.1%} to {quality.high:.1%}); {replayed.cost.mean():.4f} USD a task,"
            f" {1 - cost.value:.1%} saved ({1 - cost.high:.1%} to {1 - cost.low:.1%}); tasks: {served}\n"
        )

    def _usage(self, document: dict[str, Any], days: int) -> None:
        now = timezone.now()
        tally = replay_usage(policy_of(document), start=now - timedelta(days=days), end=now)
        saving, quality = tally.saving(), tally.quality(by_group(known_qualities()))
        before, after = usd(tally.whole.before), usd(tally.whole.after)
        self.stdout.write(
            f"## The policy over {days} days of usage\n{tally.calls} calls, {tally.whole.moved} move: {before} USD"
            f" before, {after} after at today's prices"
        )
        if saving is not None:
            sure = "too few tasks for an interval" if saving.low is None else f"{saving.low:.1%} to {saving.high:.1%}"
            self.stdout.write(f"saved {saving.share:.1%} ({sure})")
        self.stdout.write(
            "expected success unknown: no kind of task has 20 outcomes on both sides\n"
            if quality is None
            else f"expected success {quality.before.mean:.1%} before, {quality.after.mean:.1%} after, difference"
            f" {quality.difference * 100:+.1f} points ({quality.low * 100:+.1f} to {quality.high * 100:+.1f})\n"
        )

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


def _policy(named: str | None) -> dict[str, Any] | None:
    """The document of a draft or version by its id, or of a file. None: none is named."""
    if named is None:
        return None
    try:
        if named.isdigit():
            row = PolicyVersion.objects.standing().filter(pk=int(named)).first()
            if row is None:
                raise CommandError(f"There is no draft or version with the id {named}.")
            document: dict[str, Any] = row.document
        else:
            document = json.loads(Path(named).read_text(encoding="utf-8"))
        policy_of(document)
    except (OSError, ValueError) as error:
        raise CommandError(f"The policy cannot be read: {error}") from error
    return document


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
