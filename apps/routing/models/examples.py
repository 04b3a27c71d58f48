"""Asks whose tier a person said: for fitting the analyzer to what people here find hard."""

from django.db import models
from django.db.models.functions import Now


class LabelledExample(models.Model):
    """One row is one ask and the tier it should have had. The text is there only if the person chose to keep it."""

    id = models.BigAutoField(primary_key=True)
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.TextField()
    tier_wanted = models.TextField()
    tier_given = models.TextField(help_text="that of the score")
    score = models.DecimalField(max_digits=7, decimal_places=6)
    task_type = models.TextField(blank=True, default="")
    role = models.TextField(blank=True, default="")
    policy_version = models.IntegerField(help_text="0: a draft")
    factors = models.JSONField(help_text="the value of each, without what was seen")
    features_version = models.SmallIntegerField()
    features = models.BinaryField(help_text="as in domain/hashed_features.py")
    message = models.TextField(null=True)

    def __str__(self) -> str:
        return f"{self.tier_wanted} instead of {self.tier_given}"
