"""Projects and agents: where usage belongs. Both exist from first sight."""

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


class Agent(models.Model):
    """One row is one agent of one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=NAME_LENGTH)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="agent_name_once_per_project"),
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


class PlacesVersion(models.Model):
    """One row, raised by a trigger when a project or agent is deleted or re-keyed: what tells caches to forget."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="places_version_is_one_row")]

    def __str__(self) -> str:
        return str(self.version)
