"""What models cost: providers, their models, and prices that are appended and never changed."""

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, IntegerRangeField, RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now

from apps.costs.domain.pricing.units import (
    CACHE_CREATION,
    CACHE_CREATION_1H,
    CACHE_READ,
    INPUT,
    OUTPUT,
    REASONING,
    REQUESTS,
    WEB_SEARCHES,
)

RATE_COLUMNS = {
    INPUT: "input_usd_per_mtok",
    OUTPUT: "output_usd_per_mtok",
    CACHE_READ: "cache_read_usd_per_mtok",
    CACHE_CREATION: "cache_creation_usd_per_mtok",
    CACHE_CREATION_1H: "cache_creation_1h_usd_per_mtok",
    REASONING: "reasoning_usd_per_mtok",
    WEB_SEARCHES: "web_searches_usd_per_thousand",
    REQUESTS: "requests_usd_per_thousand",
}


class Provider(models.Model):
    """One row is one company or gateway that bills for models, by its canonical id (`domain/providers.py`)."""

    id = models.CharField(primary_key=True, max_length=128)
    name = models.CharField(max_length=200)
    resells = ArrayField(
        models.CharField(max_length=128), default=list, blank=True,
        help_text="providers whose models it sells at their standard price, first match first",
    )  # fmt: skip

    def __str__(self) -> str:
        return self.name


class LanguageModel(models.Model):
    """One row is one model of one provider, with every name that means it."""

    id = models.AutoField(primary_key=True)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=256)
    title = models.CharField(max_length=256, blank=True, default="")
    context_window = models.PositiveIntegerField(null=True)
    is_deprecated = models.BooleanField(default=False)
    aliases = ArrayField(
        models.CharField(max_length=256), default=list, blank=True, help_text="further names, in lower case"
    )
    own_aliases = ArrayField(
        models.CharField(max_length=256), default=list, blank=True,
        help_text="names a person said mean this model, in lower case; price lists never touch them",
    )  # fmt: skip
    rule = models.JSONField(null=True, help_text="names beyond the aliases, as in domain/matching.py")
    position = models.PositiveIntegerField(default=0, help_text="rules of a provider are tried in this order")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="language_model_provider_name")]

    def __str__(self) -> str:
        return f"{self.provider_id}/{self.name}"


def _one(column: str) -> models.Func:
    """A number as a range of one, so that GiST compares it without the extension btree_gist."""
    return models.Func(
        models.F(column), models.F(column), models.Value("[]"), function="int4range", output_field=IntegerRangeField()
    )


def _rate(per: str) -> "models.DecimalField[Any, Any]":
    return models.DecimalField(
        max_digits=21, decimal_places=9, null=True, validators=[MinValueValidator(0)], help_text=f"USD per {per}"
    )


class Price(models.Model):
    """One row is what one model costs from an instant on; the database refuses to change or delete it.

    Of the rows of a model whose `effective_from` has come, the latest holds; of equal ones the newest row.
    """

    id = models.AutoField(primary_key=True)
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="prices")
    source = models.CharField(max_length=64, help_text="the list, or the person, the price comes from")
    source_version = models.CharField(max_length=64, blank=True, default="")
    source_date = models.DateField(null=True)
    effective_from = models.DateTimeField(null=True, help_text="NULL: from the beginning of time")
    input_usd_per_mtok = _rate("million tokens")
    output_usd_per_mtok = _rate("million tokens")
    cache_read_usd_per_mtok = _rate("million tokens")
    cache_creation_usd_per_mtok = _rate("million tokens")
    cache_creation_1h_usd_per_mtok = _rate("million tokens")
    reasoning_usd_per_mtok = _rate("million tokens")
    web_searches_usd_per_thousand = _rate("thousand")
    requests_usd_per_thousand = _rate("thousand")
    other_rates = models.JSONField(default=dict, help_text='{"input_audio_tokens": "40"}, rates of further units')
    tiers = models.JSONField(default=dict, help_text='{"input_tokens": [[200000, "6"]]}, rates above so much input')
    service_tiers = models.JSONField(default=dict, help_text='{"batch": {"rates": {…}, "multiplier": "1"}}')
    windows = models.JSONField(default=list, help_text='[{"start": "00:30", "end": "16:30", "rates": {…}}], UTC')
    unbilled = models.JSONField(default=dict, help_text="rates of the list for things usage does not carry")
    rounded = models.JSONField(default=dict, help_text="the list's own text of rates rounded to 9 decimals")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of all rates, to tell a changed price")
    derived_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="derived",
        help_text="the list price this is a discount or margin of",
    )  # fmt: skip
    factor = models.DecimalField(max_digits=9, decimal_places=6, null=True, help_text="times the price it comes from")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["model", "effective_from"], name="price_of_model")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(**{f"{column}__gte": 0}) | models.Q(**{f"{column}__isnull": True}),
                name=f"price_{unit}_not_negative",
            )
            for unit, column in RATE_COLUMNS.items()
        ]

    def __str__(self) -> str:
        return f"{self.model} from {self.effective_from or 'the beginning'}"


