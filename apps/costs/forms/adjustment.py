"""The form of a discount or margin."""

from typing import Any

from django import forms

from apps.costs.forms.term import TermForm


class AdjustmentForm(TermForm):
    """A percentage on the list prices of a provider, or of one of its models."""

    provider = forms.ChoiceField(help_text="Who bills you.")
    model = forms.CharField(
        required=False, max_length=256, help_text="Its name in the price book. Empty: every model of the provider.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    percent = forms.DecimalField(
        label="Percent", min_value=-100, max_value=1000, max_digits=8, decimal_places=4,
        help_text="-15 is a discount of 15 %, 20 a margin of 20 %.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    field_order = ["provider", "model", "percent", "start", "end", "note"]

    def __init__(self, providers: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["provider"]
        choice.choices = [("", "Choose one"), *providers]
