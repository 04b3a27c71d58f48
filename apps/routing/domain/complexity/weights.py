"""What the factors weigh: plain data that a policy may override, as a whole or in part."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.routing.domain.complexity.factors import Lexicon
from apps.routing.domain.complexity.lexicons import DEFAULT_LEXICONS


@dataclass(frozen=True)
class Weights:
    """Log-odds: `bias` for the typical ask, and per factor the weight of its distance from the typical value."""

    version: str
    bias: float
    weights: Mapping[str, float]
    typical: Mapping[str, float]
    lexicons: Mapping[str, Lexicon]
    spread: float = 1.0
    edges: tuple[float, ...] = (0.3, 0.7)
    scan_characters: int = 65_536
    word_characters: int = 8_192
    provenance: Mapping[str, str] = field(default_factory=dict)


def compiled(entries: frozenset[str]) -> Lexicon:
    """A lexicon by how its entries are looked for."""
    words = frozenset(entry for entry in entries if entry.isalnum() and not _is_unspaced(entry))
    unspaced = frozenset(entry for entry in entries if _is_unspaced(entry))
    return Lexicon(words, tuple(sorted(entries - words - unspaced)), tuple(sorted(unspaced)))


def _is_unspaced(entry: str) -> bool:
    return any(letter >= "\u0e00" for letter in entry)


DEFAULT_WEIGHTS = Weights(
    version="hand-1",
    bias=-0.4,
    weights={
        "reasoning_depth": 2.5, "tool_chaining": 2.0, "code_generation": 1.2, "creativity": 0.3, "response_length": 1.5,
        "constraint_density": 1.5, "domain_rarity": 1.0, "ask_size": 1.0, "context_volume": 1.0,
        "conversation_state": 2.5, "declared_task": 1.5, "small_talk": -2.5,
    },
    typical={
        "reasoning_depth": 0.2, "tool_chaining": 0.15, "code_generation": 0.15, "creativity": 0.5,
        "response_length": 0.5, "constraint_density": 0.2, "domain_rarity": 0.35, "ask_size": 0.5,
        "declared_task": 0.5,
    },
    lexicons={name: compiled(entries) for name, entries in DEFAULT_LEXICONS.items()},
)  # fmt: skip
