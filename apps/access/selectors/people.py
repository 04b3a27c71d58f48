"""Reads of people and invitations. Only owners ask."""

from dataclasses import dataclass

from django.db.models import QuerySet

from apps.access.domain.identity import Scope
from apps.access.domain.tokens import token_digest
from apps.access.models import ApiKey, Invitation, User


def people() -> QuerySet[User]:
    """Everybody, with the projects they are limited to."""
    return User.objects.prefetch_related("projects").order_by("id")


def open_invitations() -> QuerySet[Invitation]:
    """Links that can still be used."""
    return Invitation.objects.open().select_related("created_by").prefetch_related("projects").order_by("id")


def invitation_of(token: str) -> Invitation | None:
    """The open invitation a link belongs to."""
    return Invitation.objects.open().select_related("created_by").filter(digest=token_digest(token)).first()


@dataclass(frozen=True, slots=True)
class KeysOf:
    """The live keys of a person: which end with their rights, and which live on as orphans."""

    ending: list[ApiKey]
    staying: list[ApiKey]


def keys_that_would(person: User) -> KeysOf:
    """What happens to a person's keys when they are removed or may less."""
    live = list(person.keys.live().order_by("id"))
    return KeysOf(
        ending=[key for key in live if Scope.ADMIN in key.scopes],
        staying=[key for key in live if Scope.ADMIN not in key.scopes],
    )
