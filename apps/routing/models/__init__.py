"""Tables of policies and decisions."""

from apps.routing.models.decisions import Decision
from apps.routing.models.policies import PolicyVersion, RoutingState
from apps.routing.models.quality import ModelQuality, QualityState

__all__ = ["Decision", "ModelQuality", "PolicyVersion", "QualityState", "RoutingState"]