class OwnPrice(models.Model):
    """One row says when an own price of a model holds; it then wins over every list.

    `during` is half-open; the database refuses two rows of one model that overlap. A row may be ended or taken away,
    the price it names stays.
    """

    id = models.AutoField(primary_key=True)
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="own_prices")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="own_prices")
    during = DateTimeRangeField(help_text="without a lower end: from the beginning of time")
    note = models.TextField(blank=True, default="")
    created_by = models.TextField(help_text="who entered it, as the audit log names them")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(during__isempty=False), name="own_price_holds_some_time"),
            ExclusionConstraint(
                name="own_prices_never_overlap",
                expressions=[(_one("model_id"), RangeOperators.OVERLAPS), ("during", RangeOperators.OVERLAPS)],
            ),
        ]

    def __str__(self) -> str:
        return f"own price of {self.model_id} during {self.during}"


class PriceAdjustment(models.Model):
    """One row is a discount or margin on the list prices of a provider, or of one model, for some time."""

    id = models.AutoField(primary_key=True)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, null=True, related_name="adjustments")
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, null=True, related_name="adjustments")
    percent = models.DecimalField(max_digits=8, decimal_places=4, help_text="-15 is a discount, 20 a margin")
    during = DateTimeRangeField(help_text="without a lower end: from the beginning of time")
    note = models.TextField(blank=True, default="")
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(provider=None) ^ models.Q(model=None), name="adjustment_has_one_scope"
            ),
            models.CheckConstraint(
                condition=models.Q(percent__gte=-100, percent__lte=1000), name="adjustment_within_bounds"
            ),
            models.CheckConstraint(condition=models.Q(during__isempty=False), name="adjustment_holds_some_time"),
            ExclusionConstraint(
                name="adjustments_of_a_model_never_overlap",
                expressions=[(_one("model_id"), RangeOperators.OVERLAPS), ("during", RangeOperators.OVERLAPS)],
                condition=models.Q(model__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent.normalize():+f} % on {self.model or self.provider_id}"


class DerivedPrice(models.Model):
    """One row says when a price holds that follows from discounts, margins or subscriptions.

    The database refuses two of one model and layer that overlap.
    """

    id = models.AutoField(primary_key=True)
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="derived_prices")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="derived_prices")
    layer = models.IntegerField(help_text="a Layer")
    during = DateTimeRangeField()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="derived_prices_never_overlap",
                expressions=[
                    (_one("model_id"), RangeOperators.OVERLAPS),
                    (_one("layer"), RangeOperators.OVERLAPS),
                    ("during", RangeOperators.OVERLAPS),
                ],
            )
        ]

    def __str__(self) -> str:
        return f"price of {self.model_id} during {self.during}"


class PriceChange(models.Model):
    """One row is one act of a person on own prices, discounts or subscriptions, with what stood before and after.

    Undoing an act is another row that puts back what stood before; nothing here is deleted.
    """

    id = models.AutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    actor = models.TextField()
    act = models.CharField(max_length=32, help_text="the action, as in the audit log")
    words = models.TextField(help_text="what was done, for a person")
    before = models.JSONField(help_text="what it touched, as it stood before")
    after = models.JSONField()
    undoes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="undone_by")
    model_ids = ArrayField(models.IntegerField(), default=list, help_text="the models whose own prices it touched")

    class Meta:
        indexes = [GinIndex(fields=["model_ids"], name="price_change_of_model")]

    def __str__(self) -> str:
        return self.words


class PriceBookState(models.Model):
    """The one row: a version that rises with every change of the price book, in the same transaction."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="price_book_state_is_one_row")]
