"""The form of a budget: every field of a draft, as people type it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from apps.access.domain.errors import Refused
from apps.access.forms import ServiceForm
from apps.budgets.domain.cycles import Period, known_zones
from apps.budgets.domain.drafts import Draft, checked_draft
from apps.budgets.domain.scopes import EACH, FIELDS, MAX_NAME, TAG
from apps.budgets.domain.states import Unit
from apps.budgets.domain.thresholds import Action, Threshold
from apps.costs.domain.pricing.plain import rate_text
from apps.costs.domain.typed_numbers import plain_number

ROWS = 5
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_PERIODS = {
    Period.MONTH: "Calendar month",
    Period.WEEK: "Week",
    Period.DAY: "Day",
    Period.HOUR: "Hour",
    Period.QUARTER: "Quarter",
    Period.YEAR: "Year",
    Period.ROLLING: "Rolling days",
    Period.CONVERSATION: "Conversation",
    Period.ONCE: "Once, without an end",
}
_ACTIONS = {
    "": "–",
    Action.NOTIFY: "Raise an alert",
    Action.ADVISE: "Advise agents to spend less",
    Action.CHEAPEST: "Prefer the cheapest model",
    Action.DOWNGRADE: "Go down to a tier",
    Action.BLOCK: "Block",
}
_UNITS = {Unit.USD: "USD", Unit.TOKENS: "Tokens", Unit.CALLS: "Calls"}
_SCOPE_LABELS = {
    "project": "Project", "agent": "Agent", "key": "API key", "user": "User", "role": "Role",
    "task_type": "Task type", "tool": "Tool", "model": "Model", "provider": "Provider", "tier": "Tier",
    "conversation": "Conversation",
}  # fmt: skip
_HINTS = {"key": "Its name or number."}
_OFFERED = {"project": "projects", "agent": "agents", "model": "models", "task_type": "task-types"}
"""Which list of known names a field offers; any other name can be typed."""


def _text(label: str, *, required: bool = False, most: int = MAX_NAME, hint: str = "", **attributes: str) -> Any:
    widget = forms.TextInput(attrs={"autocomplete": "off", **attributes})
    return forms.CharField(label=label, required=required, max_length=most, widget=widget, help_text=hint)


class BudgetForm(ServiceForm):
    """A budget."""

    name = _text("Name", required=True, hint="As mails and pages call it.")
    tags = _text("Tags", most=600, hint="Such as team=search, env=prod. All of them must be there.", spellcheck="false")
    each = forms.ChoiceField(
        label="Counters",
        required=False,
        choices=[("", "One for all of it"), *((one, f"One for every {one}") for one in EACH)],
    )
    limit = _text("Limit", required=True, most=30, inputmode="decimal")
    unit = forms.ChoiceField(label="Counted in", choices=list(_UNITS.items()))
    period = forms.ChoiceField(label="Period", choices=[(one.value, label) for one, label in _PERIODS.items()])
    rolling_days = forms.IntegerField(
        label="Days", required=False, min_value=1, max_value=366, help_text="Of rolling days: today and those before."
    )
    week_start = forms.TypedChoiceField(
        label="Weeks start on", choices=list(enumerate(_DAYS)), coerce=int, required=False
    )
    fiscal_start = forms.TypedChoiceField(
        label="Fiscal year starts in", choices=list(enumerate(_MONTHS, 1)), coerce=int, required=False,
        help_text="For quarters and years.",
    )  # fmt: skip
    timezone = _text("Time zone", required=True, most=64, hint="In which its days begin.", list="zones")
    counts_from = forms.ChoiceField(
        label="Counts from",
        choices=[
            ("period_start", "The start of the present period: what it has used so far counts"),
            ("now", "Now: what was used before does not count"),
        ],
        widget=forms.RadioSelect,
    )
    recipients = _text(
        "Tell", most=2000, spellcheck="false",
        hint="Mail addresses, roles (admin) and channels (channel:Ops), separated by commas. Empty: whom alerts go to.",
    )  # fmt: skip
    exempt = _text(
        "Never held up", most=2000, hint="Such as user=ceo; agent=billing. They are counted and not blocked.",
        spellcheck="false",
    )  # fmt: skip
    grace_percent = _text("Grace, in percent", most=6, hint="So much over the blocking level still passes.")
    usage = forms.ChoiceField(
        label="What the present period has used",
        required=False,
        choices=[("keep", "Is kept, counted by the new terms"), ("reset", "Is reset: it starts again from zero")],
        widget=forms.RadioSelect,
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        for name in FIELDS:
            self.fields[f"scope_{name}"] = _text(_SCOPE_LABELS[name], hint=_HINTS.get(name, ""))
            if name in _OFFERED:
                self.fields[f"scope_{name}"].widget.attrs["list"] = f"known-{_OFFERED[name]}"
        for row in range(ROWS):
            number = row + 1
            self.fields[f"level_{row}"] = _text(f"Level {number}", most=30, placeholder="80%")
            self.fields[f"on_{row}"] = forms.ChoiceField(
                label=f"Of what, {number}", choices=[("actual", "Spent"), ("forecast", "Forecast")], required=False
            )
            self.fields[f"action_{row}"] = forms.ChoiceField(
                label=f"Then, {number}", choices=list(_ACTIONS.items()), required=False
            )
            self.fields[f"tier_{row}"] = _text(f"Tier, {number}")

    def scope_fields(self) -> list[forms.BoundField]:
        """What it covers: the fields people ask for most."""
        return [self[f"scope_{name}"] for name in ("project", "agent", "model", "task_type")]

    def more_scope_fields(self) -> list[forms.BoundField]:
        """The others."""
        return [self[f"scope_{name}"] for name in ("key", "user", "role", "tool", "provider", "tier", "conversation")]

    def has_more_scope(self) -> bool:
        """True if any of the others is filled in."""
        return any(one.value() for one in (*self.more_scope_fields(), self["tags"]))

    def rows(self) -> list[list[forms.BoundField]]:
        """The thresholds."""
        return [[self[f"{name}_{row}"] for name in ("level", "on", "action", "tier")] for row in range(ROWS)]

    def draft(self) -> Draft:
        """What was typed, checked. Raises Refused; `refuse` puts that beside its field."""
        return checked_draft(self._sent())

    def refuse(self, refusal: Refused) -> None:
        """Shows a refusal beside the field it is about."""
        path, _, rest = refusal.path.partition(".")
        if path == "thresholds" and rest:
            row, _, name = rest.partition(".")
            kept = [number for number in range(ROWS) if self.cleaned_data.get(f"action_{number}")]
            field = {"action": "action", "on": "on", "tier": "tier"}.get(name, "level")
            self.add_error(f"{field}_{kept[int(row)]}", refusal.message)
        elif path.startswith("limit_"):
            self.add_error("limit", refusal.message)
        else:
            self.add_error(path if path in self.fields else None, refusal.message)

    def _sent(self) -> dict[str, Any]:
        typed = self.cleaned_data
        scope = {name: typed[f"scope_{name}"] for name in FIELDS if typed[f"scope_{name}"]}
        unit, limit = typed["unit"], plain_number(typed["limit"])
        rolling = typed["period"] == Period.ROLLING
        return {
            "name": typed["name"],
            "scope": scope | {f"{TAG}{name}": value for name, value in _pairs(typed["tags"], ",", "tags").items()},
            "each": typed["each"],
            f"limit_{unit}": limit,
            "period": typed["period"],
            "rolling_days": (typed["rolling_days"] or 1) if rolling else 0,
            "week_start": typed["week_start"] or 0,
            "fiscal_start": typed["fiscal_start"] or 1,
            "timezone": typed["timezone"],
            "counts_from": typed["counts_from"],
            "thresholds": [one for row in range(ROWS) if (one := self._threshold(row))],
            "recipients": [one.strip() for one in typed["recipients"].split(",") if one.strip()],
            "exempt": [_pairs(one, ",", "exempt") for one in typed["exempt"].split(";") if one.strip()],
            "grace_percent": typed["grace_percent"] or "0",
        }

    def _threshold(self, row: int) -> dict[str, Any] | None:
        typed = self.cleaned_data
        level, action = typed[f"level_{row}"].strip(), typed[f"action_{row}"]
        if not action:
            return None
        fixed = level.startswith("$")
        number = plain_number(level.removesuffix("%"))
        return {
            ("usd" if fixed else "percent"): number,
            "on": typed[f"on_{row}"] or "actual",
            "action": action,
            "tier": typed[f"tier_{row}"] if action == Action.DOWNGRADE else "",
        }


def _pairs(text: str, separator: str, path: str) -> dict[str, str]:
    found = {}
    for one in text.split(separator):
        name, sign, value = one.partition("=")
        if one.strip() and not sign:
            raise Refused(f"{one.strip()[:40]!r} is not a name=value.", code="invalid", path=path)
        if name.strip():
            found[name.strip()] = value.strip()
    return found


def initial(draft: Draft) -> dict[str, Any]:
    """The form's values for a budget that stands."""
    tags = {name.removeprefix(TAG): value for name, value in draft.scope.items() if name.startswith(TAG)}
    shown: dict[str, Any] = {
        "name": draft.name,
        "tags": _joined(tags),
        "each": draft.each,
        "limit": rate_text(draft.limit),
        "unit": draft.unit,
        "period": draft.period.value,
        "rolling_days": draft.rolling_days or None,
        "week_start": draft.week_start,
        "fiscal_start": draft.fiscal_start,
        "timezone": draft.timezone,
        "counts_from": draft.counts_from,
        "recipients": ", ".join(draft.recipients),
        "exempt": "; ".join(_joined(one) for one in draft.exempt),
        "grace_percent": rate_text(draft.grace_percent),
        "usage": "keep",
    }
    shown |= {f"scope_{name}": draft.scope[name] for name in FIELDS if name in draft.scope}
    for row, one in enumerate(draft.thresholds[:ROWS]):
        shown |= _shown(row, one)
    return shown


