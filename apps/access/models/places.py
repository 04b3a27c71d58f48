"""Projects and agents: where usage belongs. Both exist from first sight."""

from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone

NAME_LENGTH = 128


class ProjectQuerySet(models.QuerySet["Project"]):
    """Questions about projects."""

    def standing(self) -> Self:
        """Projects as people know them: all but the rows of those that were merged into another."""
        return self.filter(merged_into=None)

    def rows_of(self, projects: Any) -> Self:
        """These projects, given as ids or a query of them, with all that was merged into one of them."""
        return self.filter(models.Q(id__in=projects) | models.Q(merged_into__in=projects))


class Project(models.Model):
    """One row is one project, or what a project that was merged into another had, and still gets.

    A merged row bears the name of the one it was merged into, now and when that is renamed. All its usage keeps
    pointing to it, and so does what is still sent under `sent_as`, its own name: ids that are unique in a project stay
    that. Whoever reads goes by the name, or by the ids of all rows of the project, so both read as one. Demo projects
    are left out of totals unless chosen.
    """

    name = models.CharField(max_length=NAME_LENGTH)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    merged_into = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="merged")
    sent_as = models.CharField(max_length=NAME_LENGTH, null=True, help_text="of a merged row: its name before")

    objects: ClassVar[ProjectQuerySet] = ProjectQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], name="project_name_once", condition=models.Q(merged_into=None)),
            models.CheckConstraint(condition=~models.Q(name=""), name="project_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(merged_into=None, sent_as=None)
                | models.Q(merged_into__isnull=False, sent_as__isnull=False),
                name="merged_project_has_its_own_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def called_before(self) -> list[str]:
        """The names it, and what was merged into it, had before."""
        names = [former.name for one in (self, *self.merged.all()) for former in one.former_names.all()]
        return sorted(names)


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

    @property
    def called_before(self) -> list[str]:
        """The names it, and what was merged into it, had before."""
        return sorted(former.name for former in self.former_names.all())


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


class Merge(models.Model):
    """Who merged two into one and when, and how far what follows from that is.

    `counted_at` is when the budgets it concerns were counted anew, also in past periods; `settled_at` when that was
    done for whatever a process still charged by what it knew before.
    """

    merged_by = models.TextField()
    merged_at = models.DateTimeField(default=timezone.now)
    counted_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class AgentMerge(Merge):
    """One row is one agent that was merged into another."""

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, primary_key=True, related_name="merge")
    into = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="merges")
    name = models.CharField(max_length=NAME_LENGTH, help_text="of the merged agent before")

    class Meta:
        indexes = [
            models.Index(fields=["merged_at"], name="merge_not_settled", condition=models.Q(settled_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.name} into {self.into_id}"


class ProjectMerge(Merge):
    """One row is one project that was merged into another."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="merge")
    into = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="merges")
    name = models.CharField(max_length=NAME_LENGTH, help_text="of the merged project before")

    class Meta:
        indexes = [
            models.Index(fields=["merged_at"], name="project_merge_not_settled", condition=models.Q(settled_at=None)),
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
