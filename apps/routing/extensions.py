"""What routing puts into the doors of costs at start: the tier of a call."""

from apps.costs.extension_points import Tiering, tiering
from apps.routing.selectors.decisions import tiers_of_decisions
from apps.routing.selectors.in_force import lowest_tier, version_in_force


def register() -> None:
    """Fill the doors."""
    tiering.register(Tiering(version=version_in_force, of_model=lowest_tier, of_decisions=tiers_of_decisions))
