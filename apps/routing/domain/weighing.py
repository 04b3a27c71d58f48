"""The analyzer's weights as a policy has them: its own changes, and its tiers as the edges confidence is about."""

from .complexity import DEFAULT_WEIGHTS, Weights
from .complexity.weights import overridden
from .policy import Policy, PolicyError


def weights_of(policy: Policy) -> Weights:
    """The shipped weights with what the policy changes. Raises PolicyError naming what cannot be."""
    edges = sorted({tier.upper for tier in policy.tiers[:-1]})
    try:
        return overridden(DEFAULT_WEIGHTS, {"edges": edges, **policy.complexity})
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise PolicyError(f"{error}.", "complexity") from error
