"""Merging as it was previewed."""

from collections.abc import Callable
from typing import TypeVar

import psycopg
from django.db import OperationalError, connection

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller
from apps.access.models import AgentMerge, ProjectMerge
from apps.access.services import merges, project_merges
from apps.access.services.merges import merge_agent
from apps.access.services.project_merges import Sight, merge_project
from controlplane.merging.preview import preview
from controlplane.merging.project_preview import project_preview

M = TypeVar("M", AgentMerge, ProjectMerge)
_TRIES = 3


def merge_as_previewed(*, caller: Caller, agent_id: int, into_id: int, fingerprint: str) -> AgentMerge:
    """Merge if what was previewed is still what would happen; the same again changes nothing.

    Raises Conflict if it is not, and Agent.DoesNotExist and Refused as `merge_agent`.
    """
    if (standing := merges.merged_before(caller, agent_id, into_id)) is not None:
        return standing
    _expect(preview(caller=caller, agent_id=agent_id, into_id=into_id).fingerprint, fingerprint)
    return _patiently(lambda: merge_agent(caller=caller, agent_id=agent_id, into_id=into_id))


def merge_projects_as_previewed(
    *, caller: Caller, project_id: int, into_id: int, fingerprint: str, sight: Sight | None
) -> ProjectMerge:
    """The same for projects: Project.DoesNotExist, Refused and NotAllowed as `merge_project`."""
    if (standing := project_merges.merged_before(caller, project_id, into_id)) is not None:
        return standing
    _expect(project_preview(caller=caller, project_id=project_id, into_id=into_id).fingerprint, fingerprint)
    return _patiently(lambda: merge_project(caller=caller, project_id=project_id, into_id=into_id, sight=sight))


def _expect(now: str, seen: str) -> None:
    if now != seen:
        message = "What this would do has changed since it was previewed. Nothing was merged; look again."
        raise Conflict(message, code="changed", path="fingerprint")


def _patiently(merge: Callable[[], M]) -> M:
    for tries_left in reversed(range(_TRIES)):
        try:
            return merge()
        except OperationalError as error:
            # A sweep may hold counters and wait for budgets, which this holds: the database lets one of them go on.
            is_deadlock = isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
            if not is_deadlock or connection.in_atomic_block or not tries_left:
                raise
    raise AssertionError("unreachable")
