"""Projects and agents: where usage belongs. Both exist from first sight."""

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

NAME_LENGTH = 128


class Project(models.Model):
    """One row is one project. Demo projects are left out of totals unless chosen."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(name=""), name="project_has_a_name")]

    def __str__(self) -> str:
        return self.name


class AgentQuerySet(models.QuerySet["Agent"]):
    """Questions about agents."""

    def standing(self) -> Self:
        """Agents that are what usage is written to: all but those that were merged into another."""
        return self.filter(merged_into=None)


class Agent(models.Model):
    """One row is one agent of one project, or what an agent that was merged into another had before.

    A merged row bears the name of the one it was merged into, now and when that is renamed. Usage from before the merge
    keeps pointing to it, and since readers go by the name, both read as one; nothing else has to move.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=NAME_LENGTH)
    created_at = models.DateTimeField(default=timezone.now)
    merged_into = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="merged")

    objects: ClassVar[AgentQuerySet] = AgentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                name="agent_name_once_per_project",
                condition=models.Q(merged_into=None),
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="agent_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class FormerProjectName(models.Model):
    """A name a project had before: agents that still send it keep reporting into the same project."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="former_names")

    def __str__(self) -> str:
        return self.name


class FormerAgentName(models.Model):
    """A name an agent had before, within its project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="former_agent_names")
    name = models.CharField(max_length=NAME_LENGTH)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="former_names")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="former_agent_name_once_per_project")]

    def __str__(self) -> str:
        return self.name


class AgentMerge(models.Model):
    """One row is one agent that was merged into another, and how far what follows from that is.

    `counted_at` is when the budgets it concerns were counted anew, also in past periods; `settled_at` when that was
    done for whatever a process still charged by what it knew before.
    """

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, primary_key=True, related_name="merge")
    into = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="merges")
    name = models.CharField(max_length=NAME_LENGTH, help_text="of the merged agent before")
    merged_by = models.TextField()
    merged_at = models.DateTimeField(default=timezone.now)
    counted_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["merged_at"], name="merge_not_settled", condition=models.Q(settled_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.name} into {self.into_id}"


class PlacesVersion(models.Model):
    """One row, raised by a trigger when a name leads elsewhere: what tells caches to forget."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="places_version_is_one_row")]

    def __str__(self) -> str:
        return str(self.version)
