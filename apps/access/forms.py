"""Forms of the access pages. What is allowed is decided by services; forms only read what was typed."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast

from django import forms
from django.contrib.auth import password_validation
from django.http import QueryDict
from django.utils import timezone

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller, Role, Scope
from apps.access.models import Project, User
from apps.access.models.people import ROLE_CHOICES
from apps.access.models.places import NAME_LENGTH

SCOPE_WORDS = {
    Scope.USAGE_WRITE: "Send usage: calls, outcomes, traces (usage:write)",
    Scope.ROUTING_USE: "Ask for routing: config, decisions, budgets (routing:use)",
    Scope.METRICS_READ: "Read usage, metrics and exports (metrics:read)",
    Scope.ADMIN: "Administer: keys, people, projects, audit (admin)",
}
EXPIRIES = {"never": None, "30": 30, "90": 90, "365": 365}
GRACES = [
    ("0", "None: it ends now"),
    ("3600", "1 hour"),
    ("86400", "1 day"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
]


class ServiceForm(forms.Form):
    """A form that can show what a service refused, beside the field it names."""

    def refuse(self, refusal: Refused) -> None:
        """Shows the refusal."""
        self.add_error(refusal.path if refusal.path in self.fields else None, refusal.message)

    def show_standing(self, standing: Mapping[str, Any]) -> None:
        """After somebody else's change: what stands now beside each field that differs, all typed values kept.

        The next save replaces it, since it was seen; so the form takes its version.
        """
        self.add_error(None, "Save again to put what you typed in its place.")
        self.data = typed = cast(QueryDict, self.data).copy()
        typed["version"] = str(standing["version"])
        for name, field in self.fields.items():
            stands = _plain(standing.get(name))
            words = {str(key): label for key, label in getattr(field, "choices", ())}
            is_sent = not (field.widget.is_hidden or field.widget.value_omitted_from_data(typed, {}, name))
            if is_sent and (not words or stands in words) and _plain(self[name].value()) != stands:
                self.add_error(name, f"Somebody set it to {words.get(stands, stands) or 'nothing'} meanwhile.")


def _plain(value: Any) -> str:
    """A value as a form sends it, whichever it comes from: the database or the browser."""
    return "" if value is None else str(value)


class LoginForm(ServiceForm):
    """Email and password; the first that is still to be typed has the cursor."""

    email = forms.EmailField(label="Email", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, data: QueryDict | None = None, *, email: str = "") -> None:
        super().__init__(data, initial={"email": email})
        self.fields["password" if email else "email"].widget.attrs["autofocus"] = True


class NewPasswordForm(ServiceForm):
    """A new password, typed twice."""

    password = forms.CharField(
        label="New password",
        strip=False,
        max_length=4096,
        help_text=" ".join(password_validation.password_validators_help_texts()),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password again",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if typed.get("password") and typed.get("again") and typed["password"] != typed["again"]:
            self.add_error("again", "The two passwords differ.")
        return typed


class ChangePasswordForm(NewPasswordForm):
    """The same, with the present password first."""

    old_password = forms.CharField(
        label="Present password",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    field_order = ["old_password", "password", "again"]


class ForgotPasswordForm(ServiceForm):
    email = forms.EmailField(max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class RenameForm(ServiceForm):
    name = forms.CharField(label="Name", max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class KeyForm(ServiceForm):
    name = forms.CharField(max_length=NAME_LENGTH, help_text="What uses it, as you will look for it in the list.")
    scopes = forms.MultipleChoiceField(
        label="It may", widget=forms.CheckboxSelectMultiple, initial=[Scope.USAGE_WRITE, Scope.ROUTING_USE]
    )
    project = forms.CharField(
        label="Only in the project",
        required=False,
        max_length=NAME_LENGTH,
        help_text="Then it writes and reads nowhere else. Empty: every project.",
        widget=forms.TextInput(attrs={"list": "known-projects", "autocomplete": "off"}),
    )
    agent = forms.CharField(
        label="Only as the agent",
        required=False,
        max_length=NAME_LENGTH,
        help_text="It may then also report as this name with /… behind it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    expires = forms.ChoiceField(
        choices=[("never", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]
    )
    made = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, caller: Caller, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes: Any = self.fields["scopes"]
        scopes.choices = [(scope.value, words) for scope, words in SCOPE_WORDS.items() if scope in caller.scopes]

    def expires_at(self) -> datetime | None:
        """When the key is to end."""
        days = EXPIRIES[self.cleaned_data["expires"]]
        return timezone.now() + timedelta(days=days) if days else None


class RotateForm(ServiceForm):
    grace = forms.ChoiceField(label="The old key works on for", choices=GRACES, initial="86400")
    made = forms.CharField(widget=forms.HiddenInput, max_length=64)


class ConfirmForm(ServiceForm):
    """Asks for a name to be typed before something ends."""

    typed = forms.CharField(max_length=254, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, expected: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected
        self.fields["typed"].label = f"Type {expected} to confirm"

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed != self.expected:
            raise forms.ValidationError(f"This is not {self.expected}.")
        return typed


class StandingForm(ServiceForm):
    """A role, and the projects it is limited to."""

    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.ANALYST)
    limited = forms.BooleanField(
        label="Only the chosen projects", required=False, help_text="Every page, answer and CSV then shows only those."
    )
    projects = forms.ModelMultipleChoiceField(
        Project.objects.standing().order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def clean(self) -> dict[str, Any]:
        """Projects that are chosen limit nothing by themselves: that has to be meant."""
        chosen = super().clean() or {}
        if chosen.get("projects") and not chosen.get("limited") and "limited" not in self.changed_data:
            self.add_error("limited", "Projects are chosen: tick this to show only those, or choose none.")
        return chosen

    def project_ids(self) -> frozenset[int] | None:
        """The limit; None is none."""
        chosen = self.cleaned_data
        return frozenset(project.pk for project in chosen["projects"]) if chosen["limited"] else None


class InviteForm(StandingForm):
    email = forms.EmailField(max_length=254)
    made = forms.CharField(widget=forms.HiddenInput, max_length=64)
    field_order = ["email", "role", "limited", "projects"]


class PersonForm(StandingForm):
    is_active = forms.BooleanField(label="May sign in", required=False)
    field_order = ["role", "limited", "projects", "is_active"]

    @staticmethod
    def initial_of(person: User) -> dict[str, Any]:
        """What the form shows at first."""
        return {
            "role": person.role,
            "limited": person.limited,
            "projects": person.projects.all(),
            "is_active": person.is_active,
        }


class AuditFilterForm(forms.Form):
    """The filter of the audit log, from the address. Days are in UTC; the last one is included."""

    actor = forms.CharField(required=False, max_length=254, label="Who")
    action = forms.ChoiceField(required=False, label="What")
    start = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, actions: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["action"]
        choice.choices = [("", "Everything"), *((action, action) for action in actions)]

    def clean_end(self) -> date | None:
        end: date | None = self.cleaned_data["end"]
        if end == date.max:
            raise forms.ValidationError("There is no day after this one.")
        return end
