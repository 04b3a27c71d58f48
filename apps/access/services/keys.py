"""Makes, rotates and revokes API keys. A key never exceeds its maker."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.domain import keys
from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller, Scope
from apps.access.models import Agent, ApiKey
from apps.access.models.places import NAME_LENGTH
from apps.access.selectors.places import with_merged
from apps.access.services import audit

GRACE_DEFAULT = timedelta(days=1)
GRACE_MOST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the secret that is shown once and never stored."""

    key: ApiKey
    secret: str


@transaction.atomic
def create_key(
    *,
    caller: Caller | str,
    name: str,
    scopes: Collection[Scope],
    project_id: int | None = None,
    agent_id: int | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Makes a key. A bound key writes and reads only in its project, under its agent's name.

    Raises Refused for values that fit no key, NotAllowed if the key could do more than the caller.
    """
    _refuse_impossible(name, scopes, project_id, agent_id, expires_at)
    _refuse_more_than(caller, scopes, project_id, agent_id)
    new = _store(caller, name.strip(), scopes, project_id, agent_id, expires_at)
    audit.record(caller=caller, action="key.created", obj=new.key, after=_told(new.key), project_id=project_id)
    return new


@transaction.atomic
def rotate_key(*, caller: Caller, key_id: int, grace: timedelta = GRACE_DEFAULT) -> NewKey:
    """Makes a successor with the same rights and lifetime; the old key works on for the grace time.

    The successor belongs to whoever rotates, who must be allowed all it may do. Raises DoesNotExist for a key the
    caller cannot see, Conflict for one that has ended or was rotated before, NotAllowed if it exceeds the caller.
    """
    if not timedelta(0) <= grace <= GRACE_MOST:
        raise Refused("The grace time is between 0 and 30 days.", code="out_of_range", path="grace_seconds")
    old = _locked(caller, key_id)
    _refuse_ended(old)
    if old.rotated_to_id is not None:
        raise Conflict("This key has been rotated already; rotate its successor.", code="already_rotated")
    scopes = [Scope(scope) for scope in old.scopes]
    _refuse_more_than(caller, scopes, old.project_id, old.agent_id)
    now = timezone.now()
    lifetime = old.expires_at - old.created_at if old.expires_at else None
    new = _store(caller, old.name, scopes, old.project_id, old.agent_id, now + lifetime if lifetime else None)
    before = _told(old)
    old.rotated_to = new.key
    old.expires_at = min(filter(None, (old.expires_at, now + grace)))
    old.save(update_fields=["rotated_to", "expires_at"])
    after = _told(old) | {"successor": new.key.pk}
    audit.record(caller=caller, action="key.rotated", obj=old, before=before, after=after, project_id=old.project_id)
    return new


@transaction.atomic
def revoke_key(*, caller: Caller, key_id: int) -> ApiKey:
    """Ends a key at once: the next request with it is refused. Raises DoesNotExist or Conflict."""
    key = _locked(caller, key_id)
    _refuse_ended(key)
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    after = {"name": key.name, "revoked_at": key.revoked_at}
    audit.record(caller=caller, action="key.revoked", obj=key, after=after, project_id=key.project_id)
    return key


def end_admin_keys_of(user_id: int) -> list[int]:
    """Revokes the live keys with `admin` a person made, without an entry of its own: the caller's entry names them."""
    live = ApiKey.objects.filter(created_by_id=user_id, revoked_at=None, scopes__contains=[Scope.ADMIN])
    key_ids = list(live.select_for_update().values_list("id", flat=True))
    ApiKey.objects.filter(id__in=key_ids).update(revoked_at=timezone.now())
    return sorted(key_ids)


def _store(
    caller: Caller | str,
    name: str,
    scopes: Collection[Scope],
    project_id: int | None,
    agent_id: int | None,
    expires_at: datetime | None,
) -> NewKey:
    secret = keys.make_key()
    key = ApiKey.objects.create(
        name=name,
        prefix=keys.shown_prefix(secret),
        last4=keys.last4(secret),
        digest=keys.digest(secret),
        scopes=sorted(scope.value for scope in set(scopes)),
        project_id=project_id,
        agent_id=agent_id,
        created_by_id=caller.user_id if isinstance(caller, Caller) else None,
        created_by_name=caller.actor if isinstance(caller, Caller) else caller,
        expires_at=expires_at,
    )
    return NewKey(key=key, secret=secret)


def _refuse_impossible(
    name: str, scopes: Collection[Scope], project_id: int | None, agent_id: int | None, expires_at: datetime | None
) -> None:
    if not name.strip() or len(name.strip()) > NAME_LENGTH:
        raise Refused(f"A key needs a name of at most {NAME_LENGTH} characters.", code="invalid", path="name")
    if not scopes:
        raise Refused("A key needs at least one scope.", code="required", path="scopes")
    if expires_at is not None and expires_at <= timezone.now():
        raise Refused("The expiry lies in the past.", code="in_the_past", path="expires_at")
    standing = Agent.objects.standing()
    if agent_id is not None and not standing.filter(id=agent_id, project__in=with_merged([project_id or 0])).exists():
        raise Refused("The agent does not belong to the project of the key.", code="other_project", path="agent")


def _refuse_more_than(
    caller: Caller | str, scopes: Collection[Scope], project_id: int | None, agent_id: int | None
) -> None:
    if not isinstance(caller, Caller):
        return  # a command on the server itself
    if beyond := sorted(scope.value for scope in set(scopes) - caller.scopes):
        raise NotAllowed(f"You do not hold {', '.join(beyond)} yourself.", code="exceeds_maker", path="scopes")
    if caller.project_ids is not None and project_id not in caller.project_ids:
        raise NotAllowed("You are limited to projects: bind the key to one.", code="exceeds_maker", path="project")
    if caller.agent_id is not None and agent_id != caller.agent_id:
        raise NotAllowed("Your key is bound to an agent: bind this one to it.", code="exceeds_maker", path="agent")


def _locked(caller: Caller, key_id: int) -> ApiKey:
    """The key for a change; one the caller may not see does not exist for it."""
    key = ApiKey.objects.visible_to(caller).select_for_update(of=("self",)).filter(id=key_id).first()
    if key is None:
        raise ApiKey.DoesNotExist
    return key


def _refuse_ended(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise Conflict("This key has been revoked.", code="already_revoked")
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise Conflict("This key has expired.", code="expired")


def _told(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "last4": key.last4,
        "scopes": key.scopes,
        "project": key.project_id,
        "agent": key.agent_id,
        "expires_at": key.expires_at,
    }
