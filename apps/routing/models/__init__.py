"""Tables of policies, decisions and the health of models."""

from apps.routing.models.decisions import Decision
from apps.routing.models.health import ModelHealth
from apps.routing.models.policies import PolicyVersion, RoutingState
from apps.routing.models.quality import ModelQuality, QualityState

__all__ = ["Decision", "ModelHealth", "ModelQuality", "PolicyVersion", "QualityState", "RoutingState"]
