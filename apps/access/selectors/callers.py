"""Who holds a key: one query on the way into every API request."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from apps.access.domain.identity import Caller, Role, Scope
from apps.access.statements import prepared

# The rows of the project of a key: that of the one it was merged into, if it was, and those of all that were.
_ROWS = """(SELECT coalesce(p.merged_into_id, p.id) || array_agg(g.id) FROM access_project g
               WHERE g.merged_into_id = coalesce(p.merged_into_id, p.id))"""
# One row by the unique digest. A key with `admin` works only while its maker is active and may make it.
BY_DIGEST = f"""
SELECT k.id, k.name, k.scopes, k.created_by_id, m.role,
       k.project_id, coalesce(p.sent_as, p.name), k.agent_id, a.name,
       CASE WHEN k.agent_id IS NOT NULL THEN (
           SELECT array_agg(f.name ORDER BY f.name) FROM access_formeragentname f WHERE f.agent_id = k.agent_id) END,
       CASE WHEN k.project_id IS NOT NULL THEN (
           SELECT array_agg(f.name ORDER BY f.name) FROM access_formerprojectname f
           WHERE f.project_id = ANY({_ROWS}::bigint[])
       ) || CASE WHEN p.sent_as IS NOT NULL THEN ARRAY[p.name] END END,
       CASE WHEN k.project_id IS NOT NULL THEN {_ROWS} END,
       k.last_used_at IS NULL OR k.last_used_at < statement_timestamp() - interval '1 minute',
       (SELECT version FROM access_placesversion)
FROM access_apikey k
LEFT JOIN access_project p ON p.id = k.project_id
LEFT JOIN access_agent a ON a.id = k.agent_id
LEFT JOIN access_user m ON m.id = k.created_by_id AND m.is_active
WHERE k.digest = %(digest)s
  AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())
  AND (NOT 'admin' = ANY(k.scopes) OR m.role IN ('owner', 'admin'))
"""
COLUMNS = 14
"""How many a row of it has."""


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The caller behind a key; whether its last use should be noted; the version of projects and agents."""

    caller: Caller
    use_is_stale: bool
    places_version: int


def holder_of(digest: bytes) -> KeyHolder | None:
    """The holder of a live key, None for an unknown, revoked or expired one."""
    rows = prepared(BY_DIGEST, {"digest": digest})
    return holder_from(rows[0]) if rows else None


def holder_from(row: Sequence[Any]) -> KeyHolder:
    """The holder as a row of BY_DIGEST tells it."""
    *of_caller, stale, version = row
    for place in _LISTS:
        of_caller[place] = tuple(of_caller[place] or ())
    return KeyHolder(caller=_caller(*of_caller), use_is_stale=stale, places_version=version or 0)


_LISTS = (2, 9, 10, 11)
"""The places of the scopes, of the former names of agent and project, and of the rows of the project."""


@lru_cache(maxsize=1024)
def _caller(
    key_id: int, name: str, scopes: Sequence[str], maker_id: int | None, role: str | None,
    project_id: int | None, project_name: str | None, agent_id: int | None, agent_name: str | None,
    agent_former_names: Sequence[str], project_former_names: Sequence[str], project_ids: Sequence[int],
) -> Caller:  # fmt: skip
    """The same object for the same key as long as nothing of it changes: it is made anew at every request otherwise."""
    return Caller(
        kind="key",
        actor=f"key {key_id} ({name})",
        key_id=key_id,
        user_id=maker_id,
        scopes=frozenset(map(Scope, scopes)),
        role=Role(role) if role else None,
        project_ids=None if project_id is None else frozenset((project_id, *project_ids)),
        project_id=project_id,
        project_name=project_name,
        agent_id=agent_id,
        agent_name=agent_name,
        agent_former_names=tuple(agent_former_names),
        project_former_names=tuple(project_former_names),
    )
