"""Forms of the reporting settings."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.access.forms import ServiceForm
from apps.costs.selectors.currencies import currency_rates
from apps.costs.selectors.reporting import USD, WEEKDAYS, reporting


class ReportingForm(ServiceForm):
    """Zone, week and currency."""

    zone = forms.CharField(
        label="Reporting zone",
        max_length=64,
        help_text="Where days, weeks and months begin. Totals between two instants stay the same.",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
    )
    week_start = forms.TypedChoiceField(
        label="A week begins on",
        coerce=int,
        choices=[(number, name.capitalize()) for number, name in enumerate(WEEKDAYS)],
    )
    currency = forms.ChoiceField(
        label="Shown beside US dollars",
        help_text="Totals are shown in it besides, each day at its own rate. Amounts are kept and exported in USD.",
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = {*currency_rates().values_list("currency", flat=True), reporting().currency} - {USD}
        choices = [(USD, "nothing"), *((code, code) for code in sorted(codes))]
        self.fields["currency"].choices = choices  # type: ignore[attr-defined]


class RateForm(ServiceForm):
    """What a US dollar is worth from a day on. It stands beside the other form, so its fields have ids of their own."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="rate_%s")

    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        label="Currency",
        help_text="Its code, like EUR.",
        error_messages={"invalid": "Three capital letters, like EUR."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": 3}),
    )
    first_day = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    per_dollar = forms.DecimalField(
        label="1 USD is", min_value=Decimal("1e-10"), max_digits=19, decimal_places=10,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    note = forms.CharField(label="Where it comes from", max_length=500, required=False)
