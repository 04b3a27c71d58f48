"""The form of a what-if: days, policy, and what changes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller
from apps.access.forms import ServiceForm
from apps.access.selectors.places import projects_of, the_one_project_of
from apps.routing.domain.baselines import BadBaseline, read_models
from apps.routing.domain.levers import levers_of, plain, read_price_changes, written_price_changes
from apps.routing.domain.policy import ModelKey, Policy
from apps.routing.domain.scenarios import BadScenario, Changes, Move
from apps.routing.models import PolicyVersion, ReplayRun
from apps.routing.services.replays.asking import NAME_LENGTH, WhatIf

USD = RegexValidator(r"^([0-9]{1,12}(\.[0-9]{1,15})?|none)\Z", "Write USD per 1,000 tokens, or none.")
STRATEGIES = (
    ("", "as the policy says"),
    ("cost_optimized", "cost first"),
    ("balanced", "balanced"),
    ("quality_first", "quality first"),
)
SHARE = [MinValueValidator(0), MaxValueValidator(1)]
_NUMBER = {"inputmode": "decimal", "autocomplete": "off"}
_HUNDRED = Decimal(100)
_PLAIN = {"autocomplete": "off", "list": "used-models"}


def _percent(label: str, help_text: str, least: str, most: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, max_digits=9, decimal_places=4, min_value=Decimal(least), max_value=Decimal(most),
        widget=forms.TextInput(attrs=_NUMBER), help_text=help_text,
    )  # fmt: skip


class ScenarioForm(ServiceForm):
    """A name for a what-if; an empty one takes it away."""

    name = forms.CharField(
        label="Keep it as a scenario called", required=False, max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip


class WhatIfForm(ServiceForm):
    """A scenario over the last days. Fields left empty change nothing."""

    days = forms.IntegerField(label="Days of usage", min_value=1, initial=7)
    project = forms.ChoiceField(label="Project", required=False)
    agent = forms.CharField(
        label="Of one agent", required=False, max_length=128,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "agents"}),
    )  # fmt: skip
    of_task_type = forms.CharField(
        label="Of one task type", required=False, max_length=128,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "task-types"}),
    )  # fmt: skip
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
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "task-types"}),
    )  # fmt: skip

    price_changes = forms.CharField(
        label="Token prices, in percent", required=False, max_length=8000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One per line: openai/gpt-4.1 = -20, openai = 5, or all = 10.",
    )  # fmt: skip
    cached_share = _percent("Input read from the cache, %", "Of each prompt long enough for a cache.", "0", "100")
    compression = _percent("Prompts shorter by, %", "Of each prompt that is not compressed yet.", "0", "95")
    growth_percent = _percent("Calls more or fewer, %", "50 is half as many again, -20 a fifth fewer.", "-99", "10000")

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

    @property
    def lever_fields(self) -> list[Any]:
        """The fields of what is supposed beside the choice of models."""
        return [self[name] for name in ("price_changes", "cached_share", "compression", "growth_percent")]

    @property
    def supposes(self) -> bool:
        """Whether a supposition is typed, or wrong."""
        return any(one.value() not in (None, "") or one.errors for one in self.lever_fields)

    @property
    def changes_policy(self) -> bool:
        """Whether a change of the policy is typed, or wrong."""
        fields = [self["strategy"], self["quality_threshold"], *self.tier_fields]
        return any(one.value() not in (None, "") or one.errors for one in fields)

    def clean_price_changes(self) -> list[dict[str, Any]]:
        """The changes, read."""
        try:
            found = read_price_changes(self.cleaned_data["price_changes"])
        except BadScenario as error:
            raise forms.ValidationError(str(error)) from error
        return [{"provider": one.model[0], "name": one.model[1], "percent": one.percent} for one in found]

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
        levers = {
            "price_changes": typed["price_changes"],
            "cached_share": _share(typed["cached_share"]),
            "compression": _share(typed["compression"]),
            "growth_percent": typed["growth_percent"],
        }
        return WhatIf(
            typed["days"], int(project) if project else None, int(policy) if policy else None, changes, moves, levers,
            typed["agent"], typed["of_task_type"],
        )  # fmt: skip

    def refuse(self, refusal: Refused) -> None:
        """A refusal of whose calls count stands at its own field; the other one belongs to the move."""
        if refusal.path == "task_type":
            self.add_error("of_task_type", refusal.message)
        else:
            super().refuse(refusal)


def prefilled(run: ReplayRun) -> str | None:
    """The query string that fills the form with what a run tried; None where the form cannot say it: several moves."""
    if len(run.moves) > 1:
        return None
    levers = levers_of(run.levers)
    typed: dict[str, Any] = {
        "days": (run.end - run.start).days,
        "policy_id": run.policy_id,
        "project": the_one_project_of(run.project_ids),
        "agent": run.only.get("agent"),
        "of_task_type": run.only.get("task_type"),
        "price_changes": written_price_changes(levers.prices),
        "cached_share": None if levers.cached_share is None else plain(levers.cached_share * _HUNDRED),
        "compression": None if levers.compression is None else plain(levers.compression * _HUNDRED),
        "growth_percent": None if levers.growth is None else plain(levers.growth),
        **(_typed_changes(run) if run.policy_id is None else {}),
    }
    for move in run.moves:
        typed |= {"source": "/".join(move["from"]), "target": "/".join(move["to"]), "task_type": move["task_type"]}
    return urlencode({name: value for name, value in typed.items() if value not in (None, "")})


def _typed_changes(run: ReplayRun) -> dict[str, Any]:
    """What a run changes of the policy that was in force, as it was typed."""
    if run.document is None or run.before_document is None:
        return {}
    typed: dict[str, Any] = {}
    before = {tier["name"]: tier for tier in run.before_document["tiers"]}
    for tier in run.document["tiers"]:
        name, old = tier["name"], before.get(tier["name"], {})
        if (cap := tier.get("max_cost_per_1k_tokens")) != old.get("max_cost_per_1k_tokens"):
            typed[f"cap-{name}"] = "none" if cap is None else cap
        if tier.get("upper") != old.get("upper"):
            typed[f"upper-{name}"] = tier.get("upper")
    for field in ("strategy", "quality_threshold"):
        key = f"model_routing_{field}"
        if run.document.get(key) != run.before_document.get(key):
            typed[field] = run.document.get(key)
    return typed


def _share(percent: Decimal | None) -> Decimal | None:
    return None if percent is None else percent / _HUNDRED
