"""The form of what a provider billed."""

from typing import Any

from django import forms

from apps.access.forms import ServiceForm
from apps.costs.domain.invoicing import DECIMALS, MAX_NAME, MAX_NOTE, Billed


class InvoiceForm(ServiceForm):
    """A bill, or a line of it, for days of the bill's own zone."""

    provider = forms.CharField(
        label="Provider",
        max_length=MAX_NAME,
        widget=forms.TextInput(attrs={"list": "providers", "autocomplete": "off"}),
    )
    model = forms.CharField(
        label="Model",
        max_length=MAX_NAME,
        required=False,
        help_text="As agents send it. Empty: the provider as a whole.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    first_day = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last_day = forms.DateField(
        label="Last day, included", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    zone = forms.CharField(label="Time zone of the bill", max_length=64, initial="UTC")
    amount_usd = forms.DecimalField(
        label="Billed, in USD", min_value=0, max_digits=27, decimal_places=DECIMALS,
        help_text="USD only: convert a bill in another currency at the rate you paid.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    note = forms.CharField(
        label="Where it comes from",
        max_length=MAX_NOTE,
        required=False,
        help_text="For example the number of the invoice.",
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def billed(self) -> Billed:
        """What was typed."""
        typed: dict[str, Any] = {name: self.cleaned_data[name] for name in Billed.__dataclass_fields__}
        return Billed(**typed)
