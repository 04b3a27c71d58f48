"""Tables of policies and decisions."""

from apps.routing.models.decisions import Decision
from apps.routing.models.policies import PolicyVersion, RoutingState

__all__ = ["Decision", "PolicyVersion", "RoutingState"]
