"""The public lists over time: newer editions, what they would change, applying it, and comparing the lists."""

from apps.costs.services.price_lists.applying import Applied, apply_changes, decide, undo_changes
from apps.costs.services.price_lists.checking import ask_daily, ask_for_check, work_on_check
from apps.costs.services.price_lists.choosing import use_price_of
from apps.costs.services.price_lists.loading import load_at_hand

__all__ = [
    "Applied",
    "apply_changes",
    "ask_daily",
    "ask_for_check",
    "decide",
    "load_at_hand",
    "undo_changes",
    "use_price_of",
    "work_on_check",
]
