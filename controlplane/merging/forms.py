"""Choosing what an agent or a project is merged into."""

from collections.abc import Iterable
from typing import Any

from django import forms

from apps.access.domain.likeness import alike
from apps.access.forms import ServiceForm
from apps.access.models import Agent, Project


class IntoForm(ServiceForm):
    """Which one; those that likely are the same come first."""

    into = forms.TypedChoiceField(label="Merge it into", coerce=int)
    rest = "Other agents"
    first = "Choose an agent"
    help_text = "The name that stays. Both are of the same project."

    def __init__(self, name: str, others: Iterable[Agent | Project], data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        by_name = {other.name: other for other in others}
        likely = alike(name, by_name)
        groups = [("Looks like the same", likely), (self.rest, [other for other in by_name if other not in likely])]
        named = [(label, [(by_name[name].pk, name) for name in names]) for label, names in groups if names]
        into: Any = self.fields["into"]
        into.choices = named if likely or not named else [("", self.first), *named]
        into.help_text = self.help_text


class IntoProjectForm(IntoForm):
    """The same for a project."""

    rest = "Other projects"
    first = "Choose a project"
    help_text = "The name that stays."
