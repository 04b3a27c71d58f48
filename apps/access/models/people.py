"""People and the invitations that make them."""

from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from apps.access.domain.identity import ROLE_SCOPES, Caller, Role
from apps.access.models.places import Project

ROLE_CHOICES = [(role.value, role.value.capitalize()) for role in Role]


class UserManager(BaseUserManager["User"]):
    """Finds people by email in any case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())

    def owners(self) -> models.QuerySet["User"]:
        """Active owners: one must always remain."""
        return self.filter(role=Role.OWNER, is_active=True)


class User(AbstractBaseUser):
    """One row is one person. `limited` with no projects sees nothing: deleting a project never widens anyone."""

    email = models.EmailField(max_length=254, unique=True)
    role = models.CharField(max_length=8, choices=ROLE_CHOICES, default=Role.ANALYST)
    limited = models.BooleanField(default=False)
    projects = models.ManyToManyField(Project, blank=True, related_name="people")
    is_active = models.BooleanField(default=True)
    must_change_password = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"),
            models.CheckConstraint(condition=models.Q(role__in=[role.value for role in Role]), name="user_role_known"),
            models.CheckConstraint(
                condition=models.Q(limited=False) | ~models.Q(role=Role.OWNER.value), name="owners_are_not_limited"
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)

    @cached_property
    def project_limit(self) -> frozenset[int] | None:
        """The ids of the projects this person is limited to, with all that was merged into them; None is no limit."""
        if not self.limited:
            return None
        return frozenset(Project.objects.rows_of(self.projects.values("id")).values_list("id", flat=True))

    def caller(self) -> Caller:
        """This person as the caller of a request."""
        role = Role(self.role)
        return Caller(
            kind="person",
            actor=self.email,
            key_id=None,
            user_id=self.pk,
            scopes=ROLE_SCOPES[role],
            role=role,
            project_ids=self.project_limit,
        )


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Invitations that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())


class Invitation(models.Model):
    """One row is one invitation link. It ends with its maker: a removed owner keeps no way in."""

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=8, choices=ROLE_CHOICES)
    limited = models.BooleanField(default=False)
    projects = models.ManyToManyField(Project, blank=True, related_name="invitations")
    digest = models.BinaryField(max_length=32, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="invitation_email_is_lower_case"),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in Role]), name="invitation_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class PasswordResetQuerySet(models.QuerySet["PasswordReset"]):
    def due(self, now: datetime) -> Self:
        """Requests whose mail has not gone out and that no worker holds, oldest first."""
        free = models.Q(leased_until=None) | models.Q(leased_until__lt=now)
        return self.filter(free, sent_at=None).order_by("id")


class PasswordReset(models.Model):
    """One row is one wish for a new password by mail: an outbox, leased, sent, marked."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="password_resets")
    base_url = models.URLField()
    requested_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    objects = PasswordResetQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.person_id} at {self.requested_at}"
