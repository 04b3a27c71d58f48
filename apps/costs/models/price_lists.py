"""The public price lists: which editions were read, what they would change, and what people decided."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone


class PriceListEdition(models.Model):
    """One row is one edition of a public list that was read, with its data: what was shown is what is applied."""

    source = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, help_text="of the list's own file, uncompressed")
    origin = models.CharField(max_length=16, help_text='"at hand" or "index"')
    taken_on = models.DateField(help_text="the day it was taken from the package index")
    read_at = models.DateTimeField(default=timezone.now)
    data = models.BinaryField(help_text="the list's own file, compressed with xz")
    gone = models.JSONField(default=list, help_text="models the book has from this list that it does not name any more")
    updates = models.IntegerField(default=0, help_text="models and providers it names or describes otherwise")
    applied_at = models.DateTimeField(null=True)
    applied_by = models.TextField(blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "version", "sha256"], name="price_list_edition_once")]

    def __str__(self) -> str:
        return f"{self.source} {self.version}"


class PriceListCheck(models.Model):
    """One row is one wish to look for new prices, and what came of it. At most one is open at a time."""

    asked_by = models.TextField()
    asked_at = models.DateTimeField(default=timezone.now)
    apply_after = models.BooleanField(default=False, help_text="apply at once what needs no decision")
    taken_until = models.DateTimeField(null=True, help_text="a worker has it until then")
    finished_at = models.DateTimeField(null=True)
    results = models.JSONField(default=dict, help_text='{"litellm": {"words": "…", "failed": false}}')

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finished_at"], condition=Q(finished_at=None), nulls_distinct=False,
                name="price_list_one_open_check",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"check of {self.asked_at:%Y-%m-%d %H:%M} asked by {self.asked_by}"


class ChangeKind(models.TextChoices):
    NEW_MODEL = "new_model", "New model"
    NEW_PRICE = "new_price", "First price"
    CHANGED = "changed", "Changed"


class ChangeState(models.TextChoices):
    OPEN = "open", "Ready"
    QUARANTINED = "quarantined", "Waits for a decision"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    APPLIED = "applied", "Applied"
    UNDONE = "undone", "Undone"


class ListChange(models.Model):
    """One row is one price that an edition would append. Open ones are made anew by every check, decisions stay."""

    edition = models.ForeignKey(PriceListEdition, on_delete=models.CASCADE, related_name="changes")
    source = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=ChangeKind)
    provider = models.CharField(max_length=128)
    name = models.CharField(max_length=256)
    fingerprint = models.CharField(max_length=64, help_text="of the new price")
    starts = models.DateTimeField(null=True, help_text="the list's own date; NULL: from the moment it is applied")
    before = models.JSONField(null=True, help_text="rates by unit that hold now; NULL: there are none")
    after = models.JSONField(help_text="rates by unit that would hold")
    rates = models.JSONField(help_text="the new price whole, as in domain/pricing/plain.py")
    jump_unit = models.TextField(blank=True, default="", help_text="the unit that changes most, if beyond the limit")
    jump_ratio = models.DecimalField(
        max_digits=30, decimal_places=6, null=True, help_text="new by old; NULL: no number"
    )
    state = models.CharField(max_length=16, choices=ChangeState)
    decided_by = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    calls = models.BigIntegerField(null=True, help_text="calls of the last 30 days it bears on; NULL: not yet counted")
    effect_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True, help_text="what they would cost more")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "provider", "name", "fingerprint", "starts"], nulls_distinct=False,
                condition=~Q(state="applied"), name="list_change_once",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.source}: {self.provider}/{self.name} {self.kind}"


class ListComparison(models.Model):
    """One row is one model both public lists price differently: its use of the last 30 days at either price."""

    provider = models.CharField(max_length=128)
    name = models.CharField(max_length=256)
    first_price_id = models.IntegerField()
    second_price_id = models.IntegerField()
    unit = models.TextField(help_text="the unit on which they differ most")
    ratio = models.DecimalField(max_digits=30, decimal_places=6, null=True, help_text="there second by first")
    calls = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    first_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    second_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    compared_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "name", "first_price_id", "second_price_id"], name="list_comparison_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}: {self.first_usd} or {self.second_usd}"
