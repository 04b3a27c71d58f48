"""Merging as it was previewed."""

import psycopg
from django.db import OperationalError, connection

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller
from apps.access.models import AgentMerge
from apps.access.services.merges import merge_agent, merged_before
from controlplane.merging.preview import preview

_TRIES = 3


def merge_as_previewed(*, caller: Caller, agent_id: int, into_id: int, fingerprint: str) -> AgentMerge:
    """Merge if what was previewed is still what would happen; the same again changes nothing.

    Raises Conflict if it is not, and Agent.DoesNotExist and Refused as `merge_agent`.
    """
    if (standing := merged_before(caller, agent_id, into_id)) is not None:
        return standing
    if preview(caller=caller, agent_id=agent_id, into_id=into_id).fingerprint != fingerprint:
        message = "What this would do has changed since it was previewed. Nothing was merged; look again."
        raise Conflict(message, code="changed", path="fingerprint")
    for tries_left in reversed(range(_TRIES)):
        try:
            return merge_agent(caller=caller, agent_id=agent_id, into_id=into_id)
        except OperationalError as error:
            # A sweep may hold counters and wait for budgets, which this holds: the database lets one of them go on.
            is_deadlock = isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
            if not is_deadlock or connection.in_atomic_block or not tries_left:
                raise
    raise AssertionError("unreachable")