def _shown(row: int, one: Threshold) -> dict[str, str]:
    level = f"{rate_text(one.percent)}%" if one.percent is not None else f"${rate_text(one.amount or Decimal(0))}"
    return {f"level_{row}": level, f"on_{row}": one.on, f"action_{row}": one.action.value, f"tier_{row}": one.tier}


def _joined(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in pairs.items())


def blank(zone: str) -> dict[str, Any]:
    """What a new budget starts with: a month that warns at 80 and says so at 100 percent."""
    return {
        "unit": Unit.USD, "period": Period.MONTH.value, "timezone": zone, "counts_from": "period_start",
        "grace_percent": "0", "usage": "keep", "week_start": 0, "fiscal_start": 1,
        "level_0": "80%", "on_0": "actual", "action_0": Action.NOTIFY.value,
        "level_1": "100%", "on_1": "actual", "action_1": Action.NOTIFY.value,
    }  # fmt: skip


def zones() -> list[str]:
    """The names offered."""
    return sorted(name for name in known_zones() if "/" in name or name == "UTC")


class RaiseForm(ServiceForm):
    """A temporary raise."""

    amount = forms.DecimalField(
        label="Raise by", min_value=0, max_digits=27, decimal_places=15,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    periods = forms.IntegerField(label="For so many periods, this one included", min_value=1, max_value=366, initial=1)
    reason = _text("Why", most=200)
