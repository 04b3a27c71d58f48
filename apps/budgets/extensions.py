"""What budgets put into the doors of access and costs, at start."""

from apps.access.extension_points import agent_merged, agent_renamed, project_merged, projects_removed
from apps.budgets.services.charging import prepare
from apps.budgets.services.merging import follow_renamed, merge_counters, merge_projects
from apps.budgets.services.recharging import recharge
from apps.budgets.services.removing import forget_projects
from apps.costs.extension_points import charging, recharging


def register() -> None:
    """Charge what ingest stores, correct what re-rating changes, follow renames and merges, go with projects."""
    charging.register(prepare)
    recharging.register(recharge)
    agent_renamed.connect(follow_renamed, dispatch_uid="budgets")
    agent_merged.connect(merge_counters, dispatch_uid="budgets")
    project_merged.connect(merge_projects, dispatch_uid="budgets")
    projects_removed.connect(forget_projects, dispatch_uid="budgets")
