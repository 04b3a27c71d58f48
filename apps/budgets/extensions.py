"""What budgets put into the doors of costs, at start."""

from apps.budgets.services.charging import prepare
from apps.budgets.services.recharging import recharge
from apps.costs.extension_points import charging, recharging


def register() -> None:
    """Charge what ingest stores, and correct what re-rating changes."""
    charging.register(prepare)
    recharging.register(recharge)
