"""The configuration agents fetch, with its tag: made once a minute, and when the policy or the price book moves.

A price may be dated ahead, so a book that nobody touches tells another one from that moment on.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from apps.routing.domain.config import NOTHING, config_of
from apps.routing.selectors.catalogue import fresh_book
from apps.routing.selectors.health import open_models
from apps.routing.selectors.in_force import in_force
from apps.routing.selectors.policies import price_facts


@dataclass(frozen=True, slots=True)
class Config:
    """What is told, as JSON, and its strong tag."""

    told: bytes
    tag: str


_NONE = Config(msgspec.json.encode(NOTHING), '"none"')
_made: dict[tuple[int, int, bool, int], Config] = {}


def config_for(project: str, agent: str, *, now: datetime) -> Config:
    """The configuration of a project and agent."""
    found = in_force()
    if found is None:
        return _NONE
    is_off = found.called(project, agent).policy.off.covers(project, agent)
    book = fresh_book()
    key = (found.generation, book.version, is_off, int(now.timestamp()) // 60)
    if key not in _made:
        facts = price_facts({model.key for tier in found.policy.tiers for model in tier.models}, now=now, book=book)
        told = config_of(found.policy, found.version, facts, is_off=is_off, unhealthy=open_models())
        tag = hashlib.sha256(repr((key[1], told)).encode()).hexdigest()[:32]
        if len(_made) > 8:
            _made.clear()
        _made[key] = Config(msgspec.json.encode(told), f'"{tag}"')
    return _made[key]


def forget() -> None:
    """Empty the memory: for tests."""
    _made.clear()
