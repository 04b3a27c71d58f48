"""What the factors weigh: the fitted weights that ship, and the parts a policy may change."""

import json
import lzma
import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from apps.routing.domain.complexity.factors import FACTORS, Lexicon, Lexicons
from apps.routing.domain.complexity.lexicons import DEFAULT_LEXICONS
from apps.routing.domain.complexity.reading import Reading, is_unspaced, lowered, tokens_of
from apps.routing.domain.complexity.wording import PLACES, Wording

FITTED = Path(__file__).parent / "fitted"
MOST_WEIGHT = 20.0
MOST_ENTRIES = 1_000
MOST_ENTRY_LENGTH = 60


@dataclass(frozen=True)
class Weights:
    """Log-odds: `bias` for the typical ask, and per factor the weight of its distance from the typical value.

    `edges` are the scores between tiers, which confidence is about; `wording_share` scales what words say.
    """

    version: str
    bias: float
    weights: Mapping[str, float]
    typical: Mapping[str, float]
    lexicons: Mapping[str, Lexicon]
    wording: Wording | None = None
    wording_share: float = 1.0
    spread: float = 1.0
    edges: tuple[float, ...] = (0.3, 0.7)
    scan_characters: int = 65_536
    word_characters: int = 8_192
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def all_lexicons(self) -> Lexicons:
        """The lexicons, to be looked through at once."""
        return Lexicons(self.lexicons)


def compiled(entries: Iterable[str]) -> Lexicon:
    """A lexicon by how its entries are looked for."""
    words, phrases, unspaced = set(), [], []
    for entry in sorted(entries):
        tokens = tokens_of(entry)
        if is_unspaced(entry):
            unspaced.append(entry)
        elif len(tokens) == 1:
            words.add(entry)
        else:
            phrases.append((entry, Reading(entry, entry, tokens).pairs))
    return Lexicon(frozenset(words), tuple(phrases), tuple(unspaced))


def shipped(folder: Path = FITTED) -> Weights:
    """The weights that `benchmarks/fit_complexity.py` wrote."""
    document = json.loads((folder / "weights.json").read_text())
    table = array("b", lzma.decompress((folder / "wording.xz").read_bytes()))
    if len(table) != PLACES:
        raise ValueError(f"the table of words has {len(table)} places, not {PLACES}")
    return Weights(
        version=document["version"],
        bias=document["bias"],
        weights=document["weights"],
        typical=document["typical"],
        lexicons={name: compiled(entries) for name, entries in DEFAULT_LEXICONS.items()},
        wording=Wording(table, document["wording_scale"], document["usual_known"]),
        spread=document["spread"],
        provenance=document["provenance"],
    )


def overridden(weights: Weights, changes: Mapping[str, Any]) -> Weights:
    """These weights with the changes of a policy.

    `changes` may have `bias`, `wording_share`, `edges`, `weights` by factor, and `lexicons`: by name, lists `add` and
    `remove`. Raises ValueError that names what cannot be.
    """
    unknown = changes.keys() - {"bias", "wording_share", "edges", "weights", "lexicons"}
    if unknown:
        raise ValueError(f"{min(unknown)} is nothing the analyzer has")
    chosen = changes.get("weights", {})
    lexicons = changes.get("lexicons", {})
    _refuse_unknown("factor", chosen, FACTORS)
    _refuse_unknown("lexicon", lexicons, weights.lexicons)
    return replace(
        weights,
        version=f"{weights.version}+policy" if changes else weights.version,
        bias=_number("bias", changes.get("bias", weights.bias)),
        wording_share=_number("wording_share", changes.get("wording_share", weights.wording_share), least=0, most=1),
        edges=_edges(changes.get("edges", weights.edges)),
        weights={**weights.weights, **{name: _number(name, value) for name, value in chosen.items()}},
        lexicons={**weights.lexicons, **{name: _changed(name, change) for name, change in lexicons.items()}},
    )


def _changed(name: str, change: Mapping[str, list[str]]) -> Lexicon:
    _refuse_unknown(f"change of {name}", change, ("add", "remove"))
    added = {lowered(str(entry).strip()) for entry in change.get("add", ())} - {""}
    removed = {lowered(str(entry).strip()) for entry in change.get("remove", ())}
    entries = (DEFAULT_LEXICONS[name] | added) - removed
    if len(entries) > MOST_ENTRIES:
        raise ValueError(f"{name} would have {len(entries)} entries; {MOST_ENTRIES} are the most")
    too_long = next((entry for entry in sorted(added) if len(entry) > MOST_ENTRY_LENGTH), None)
    if too_long:
        raise ValueError(f"{too_long[:20]}… in {name} is longer than {MOST_ENTRY_LENGTH} characters")
    return compiled(entries)


def _refuse_unknown(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"no {kind} is called {unknown[0]}")


def _number(name: str, value: Any, least: float = -MOST_WEIGHT, most: float = MOST_WEIGHT) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number")
    if not least <= value <= most:
        raise ValueError(f"{name} must be between {least:g} and {most:g}, not {value:g}")
    return float(value)


def _edges(values: Iterable[Any]) -> tuple[float, ...]:
    edges = tuple(_number("an edge", value, least=0, most=1) for value in values)
    if list(edges) != sorted(set(edges)):
        raise ValueError("edges must rise")
    return edges


DEFAULT_WEIGHTS = shipped()
