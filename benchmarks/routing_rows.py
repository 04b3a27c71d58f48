"""Rows of questions that several models answered, and how well a score of hardness spends a strong model's calls.

A row of `public.jsonl.gz` is {prompt_id, dataset, suite, key, prompt, models: {name: {q: quality 0..1, c: USD}}}. The
data stays out of the project; its folder is an argument. Weights may be fitted on `rl_` and `lr_` rows alone.

APGR, after RouteLLM (arXiv 2406.18665): the share of the gap between the weak and the strong model that is recovered,
averaged over every share of calls that may go to the strong one. 0.5 is chance.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

FITTED_ON = ("rl_", "lr_")
# The strong and the weak model of each suite.
PAIRS = {
    "gpt4_vs_mixtral": ("gpt-4-1106-preview", "mixtral-8x7b"),
    "llmrouter_9": ("llama-3.1-nemotron-51b-instruct", "gemma-2-9b-it"),
}
# Smaller data sets, and those without a gap to recover, are left out of the mean over data sets.
LEAST_ROWS = 70
LEAST_GAP = 0.005


@dataclass(frozen=True)
class Questions:
    """Questions with the qualities of a strong and a weak model; `importance` weighs data sets by the root of size."""

    prompts: list[str]
    keys: NDArray[np.str_]
    datasets: NDArray[np.str_]
    suites: NDArray[np.str_]
    strong: Vector
    weak: Vector
    importance: Vector

    @property
    def gains(self) -> Vector:
        return self.strong - self.weak

    @property
    def lengths(self) -> Vector:
        return np.array([len(prompt) for prompt in self.prompts], float)


def read_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Every row of the file, as it lies there."""
    with gzip.open(folder / "public.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def load_questions(folder: Path) -> Questions:
    """The rows that weights may be fitted on."""
    rows = [row for row in read_lines(folder) if row["dataset"].startswith(FITTED_ON) and row["suite"] in PAIRS]
    rows = [row for row in rows if all(model in row["models"] for model in PAIRS[row["suite"]])]
    datasets = np.array([row["dataset"] for row in rows])
    names, place, sizes = np.unique(datasets, return_inverse=True, return_counts=True)
    qualities = [[row["models"][model]["q"] for model in PAIRS[row["suite"]]] for row in rows]
    strong, weak = np.array(qualities, float).T
    return Questions(
        [row["prompt"] for row in rows],
        np.array([row["key"] for row in rows]),
        datasets,
        np.array([row["suite"] for row in rows]),
        strong,
        weak,
        1.0 / np.sqrt(sizes[place]),
    )


def apgr(
    scores: Vector, questions: Questions, chosen: Sequence[int] | Mask | NDArray[np.intp], *, pooled: bool
) -> float:
    """APGR of the chosen rows; pooled over data sets by importance, else each row alike. Ties count as chance."""
    score, gain = scores[chosen], questions.gains[chosen]
    weight = questions.importance[chosen] if pooled else np.ones(len(score))
    weight = weight / weight.sum()
    order = np.argsort(-score, kind="stable")
    ends = np.append(score[order][1:] != score[order][:-1], True)
    share = np.append(0.0, np.cumsum(weight[order])[ends])
    gained = np.append(0.0, np.cumsum((weight * gain)[order])[ends])
    return float(np.trapezoid(gained, share) / (weight * gain).sum())


def mix(scores: Vector, questions: Questions) -> float:
    """APGR over all data sets together."""
    return apgr(scores, questions, np.ones(len(scores), bool), pooled=True)


def by_dataset(scores: Vector, questions: Questions) -> dict[str, float]:
    """APGR within each data set that is large enough and has a gap."""
    found = {}
    for name in np.unique(questions.datasets):
        rows = questions.datasets == name
        if rows.sum() >= LEAST_ROWS and questions.gains[rows].mean() >= LEAST_GAP:
            found[str(name)] = apgr(scores, questions, rows, pooled=False)
    return found


def folds(questions: Questions, *, seed: int, count: int) -> NDArray[np.int64]:
    """A fold for every row, the same for all rows of one question."""
    names, place = np.unique(questions.keys, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(names)) % count)[place]
