"""Reads of keys."""

from dataclasses import dataclass
from typing import Literal

from django.utils import timezone

from apps.access.domain.identity import Caller, Role
from apps.access.models import ApiKey
from apps.access.models.keys import ApiKeyQuerySet

State = Literal["active", "ending", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as lists show it: `ending` means rotated, still within its grace time."""

    key: ApiKey
    state: State
    orphaned: str


def keys_of(caller: Caller) -> ApiKeyQuerySet:
    """The keys the caller may see, with all that a list shows of them, newest first."""
    keys = ApiKey.objects.visible_to(caller)
    return (
        keys.select_related("project", "agent", "created_by").prefetch_related("created_by__projects").order_by("-id")
    )


def why_orphaned(key: ApiKey) -> str:
    """Why nobody answers for a key any more; empty if its maker could still make it, or a command made it."""
    maker = key.created_by
    if maker is None:
        return "" if key.created_by_name.startswith("command ") else "Its maker was removed."
    if not maker.is_active:
        return "Its maker is suspended."
    if maker.role == Role.ANALYST:
        return "Its maker is an analyst now."
    project_id = key.project and (key.project.merged_into_id or key.project_id)
    if maker.limited and project_id not in {project.pk for project in maker.projects.all()}:
        return "Its maker no longer sees its project."
    return ""


def listed(key: ApiKey) -> ListedKey:
    """The key with what follows from its columns."""
    return ListedKey(key=key, state=_state(key), orphaned=why_orphaned(key))


def _state(key: ApiKey) -> State:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return "expired"
    return "ending" if key.rotated_to_id is not None else "active"
