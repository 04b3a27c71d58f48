"""What the project itself keeps: when its background work was last done, and the views people saved."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now

from apps.access.models import User

VIEW_NAME_LENGTH = 80


class Heartbeat(models.Model):
    """One row is one periodic task: when it was last done, and when it last failed with what."""

    name = models.TextField(primary_key=True)
    done_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """One row is one state of a reading page under a name. A deleted one stays for a while, so that it can come back.

    `project_ids` are the projects that its name and filters may speak of: people limited to some projects are shown it
    only if they see all of these. None: only who sees every project is shown it.
    """

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=VIEW_NAME_LENGTH)
    path = models.CharField(max_length=64)
    query = models.TextField(blank=True, default="", help_text="canonical, without the question mark")
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="saved_views")
    created_by = models.TextField()
    is_shared = models.BooleanField(default=False)
    project_ids = ArrayField(models.BigIntegerField(), null=True)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"), "owner", condition=models.Q(deleted_at=None), name="view_name_once_per_owner"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """The address it stands for."""
        return f"{self.path}?{self.query}" if self.query else self.path


class StartView(models.Model):
    """One row: the view with which a page opens for one person. The path "" is what signing in leads to."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="start_views")
    path = models.CharField(max_length=64)
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="starts")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "path"], name="one_start_view_per_page")]

    def __str__(self) -> str:
        return f"{self.path} of {self.person_id}"
