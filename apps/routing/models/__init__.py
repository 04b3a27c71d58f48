"""Tables of policies, decisions, the health of models and what routing saved."""

from apps.routing.models.compressions import Compression
from apps.routing.models.decisions import Decision
from apps.routing.models.examples import LabelledExample
from apps.routing.models.health import ModelHealth
from apps.routing.models.policies import PolicyVersion, RoutingState
from apps.routing.models.quality import ModelQuality, QualityState
from apps.routing.models.replays import ReplayRun, ReplayState
from apps.routing.models.savings import (
    BandSum,
    BaselineLearned,
    BaselineRow,
    SavingsDay,
    SavingsSlice,
    SavingsSum,
    SwitchSum,
)

__all__ = [
    "BandSum",
    "BaselineLearned",
    "BaselineRow",
    "Compression",
    "Decision",
    "LabelledExample",
    "ModelHealth",
    "ModelQuality",
    "PolicyVersion",
    "QualityState",
    "ReplayRun",
    "ReplayState",
    "RoutingState",
    "SavingsDay",
    "SavingsSlice",
    "SavingsSum",
    "SwitchSum",
]
