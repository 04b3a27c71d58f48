"""The form in which a baseline is declared."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

USD = RegexValidator(r"^[0-9]{1,12}(\.[0-9]{1,15})?\Z", "Write an amount in USD, for example 40 or 39.50.")


class BaselineForm(forms.Form):
    """What was in use before routing: models, or a published version of the policy."""

    model = forms.CharField(
        label="Model that was in use",
        max_length=260,
        required=False,
        help_text="Written provider/name, for example openai/gpt-4.1. It is priced at its list price of each call.",
    )
    by_role = forms.CharField(
        label="Other models by role",
        max_length=8000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One per line: utility = openai/gpt-4.1-mini.",
    )
    policy_version = forms.IntegerField(
        label="Or a published version",
        min_value=1,
        required=False,
        help_text="Instead of a model: what that version would have chosen for each decision.",
    )
    first_day = forms.DateField(
        label="Compared from",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The first day that is compared with it.",
    )
    monthly_usd = forms.CharField(
        label="What running Bursar costs a month, USD",
        validators=[USD],
        initial="0",
        help_text="Machines and care. It lowers the saving, spread evenly over the year.",
    )
    note = forms.CharField(label="Why this one", max_length=2000, required=False)

    def clean(self) -> dict[str, Any]:
        """Exactly one of models and version."""
        found = super().clean() or {}
        if not self.errors and bool(found.get("model")) is (found.get("policy_version") is not None):
            raise forms.ValidationError("Name a model, or a version of the policy; not both.")
        return found
