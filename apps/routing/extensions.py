"""What routing puts into the doors of access, costs and budgets at start.

The tier of a call, what a tier costs at most, what was saved, and which calls budgets sent down.
"""

from apps.access.extension_points import projects_removed
from apps.budgets.extension_points import lowered_calls, tier_ceiling, tiers_from
from apps.costs.extension_points import Tiering, saving, sending_down, tiering
from apps.routing.selectors import in_force
from apps.routing.selectors.decisions import tiers_of_decisions
from apps.routing.selectors.in_force import lowest_tier, version_in_force
from apps.routing.selectors.savings_told import told_saving
from apps.routing.selectors.sent_down import lowered_by, told_sent_down
from apps.routing.services.removing import forget_projects


def register() -> None:
    """Fill the doors."""
    tiering.register(Tiering(version=version_in_force, of_model=lowest_tier, of_decisions=tiers_of_decisions))
    tier_ceiling.register(in_force.tier_ceiling)
    tiers_from.register(in_force.tiers_from)
    lowered_calls.register(lowered_by)
    saving.register(told_saving)
    sending_down.register(told_sent_down)
    projects_removed.connect(forget_projects, dispatch_uid="routing")
