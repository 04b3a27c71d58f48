"""Tables of policies and decisions."""

from apps.routing.models.policies import PolicyVersion, RoutingState

__all__ = ["PolicyVersion", "RoutingState"]
