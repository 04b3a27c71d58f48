"""Choosing what an agent is merged into."""

from collections.abc import Iterable

from django import forms

from apps.access.domain.likeness import alike
from apps.access.forms import ServiceForm
from apps.access.models import Agent


class IntoForm(ServiceForm):
    """Which agent; those that likely are the same one come first."""

    into = forms.TypedChoiceField(
        label="Merge it into", coerce=int, help_text="The name that stays. Both are of the same project."
    )

    def __init__(self, agent: Agent, others: Iterable[Agent], data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        by_name = {other.name: other for other in others}
        likely = alike(agent.name, by_name)
        rest = [name for name in by_name if name not in likely]
        groups = [("Looks like the same", likely), ("Other agents", rest)]
        named = [(label, [(by_name[name].pk, name) for name in names]) for label, names in groups if names]
        choices = named if likely or not named else [("", "Choose an agent"), *named]
        self.fields["into"].choices = choices  # type: ignore[attr-defined]
