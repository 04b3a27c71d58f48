"""What is typed for a run of re-rating, and for a name that means a known model."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms

from apps.access.forms import ServiceForm
from apps.access.selectors.places import projects_of
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.rerating import Filter

NAME_LENGTH = 256


class InstantField(forms.CharField):
    """A day, or an instant: "2026-11-01" or "2026-11-01T12:30+01:00"; without an offset in the reporting zone."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "off", "placeholder": "2026-11-01"})
        super().__init__(required=False, max_length=40, widget=widget, **options)

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        # A "+" that was not escaped in an address arrives as a space.
        text = typed.replace(" ", "+" if "T" in typed else "T")
        if not text:
            return None
        try:
            moment = (
                datetime.combine(date.fromisoformat(text), time()) if len(text) == 10 else datetime.fromisoformat(text)
            )
            moment = moment if moment.tzinfo else moment.replace(tzinfo=reporting_zone())
            return moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise forms.ValidationError("Type a day like 2026-11-01, or an instant like 2026-11-01T12:30.") from error


class RerateForm(ServiceForm):
    """The filter of a run."""

    project = forms.ChoiceField(required=False, help_text="Demo data is left out unless its project is chosen.")
    provider = forms.CharField(
        required=False, max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    model = forms.CharField(
        required=False,
        max_length=2000,
        help_text="As it was sent, or as the price book calls it; several separated by commas. Empty: every model.",
        widget=forms.TextInput(attrs={"list": "used-models", "autocomplete": "off"}),
    )
    since = InstantField(label="From")
    until = InstantField(label="Until", help_text="Not included. Empty: to the end.")
    unpriced = forms.BooleanField(label="Only calls that have no price", required=False)
    reported = forms.BooleanField(
        label="Replace costs that providers reported, too",
        required=False,
        help_text="Usually off: what a provider reported is what it bills. The run keeps the reported cost.",
    )
    name = forms.CharField(required=False, max_length=NAME_LENGTH, strip=False, widget=forms.HiddenInput)

    def __init__(self, caller: Any, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.projects = {str(project.pk): project for project in projects_of(caller)}
        choice: Any = self.fields["project"]
        choice.choices = [("", "Every project"), *((pk, project.name) for pk, project in self.projects.items())]

    def wanted(self) -> Filter:
        """The filter that was typed."""
        typed = self.cleaned_data
        return Filter(
            project_ids=[int(typed["project"])] if typed["project"] else None,
            provider=typed["provider"].strip(),
            models=[name.strip() for name in typed["model"].split(",") if name.strip()],
            name=typed["name"],
            only_unpriced=typed["unpriced"],
            start=typed["since"],
            end=typed["until"],
            include_reported=typed["reported"],
        )


class AliasForm(ServiceForm):
    """Which model a name means."""

    model = forms.CharField(
        label="It is the same model as",
        max_length=NAME_LENGTH,
        help_text="The whole name, as the price book has it: provider/model.",
        widget=forms.TextInput(attrs={"list": "known-models", "autocomplete": "off"}),
    )
