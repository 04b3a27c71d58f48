"""A decision that nobody asked for, before a new process takes any: the first real one then waits for nothing."""

from datetime import datetime

from apps.access.domain.identity import Caller
from apps.routing.domain.asked import Asked
from apps.routing.domain.complexity import DEFAULT_WEIGHTS, Ask, analyze
from apps.routing.domain.hashed_features import hashed_features
from apps.routing.selectors.config import config_for
from apps.routing.services.decisions import preview

_NOBODY = Caller(
    kind="key", actor="rehearsal", key_id=None, user_id=None, scopes=frozenset(), role=None, project_ids=None
)
_ASK = "Refactor the scheduler, explain step by step why it cannot deadlock, and write tests for it. "


def rehearse(*, now: datetime) -> None:
    """Answer a made-up question and make the configuration, keeping neither.

    So policy, prices, qualities, lexicons and vocabulary are read, and a connection has planned what a decision asks.
    """
    asked = Asked(message=_ASK * 20, conversation_id="rehearsal", requires=["tools"], context_tokens=3000)
    preview(caller=_NOBODY, asked=asked, now=now)
    reading = analyze(Ask(_ASK), None, DEFAULT_WEIGHTS).reading
    if reading is not None:
        hashed_features(reading)
    config_for("", "", now=now)
