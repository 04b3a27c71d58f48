"""Fits the weights of the complexity analyzer: `python -m benchmarks.fit_complexity FOLDER` with a `public.jsonl.gz`.

Without `--write` it only tells them. With it, apps/routing/domain/complexity/fitted is replaced.

1. The factors and the wording of every `rl_` and `lr_` row are fitted to the gain of its strong model.
2. A gain of 1 is worth SCALE log-odds. The bias is such that the middle question, predicted by a fit that has not seen
   it, scores MIDDLE.
3. How much predictions of different folds differ for one ask, and how much its words say, is the spread that confidence
   is made of: on asks unlike these, words may be wrong by as much as they say.
4. The table of words is rounded to integers of eight bits; a place that too few asks had is 0 and stays silent.
"""

import argparse
import hashlib
import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.routing.domain.complexity.asking import Ask
from apps.routing.domain.complexity.factors import FACTORS, Lexicons, Look
from apps.routing.domain.complexity.fitting import Asks, Fitted, Prior, fit, told
from apps.routing.domain.complexity.lexicons import DEFAULT_LEXICONS
from apps.routing.domain.complexity.reading import read
from apps.routing.domain.complexity.stripping import strip
from apps.routing.domain.complexity.weights import FITTED, compiled
from apps.routing.domain.complexity.wording import VERSION, places_of
from benchmarks.routing_rows import Questions, Vector, folds, load_questions

FOLDS = 5
REPEATS = 5
# Log-odds per unit of gain. Twice as much would rank these questions a little better, and let their words shout down
# the factors on asks that are unlike them.
SCALE = 3.0
# The score of the middle question, data sets weighed by the root of their size.
MIDDLE = 0.33
# Asks that must have a word or a pair of words before it is fitted.
LEAST_ASKS = 3
# Weights in log-odds by what people expect, held where the outcomes say nothing, and the sign that each must keep.
BY_HAND: dict[str, tuple[float, int]] = {
    "reasoning_depth": (2.5, 1), "tool_chaining": (3.0, 1), "code_generation": (1.5, 1), "creativity": (0.3, 0),
    "response_length": (1.5, 1), "constraint_density": (1.5, 1), "domain_rarity": (1.0, 1), "ask_size": (1.5, 1),
    "context_volume": (1.5, 1), "conversation_state": (3.0, 1), "declared_task": (2.0, 1), "small_talk": (-3.0, -1),
}  # fmt: skip
# The typical value of what no row can have; of other factors it is their mean.
TYPICAL = {"response_length": 0.5, "context_volume": 0.0, "conversation_state": 0.0, "declared_task": 0.5,
           "small_talk": 0.0, "tool_chaining": 0.05}  # fmt: skip


@dataclass(frozen=True)
class Scaled:
    """A fit in log-odds."""

    fitted: Fitted
    scale: float
    bias: float
    spread: float
    usual_known: float


@dataclass(frozen=True)
class Looked:
    """What the analyzer sees of all questions."""

    asks: Asks
    places: list[list[int]]
    typical: dict[str, float]


def look_at(questions: Questions) -> Looked:
    """Factors relative to their typical values, and places of the wording."""
    lexicons = Lexicons({name: compiled(entries) for name, entries in DEFAULT_LEXICONS.items()})
    values, places = [], []
    for prompt in questions.prompts:
        stripped = strip(prompt, scan_characters=65_536)
        reading = read(stripped.ask, word_characters=8_192)
        look = Look(Ask(prompt), None, stripped, reading, lexicons)
        values.append([factor(look).value for factor in FACTORS.values()])
        places.append(places_of(reading))
    table = np.array(values)
    means = np.average(table, axis=0, weights=questions.importance)
    typical = {name: TYPICAL.get(name, float(mean)) for name, mean in zip(FACTORS, means, strict=True)}
    return Looked(Asks(table - np.array(list(typical.values())), places, least=LEAST_ASKS), places, typical)


def prior(scale: float) -> Prior:
    """The weights by hand, in units of gain."""
    return Prior(
        np.array([BY_HAND[name][0] for name in FACTORS]) / scale,
        np.array([BY_HAND[name][1] for name in FACTORS], float),
    )


def fit_on(looked: Looked, questions: Questions, chosen: NDArray[np.bool_], scale: float) -> Fitted:
    """Fit on the chosen rows."""
    importance = questions.importance / questions.importance.mean()
    return fit(looked.asks, questions.gains, importance * chosen, prior(scale))


