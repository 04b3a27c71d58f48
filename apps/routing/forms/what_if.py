"""The form of a what-if: days, policy, and what changes."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator

from apps.access.domain.identity import Caller
from apps.access.forms import ServiceForm
from apps.access.selectors.places import projects_of
from apps.routing.domain.baselines import BadBaseline, read_models
from apps.routing.domain.policy import ModelKey, Policy
from apps.routing.domain.scenarios import Changes, Move
from apps.routing.models import PolicyVersion
from apps.routing.services.replays.asking import WhatIf

USD = RegexValidator(r"^([0-9]{1,12}(\.[0-9]{1,15})?|none)\Z", "Write USD per 1,000 tokens, or none.")
STRATEGIES = (
    ("", "as the policy says"),
    ("cost_optimized", "cost first"),
    ("balanced", "balanced"),
    ("quality_first", "quality first"),
)
SHARE = [MinValueValidator(0), MaxValueValidator(1)]
_NUMBER = {"inputmode": "decimal", "autocomplete": "off"}
_PLAIN = {"autocomplete": "off", "list": "used-models"}


class WhatIfForm(ServiceForm):
    """A scenario over the last days. Fields left empty change nothing."""

    days = forms.IntegerField(label="Days of usage", min_value=1, initial=7)
    project = forms.ChoiceField(label="Project", required=False)
    policy_id = forms.ChoiceField(label="Policy", required=False)
    strategy = forms.ChoiceField(label="Strategy", required=False, choices=STRATEGIES)
    quality_threshold = forms.FloatField(
        label="Quality threshold", required=False, validators=SHARE, widget=forms.TextInput(attrs=_NUMBER)
    )
    source = forms.CharField(
        label="Move calls of", required=False, max_length=260, widget=forms.TextInput(attrs=_PLAIN),
        help_text="Written provider/name.",
    )  # fmt: skip
    target = forms.CharField(label="to", required=False, max_length=260, widget=forms.TextInput(attrs=_PLAIN))
    task_type = forms.CharField(
        label="only of the task type", required=False, max_length=128,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(
        self, caller: Caller, policy: Policy | None, drafts: Sequence[PolicyVersion], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        project: Any = self.fields["project"]
        project.choices = [("", "all but demo data"), *((str(one.pk), one.name) for one in projects_of(caller))]
        choice: Any = self.fields["policy_id"]
        choice.choices = [("", "the policy in force"), *((str(row.pk), str(row)) for row in drafts)]
        self.tiers = [tier.name for tier in policy.tiers] if policy else []
        for tier in policy.tiers if policy else ():
            cap = f"now {tier.max_cost_per_1k_tokens}" if tier.max_cost_per_1k_tokens else "now none"
            self.fields[f"cap-{tier.name}"] = forms.CharField(
                label=f"Cap of {tier.name}, USD per 1,000 tokens", required=False, validators=[USD],
                widget=forms.TextInput(attrs=_NUMBER), help_text=cap,
            )  # fmt: skip
            self.fields[f"upper-{tier.name}"] = forms.FloatField(
                label=f"{tier.name.capitalize()} up to a complexity of", required=False, validators=SHARE,
                widget=forms.TextInput(attrs=_NUMBER), help_text=f"now {tier.upper:g}",
            )  # fmt: skip

    @property
    def tier_fields(self) -> list[Any]:
        """The fields of each tier: its cap and its upper edge."""
        return [self[f"{kind}-{tier}"] for tier in self.tiers for kind in ("cap", "upper")]

    def clean(self) -> dict[str, Any]:
        """The models of a move, read."""
        typed = super().clean() or {}
        if bool(typed.get("source")) is not bool(typed.get("target")):
            self.add_error("target" if typed.get("source") else "source", "A move names two models.")
        for name in ("source", "target"):
            if typed.get(name):
                try:
                    typed[name] = read_models(typed[name], "")[""]
                except BadBaseline as error:
                    self.add_error(name, str(error))
        return typed

    def wanted(self) -> WhatIf:
        """The scenario that was typed."""
        typed = self.cleaned_data
        caps = {tier: typed[f"cap-{tier}"] for tier in self.tiers if typed[f"cap-{tier}"]}
        uppers = {tier: typed[f"upper-{tier}"] for tier in self.tiers if typed[f"upper-{tier}"] is not None}
        changes = Changes(
            {tier: None if cap == "none" else cap for tier, cap in caps.items()}, uppers, typed["strategy"] or None,
            typed["quality_threshold"],
        )  # fmt: skip
        source: ModelKey | str = typed["source"]
        moves = [Move(source, typed["target"], typed["task_type"])] if isinstance(source, tuple) else []
        project, policy = typed["project"], typed["policy_id"]
        return WhatIf(typed["days"], int(project) if project else None, int(policy) if policy else None, changes, moves)
