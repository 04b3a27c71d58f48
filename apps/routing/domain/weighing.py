"""The analyzer's weights as a policy has them: its own changes, and its tiers as the edges confidence is about."""

from collections.abc import Mapping
from typing import Any

from .complexity import DEFAULT_WEIGHTS, Weights
from .complexity.weights import overridden
from .policy import Policy, PolicyError

SHAPES: tuple[tuple[str, type, str], ...] = (
    ("weights", dict, "The weights are an object: a number by factor."),
    ("lexicons", dict, "The lexicons are an object: by name, lists `add` and `remove`."),
    ("edges", list, "The edges are a list of numbers."),
)


def weights_of(policy: Policy) -> Weights:
    """The shipped weights with what the policy changes. Raises PolicyError naming what cannot be."""
    edges = sorted({tier.upper for tier in policy.tiers[:-1]})
    try:
        return overridden(DEFAULT_WEIGHTS, {"edges": edges, **policy.complexity})
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise PolicyError(f"{error}.", "complexity") from error


def refuse_odd_changes(changes: Mapping[str, Any]) -> None:
    """Raise PolicyError for changes of another shape: a text where words are meant would be taken letter by letter.

    For drafts alone: what was published before goes on to be read as it was.
    """
    for name, kind, message in SHAPES:
        if name in changes and not isinstance(changes[name], kind):
            raise PolicyError(message, f"complexity.{name}")
    for name, change in changes.get("lexicons", {}).items():
        lists = change.values() if isinstance(change, dict) else [None]
        if any(not isinstance(words, list) or not all(isinstance(word, str) for word in words) for words in lists):
            raise PolicyError(f"{name[:60]}: lists `add` and `remove` of words are meant.", "complexity.lexicons")
