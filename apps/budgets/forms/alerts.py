"""Forms of the alert inbox."""

from datetime import timedelta
from typing import Any

from django import forms

from apps.access.forms import ServiceForm
from apps.budgets.models import Severity
from apps.budgets.selectors.inbox import STATES, AlertFilter, kind_words

SILENCES = [("1", "1 hour"), ("8", "8 hours"), ("24", "1 day"), ("168", "7 days"), ("720", "30 days")]


class SilenceForm(ServiceForm):
    """For how long nobody is told."""

    hours = forms.ChoiceField(label="Silence for", choices=SILENCES, initial="24")

    @property
    def length(self) -> timedelta:
        """The time chosen."""
        return timedelta(hours=int(self.cleaned_data["hours"]))


class AlertFilterForm(forms.Form):
    """The filter of the inbox, from the address; what makes no sense is left out."""

    state = forms.ChoiceField(choices=[(state, state) for state in STATES], required=False, widget=forms.HiddenInput)
    severity = forms.ChoiceField(choices=[("", "Any severity"), *Severity.choices], required=False)
    kind = forms.ChoiceField(required=False)
    budget = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)

    def __init__(self, kinds: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["kind"]
        choice.choices = [("", "Any kind"), *((kind, kind_words(kind)) for kind in kinds)]

    def wanted(self) -> AlertFilter:
        """What the address asks for."""
        self.is_valid()
        typed = self.cleaned_data
        return AlertFilter(
            state=typed.get("state") or "open",
            severity=typed.get("severity", ""),
            kind=typed.get("kind", ""),
            budget_id=typed.get("budget"),
        )
