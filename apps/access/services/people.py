"""Invites, changes and removes people. Only owners do; one owner always remains."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller, Role
from apps.access.domain.tokens import make_password, make_token, token_digest
from apps.access.models import Invitation, Project, User
from apps.access.services import audit
from apps.access.services.keys import end_admin_keys_of

INVITATION_LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation just made, with the token of its link, shown once."""

    invitation: Invitation
    token: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person may do: a role, and the projects it is limited to (None is no limit)."""

    role: Role
    project_ids: frozenset[int] | None = None


@transaction.atomic
def invite(*, caller: Caller, email: str, standing: Standing) -> NewInvitation:
    """Makes a link that lets its first user in; an earlier open link to the same address ends.

    Raises Refused for an address or a limit that cannot be, Conflict if the person is here already, NotAllowed
    for anyone but an owner.
    """
    owner_id = _owner(caller)
    email = _address(email)
    _refuse_impossible(standing)
    _lock_owners()  # Two invitations of one address at once must not both stay open.
    if User.objects.filter(email=email).exists():
        raise Conflict(f"{email} is here already.", code="already_here", path="email")
    now = timezone.now()
    Invitation.objects.open().filter(email=email).update(revoked_at=now)
    token = make_token()
    invitation = Invitation.objects.create(
        email=email,
        role=standing.role,
        limited=standing.project_ids is not None,
        digest=token_digest(token),
        created_by_id=owner_id,
        expires_at=now + INVITATION_LIFETIME,
    )
    invitation.projects.set(standing.project_ids or ())
    after = {"email": email, **_told(standing), "expires_at": invitation.expires_at}
    audit.record(caller=caller, action="invitation.created", obj=invitation, after=after)
    return NewInvitation(invitation=invitation, token=token)


@transaction.atomic
def revoke_invitation(*, caller: Caller, invitation_id: int) -> Invitation:
    """Ends an open invitation. Raises DoesNotExist if there is none, NotAllowed for anyone but an owner."""
    _owner(caller)
    invitation = Invitation.objects.open().select_for_update().get(id=invitation_id)
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    audit.record(caller=caller, action="invitation.revoked", obj=invitation, after={"email": invitation.email})
    return invitation


@transaction.atomic
def accept_invitation(*, token: str, password: str) -> User:
    """Makes the invited person. Raises Invitation.DoesNotExist for a link that has ended, Refused for the password."""
    invitation = Invitation.objects.open().select_for_update().get(digest=token_digest(token))
    if User.objects.filter(email=invitation.email).exists():
        raise Conflict(f"{invitation.email} is here already.", code="already_here")
    limit = frozenset(invitation.projects.values_list("id", flat=True)) if invitation.limited else None
    standing = Standing(Role(invitation.role), limit)
    person = _make(invitation.email, password, standing)
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    audit.record(caller=person.email, action="invitation.accepted", obj=person, after=_told(standing))
    return person


@transaction.atomic
def create_owner(*, email: str) -> tuple[User, str]:
    """Makes an owner with a one-time password, for the command on the server. Returns the person and the password."""
    email = _address(email)
    if User.objects.filter(email=email).exists():
        raise Conflict(f"{email} is here already.", code="already_here", path="email")
    password = make_password()
    person = _make(email, password, Standing(Role.OWNER))
    person.must_change_password = True
    person.save(update_fields=["must_change_password"])
    audit.record(caller="command create_owner", action="person.created", obj=person, after={"email": email})
    return person, password


@transaction.atomic
def change_person(
    *, caller: Caller, user_id: int, standing: Standing | None = None, is_active: bool | None = None
) -> User:
    """Changes a person's role, limit or access; what is None stays. It holds from the person's next request.

    Keys with `admin` the person could no longer make end with it; agent keys live on and are listed. Raises
    DoesNotExist, NotAllowed for anyone but an owner, Conflict if no active owner would remain.
    """
    _owner(caller)
    _lock_owners()
    person = User.objects.select_for_update().get(id=user_id)
    before = _told_of(person)
    if standing is not None:
        _refuse_impossible(standing)
        _apply(person, standing)
    person.is_active = person.is_active if is_active is None else is_active
    person.save(update_fields=["role", "limited", "is_active"])
    _refuse_no_owner()
    after = _told_of(person)
    if after == before:
        return person
    if _lost_rights(before, after):
        after["revoked_keys"] = end_admin_keys_of(person.pk)
        Invitation.objects.open().filter(created_by=person).update(revoked_at=timezone.now())
    audit.record(caller=caller, action="person.changed", obj=person, before=before, after=after)
    return person


@transaction.atomic
def remove_person(*, caller: Caller, user_id: int) -> None:
    """Removes a person with their open invitations. Their `admin` keys end; agent keys live on, listed as orphaned.

    Raises DoesNotExist, NotAllowed for anyone but an owner, Conflict for the last owner.
    """
    _owner(caller)
    _lock_owners()
    person = User.objects.select_for_update().get(id=user_id)
    before = _told_of(person)
    revoked = end_admin_keys_of(person.pk)
    kept = list(person.keys.live().values_list("id", flat=True))
    person_copy = User(pk=person.pk)
    person.delete()
    _refuse_no_owner()
    after = {"revoked_keys": revoked, "orphaned_keys": sorted(kept)}
    audit.record(caller=caller, action="person.removed", obj=person_copy, before=before, after=after)


def _owner(caller: Caller) -> int:
    """The id of the owner who acts. A key acts for its maker, unless it is bound to a project."""
    if caller.user_id is None or not caller.has_role(Role.OWNER) or caller.project_ids is not None:
        raise NotAllowed("Only owners manage people.", code="owners_only")
    return caller.user_id


def _address(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Refused("This is not an email address.", code="invalid", path="email") from error
    return email


def _refuse_impossible(standing: Standing) -> None:
    if standing.project_ids is None:
        return
    if standing.role is Role.OWNER:
        raise Refused("Owners see every project; choose another role to limit.", code="owner_limited", path="projects")
    known = set(Project.objects.standing().filter(id__in=standing.project_ids).values_list("id", flat=True))
    if not standing.project_ids or standing.project_ids - known:
        raise Refused("Choose at least one existing project.", code="unknown_project", path="projects")


def _make(email: str, password: str, standing: Standing) -> User:
    person = User(email=email, role=standing.role, limited=standing.project_ids is not None)
    refuse_weak(password, person)
    person.set_password(password)
    person.save()
    person.projects.set(standing.project_ids or ())
    return person


def refuse_weak(password: str, person: User) -> None:
    """Raises Refused, naming every rule the password breaks."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise Refused(" ".join(error.messages), code="weak_password", path="password") from error


def _apply(person: User, standing: Standing) -> None:
    person.role = standing.role
    person.limited = standing.project_ids is not None
    person.projects.set(standing.project_ids or ())


def _lock_owners() -> None:
    """Two owners removing each other at once must not both succeed."""
    list(User.objects.owners().select_for_update().order_by("id").values_list("id"))


def _refuse_no_owner() -> None:
    if not User.objects.owners().exists():
        raise Conflict("This is the last owner; make another one first.", code="last_owner")


def _lost_rights(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """True if keys with `admin` made before could now exceed their maker."""
    narrowed = after["projects"] is not None and after["projects"] != before["projects"]
    return narrowed or not after["is_active"] or not Role(after["role"]).includes(Role(before["role"]))


def _told(standing: Standing) -> dict[str, Any]:
    return {"role": standing.role, "projects": _sorted(standing.project_ids)}


def _told_of(person: User) -> dict[str, Any]:
    limit = frozenset(person.projects.values_list("id", flat=True)) if person.limited else None
    return {"email": person.email, "role": person.role, "projects": _sorted(limit), "is_active": person.is_active}


def _sorted(ids: Collection[int] | None) -> list[int] | None:
    return None if ids is None else sorted(ids)
