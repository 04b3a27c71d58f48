"""The form of a subscription."""

from datetime import date, datetime
from typing import Any

from django import forms

from apps.costs.domain.calendars import day_of
from apps.costs.forms.term import TermForm
from apps.costs.models import FeeEvery


class SubscriptionForm(TermForm):
    """A flat fee, whom it is paid to and what it covers; days are those of the reporting zone."""

    provider = forms.ChoiceField(help_text="Whom it is paid to.")
    name = forms.CharField(max_length=128, help_text="As the invoice calls it.")
    fee_usd = forms.DecimalField(
        label="Fee, in USD", min_value=0, max_value=10**9, max_digits=16, decimal_places=6,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    every = forms.ChoiceField(label="For each", choices=FeeEvery)
    models = forms.CharField(
        label="Only these models", required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Their names in the price book, one a line. Empty: every model of the provider.",
    )  # fmt: skip
    field_order = ["provider", "name", "fee_usd", "every", "start", "end", "models", "note"]

    def __init__(self, providers: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["provider"]
        choice.choices = [("", "Choose one"), *providers]
        self.fields["start"].help_text = "Empty: today. Each period begins on this day of the month."

    def first_day(self, now: datetime) -> date:
        """The day it begins with."""
        first: date | None = self.cleaned_data["start"]
        return first or day_of(self.instants(now)[0], self.zone)

    def model_names(self) -> list[str]:
        """The models it is limited to."""
        return [line for line in self.cleaned_data["models"].splitlines() if line.strip()]
