"""How well the complexity analyzer finds the asks that need a strong model, how fast it is, and what ladders save.

Run with `python -m benchmarks.routing FOLDER`; FOLDER holds `public.jsonl.gz` (benchmarks/routing_rows.py says what it
is). Exits with 1 when a target is missed.

1. 5 × 5-fold cross-validation over questions on the `rl_` and `lr_` rows, with the very fit that ships: MIX APGR, its
   gain over prompt length with a 95 % interval from resampled questions, and the mean within data sets (macro).
2. Latency of `analyze` on 2 KB asks made of these prompts, one core: by the wall, and by the thread's own clock, which
   does not count the time other programs took.
3. Ladders on the `swebench_` rows, chosen on one half of the tasks and measured on the other, 20 splits. Nothing is
   fitted on these rows. `balanced` is what the targets are about; no strategy may be dearer than the best single model.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np

from apps.routing.domain.complexity import DEFAULT_WEIGHTS, Ask, analyze
from apps.routing.domain.replay.advising import Strategy
from apps.routing.domain.replay.ladders import TRUE_VERIFIER, Verifier
from apps.routing.domain.replay.splits import across_splits, summary_of
from apps.routing.domain.replay.table import outcomes_of
from benchmarks.fit_complexity import REPEATS, look_at, scaled_fit
from benchmarks.routing_rows import Questions, Vector, apgr, by_dataset, load_questions, mix, read_lines

DRAWS = 200
ASKS = 1_000
ASK_CHARACTERS = 2_048
MIX_TARGET = 0.60
MACRO_GOAL = 0.56
P50_MS, P95_MS = 0.5, 1.0
# Verifier, and the quality and saving that the balanced ladder is to reach with it.
LADDER_TARGETS = [(TRUE_VERIFIER, 1.0, 0.50), (Verifier(sensitivity=0.8, false_alarm=0.1), 0.985, 0.55)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="the folder of public.jsonl.gz")
    options = parser.parse_args()
    if options.folder is None:
        print("left out: the rows lie outside of the project; name their folder")
        return
    questions = load_questions(options.folder)
    sys.exit(not all([accuracy(questions), latency(questions), ladders(options.folder)]))


def accuracy(questions: Questions) -> bool:
    """Cross-validate, and print the table."""
    _, predicted = scaled_fit(look_at(questions), questions, range(REPEATS))
    mixes = [mix(scores, questions) for scores in predicted]
    macros = [float(np.mean(list(by_dataset(scores, questions).values()))) for scores in predicted]
    length = mix(questions.lengths, questions)
    low, high = paired_gain(predicted, questions)
    macro_length = float(np.mean(list(by_dataset(questions.lengths, questions).values())))
    print(f"{len(questions.prompts):,} questions, {REPEATS} × 5-fold cross-validation over questions\n")
    print("| | MIX APGR | macro APGR |\n|---|---|---|")
    print(f"| analyzer | {np.mean(mixes):.3f} ({min(mixes):.3f}–{max(mixes):.3f}) |", end="")
    print(f" {np.mean(macros):.3f} ({min(macros):.3f}–{max(macros):.3f}) |")
    print(f"| prompt length | {length:.3f} | {macro_length:.3f} |")
    print(f"| gain over prompt length, 95 % of resamples | {low:+.3f} to {high:+.3f} | |\n")
    print("| data set | analyzer | length |\n|---|---|---|")
    within = [by_dataset(scores, questions) for scores in predicted]
    for name, found in by_dataset(questions.lengths, questions).items():
        print(f"| {name} | {np.mean([one[name] for one in within]):.3f} | {found:.3f} |")
    held = np.mean(mixes) >= MIX_TARGET and low > 0
    print(f"\nMIX ≥ {MIX_TARGET:.2f} and gain above 0: {'held' if held else 'MISSED'}", end="; ")
    print(f"macro ≥ {MACRO_GOAL}: {'reached' if np.mean(macros) >= MACRO_GOAL else 'not reached'}\n")
    return bool(held)


def paired_gain(predicted: list[Vector], questions: Questions) -> tuple[float, float]:
    """The middle 95 % of the gain over prompt length when questions, with all their rows, are drawn again."""
    generator = np.random.default_rng(0)
    names, place = np.unique(questions.keys, return_inverse=True)
    rows = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[rows], np.arange(len(names) + 1))
    gains = []
    for draw in range(DRAWS):
        times = np.bincount(generator.integers(len(names), size=len(names)), minlength=len(names))
        chosen = np.repeat(rows, np.repeat(times, np.diff(starts)))
        scores = predicted[draw % len(predicted)]
        ours = apgr(scores, questions, chosen, pooled=True)
        gains.append(ours - apgr(questions.lengths, questions, chosen, pooled=True))
    low, high = np.percentile(gains, [2.5, 97.5])
    return float(low), float(high)


def latency(questions: Questions) -> bool:
    """Time asks of 2 KB, each seen for the first time."""
    asks = two_kilobytes(questions)
    for ask in asks[:100]:
        analyze(ask, None, DEFAULT_WEIGHTS)
    print(f"{len(asks):,} asks of {ASK_CHARACTERS:,} characters\n\n| clock | p50 ms | p95 ms |\n|---|---|---|")
    clocks: list[tuple[str, Callable[[], float]]] = [("wall", time.perf_counter), ("thread", time.thread_time)]
    for name, clock in clocks:
        p50, p95 = np.percentile([timed(ask, clock) for ask in asks], [50, 95])
        print(f"| {name} | {p50:.3f} | {p95:.3f} |")
    held = p50 < P50_MS and p95 < P95_MS
    print(f"\np50 < {P50_MS} ms and p95 < {P95_MS} ms: {'held' if held else 'MISSED'}\n")
    return bool(held)


def ladders(folder: Path) -> bool:
    """Replay every strategy with a true verifier and with one that errs, and print the table."""
    outcomes = outcomes_of(row for row in read_lines(folder) if row["dataset"].startswith("swebench_"))
    print(f"{len(outcomes.keys)} tasks of SWE-bench Verified, {len(outcomes.models)} models\n")
    print("| verifier | strategy | quality | saving | worst split | against hindsight | usual ladder |")
    print("|---|---|---|---|---|---|---|")
    held = True
    for verifier, least_quality, least_saving in LADDER_TARGETS:
        for strategy in get_args(Strategy):
            found = summary_of(across_splits(outcomes, strategy, verifier))
            print(
                f"| {verifier.sensitivity:.0%} / {verifier.false_alarm:.0%} | {strategy} | {found.quality:.1%}", end=""
            )
            print(f" | {found.saving:.1%} | {found.worst_quality:.1%}, {found.least_saving:.1%}", end="")
            print(
                f" | {found.hindsight_quality:.1%}, {found.hindsight_saving:.1%} | {' → '.join(found.usual_ladder)} |"
            )
            held = held and found.least_saving >= 0
            if strategy == "balanced":
                held = held and found.quality >= least_quality and found.saving >= least_saving
    print(f"\nbalanced reaches its targets and no split is dearer: {'held' if held else 'MISSED'}")
    return held


def timed(ask: Ask, clock: Callable[[], float]) -> float:
    """Milliseconds of one analysis."""
    began = clock()
    analyze(ask, None, DEFAULT_WEIGHTS)
    return (clock() - began) * 1_000


def two_kilobytes(questions: Questions) -> list[Ask]:
    """Asks of exactly 2 KB, made of prompts that follow each other."""
    text = "\n".join(questions.prompts)
    return [Ask(text[at : at + ASK_CHARACTERS]) for at in range(0, len(text), ASK_CHARACTERS)][:ASKS]


if __name__ == "__main__":
    main()
