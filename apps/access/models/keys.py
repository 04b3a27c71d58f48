"""API keys. Only the digest of a key is stored."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.access.domain.identity import Caller, Scope
from apps.access.models.people import User
from apps.access.models.places import NAME_LENGTH, Agent, Project


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Questions about keys."""

    def visible_to(self, caller: Caller) -> Self:
        """Keys the caller may see: those of its projects, for a bound caller those of its agent."""
        keys = self if caller.project_ids is None else self.filter(project__in=caller.project_ids)
        return keys if caller.agent_id is None else keys.filter(agent=caller.agent_id)

    def live(self) -> Self:
        """Keys that work now."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now()), revoked_at=None)


class ApiKey(models.Model):
    """One row is one key. A rotated key points to its successor and ends after its grace time."""

    name = models.CharField(max_length=NAME_LENGTH)
    prefix = models.CharField(max_length=12)
    last4 = models.CharField(max_length=4)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=16))
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="keys")
    agent = models.ForeignKey(Agent, null=True, on_delete=models.CASCADE, related_name="keys")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="keys")
    created_by_name = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    rotated_to = models.OneToOneField("self", null=True, on_delete=models.SET_NULL, related_name="rotated_from")

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scopes__len__gt=0) & models.Q(scopes__contained_by=[scope.value for scope in Scope]),
                name="key_scopes_known",
            ),
            models.CheckConstraint(
                condition=models.Q(agent=None) | models.Q(project__isnull=False), name="key_agent_needs_project"
            ),
        ]

    def __str__(self) -> str:
        return self.name
