"""The configuration agents fetch, ready as bytes with its tag: made once per generation of policy and price book."""

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.costs.selectors.rate_book import current_rate_book, rate_book
from apps.routing.domain.config import NOTHING, config_of
from apps.routing.selectors.in_force import in_force
from apps.routing.selectors.policies import price_facts

BOOK_TRUSTED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Config:
    """What is told, and the number it was made at."""

    told: dict[str, Any]
    tag: str


_made: dict[tuple[int, int, bool], Config] = {}
_book_seen_at: float | None = None


def config_for(project: str, agent: str, *, now: datetime) -> Config:
    """The configuration of a project and agent, and its strong tag."""
    found = in_force()
    if found is None:
        return Config(NOTHING, '"none"')
    is_off = found.policy.off.covers(project, agent)
    key = (found.generation, _book_version(), is_off)
    if key not in _made:
        facts = price_facts({model.key for tier in found.policy.tiers for model in tier.models}, now=now)
        told = config_of(found.policy, found.version, facts, is_off=is_off, unhealthy=frozenset())
        tag = hashlib.sha256(repr((key[1], told)).encode()).hexdigest()[:32]
        if len(_made) > 8:
            _made.clear()
        _made[key] = Config(told, f'"{tag}"')
    return _made[key]


def forget() -> None:
    """Empty the memory: for tests."""
    global _book_seen_at
    _made.clear()
    _book_seen_at = None


def _book_version() -> int:
    """The version of the price book, looked at once a second."""
    global _book_seen_at
    if _book_seen_at is None or time.monotonic() - _book_seen_at > BOOK_TRUSTED_SECONDS:
        version = current_rate_book().version
        _book_seen_at = time.monotonic()
        return version
    return rate_book().version