def cross_validated(looked: Looked, questions: Questions, scale: float, seeds: Sequence[int]) -> list[Vector]:
    """For each seed, the predicted gain of every row by the fit that has not seen its question."""
    found = []
    for seed in seeds:
        fold = folds(questions, seed=seed, count=FOLDS)
        scores = np.zeros(len(fold))
        for one in range(FOLDS):
            scores[fold == one] = told(looked.asks, fit_on(looked, questions, fold != one, scale))[fold == one]
        found.append(scores)
    return found


def scaled_fit(looked: Looked, questions: Questions, seeds: Sequence[int]) -> tuple[Scaled, list[Vector]]:
    """The fit on all rows in log-odds, and the cross-validated predictions of gain."""
    predicted = cross_validated(looked, questions, SCALE, seeds)
    fitted = fit_on(looked, questions, np.ones(len(questions.gains), bool), SCALE)
    mean = np.mean(predicted, axis=0)
    order = np.argsort(mean)
    middle = np.interp(0.5, np.cumsum(questions.importance[order]) / questions.importance.sum(), mean[order])
    bias = float(np.log(MIDDLE / (1 - MIDDLE)) + SCALE * (fitted.constant - middle))
    said = looked.asks.told(fitted.places, np.zeros(len(FACTORS) + 1))
    squares = np.var(predicted, axis=0, ddof=1) + said**2
    spread = float(np.sqrt(np.average(squares, weights=questions.importance)) * SCALE)
    return Scaled(fitted, SCALE, bias, spread, _usual_known(looked)), predicted


def _usual_known(looked: Looked) -> float:
    """The mean share of an ask's places that are fitted."""
    return float(np.mean([looked.asks.common[places].mean() for places in looked.places]))


def table_of(looked: Looked, places: Vector, scale: float) -> tuple[NDArray[np.int8], float]:
    """The weights of places as integers, and the log-odds of 1; a place that was seen is never 0."""
    top = float(np.quantile(np.abs(places[places != 0]), 0.9995))
    rounded = np.clip(np.round(places / top * 127), -127, 127)
    seen = looked.asks.common
    silent = seen & (rounded == 0)
    rounded[silent] = np.where(places[silent] < 0, -1, 1)
    rounded[~seen] = 0
    return rounded.astype(np.int8), top / 127 * scale


def document_of(scaled: Scaled, looked: Looked, questions: Questions, unit: float, file: Path) -> dict[str, Any]:
    """The small file that goes beside the table."""
    counts = {prefix: int(np.char.startswith(questions.datasets, prefix).sum()) for prefix in ("rl_", "lr_")}
    return {
        "version": f"fitted-{datetime.now(UTC):%Y-%m-%d}",
        "bias": round(scaled.bias, 4),
        "weights": dict(zip(FACTORS, np.round(scaled.fitted.factors * scaled.scale, 4).tolist(), strict=True)),
        "typical": {name: round(value, 4) for name, value in looked.typical.items()},
        "wording_scale": unit,
        "wording_version": VERSION,
        "usual_known": round(scaled.usual_known, 4),
        "spread": round(scaled.spread, 4),
        "provenance": {
            "rows": counts,
            "licences": {"rl_": "RouteLLM, Apache-2.0", "lr_": "LLMRouter, MIT"},
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "command": "python -m benchmarks.fit_complexity FOLDER --write",
            "by_hand": {name: weight for name, (weight, _) in BY_HAND.items()},
        },
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="the folder of public.jsonl.gz")
    parser.add_argument("--write", action="store_true", help="replace the weights that ship")
    options = parser.parse_args()
    if options.folder is None:
        print("left out: the weights are fitted on rows outside of the project; name their folder")
        return
    questions = load_questions(options.folder)
    looked = look_at(questions)
    scaled, _ = scaled_fit(looked, questions, range(REPEATS))
    table, unit = table_of(looked, scaled.fitted.places, scaled.scale)
    document = document_of(scaled, looked, questions, unit, options.folder / "public.jsonl.gz")
    print(json.dumps(document, indent=1))
    if options.write:
        FITTED.mkdir(exist_ok=True)
        (FITTED / "weights.json").write_text(json.dumps(document, indent=1) + "\n")
        (FITTED / "wording.xz").write_bytes(lzma.compress(table.tobytes(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
