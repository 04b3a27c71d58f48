"""Forms of the page Alerting: who is told and how, channels, addresses."""

from datetime import time
from typing import Any
from zoneinfo import available_timezones

from django import forms

from apps.access.forms import ServiceForm
from apps.access.models.people import ROLE_CHOICES
from apps.budgets.models import Audience, Channel, ChannelKind, MailAddress, Severity
from apps.budgets.services.alerting.audience import Telling

DIGESTS = [("0", "At once"), ("15", "Every 15 minutes"), ("60", "Every hour"), ("1440", "Once a day")]
REMINDERS = [("0", "Never"), ("1", "Every hour"), ("4", "Every 4 hours"), ("24", "Every day")]
LOWEST = [
    (Severity.INFO, "Everything"),
    (Severity.WARNING, "Warnings and what is critical"),
    (Severity.CRITICAL, "Only what is critical"),
]
_CLOCK = forms.TimeInput(format="%H:%M", attrs={"type": "time"})


class AudienceForm(ServiceForm):
    """Who is told unless a budget names others, and how everybody is told."""

    roles = forms.MultipleChoiceField(
        label="By mail, people who are", choices=ROLE_CHOICES, required=False, widget=forms.CheckboxSelectMultiple
    )
    addresses = forms.ModelMultipleChoiceField(
        MailAddress.objects.exclude(verified_at=None).order_by("address"),
        label="By mail, addresses that agreed",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    channels = forms.ModelMultipleChoiceField(
        Channel.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )
    lowest = forms.ChoiceField(label="They hear of", choices=LOWEST)
    digest_minutes = forms.ChoiceField(
        label="Mails go out",
        choices=DIGESTS,
        help_text="Several alerts become one mail. What is critical goes at once.",
    )
    quiet_from = forms.TimeField(label="No mail from", required=False, widget=_CLOCK)
    quiet_until = forms.TimeField(label="until", required=False, widget=_CLOCK)
    zone = forms.CharField(label="Time zone of these hours", max_length=64, initial="UTC")
    remind_hours = forms.ChoiceField(
        label="Remind of what is critical and nobody took up", choices=REMINDERS, help_text="A few times, then no more."
    )
    tells_resolved = forms.BooleanField(label="Tell them when it is over", required=False)

    def clean_zone(self) -> str:
        zone: str = self.cleaned_data["zone"].strip()
        if zone not in available_timezones():
            raise forms.ValidationError("This is no IANA time zone, such as Europe/Berlin.")
        return zone

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if (typed.get("quiet_from") is None) != (typed.get("quiet_until") is None):
            self.add_error("quiet_until", "Quiet hours need a beginning and an end.")
        return typed

    def wanted(self) -> Telling:
        """What was chosen."""
        chosen = self.cleaned_data
        begins: time | None = chosen["quiet_from"]
        return Telling(
            roles=chosen["roles"],
            address_ids=[one.pk for one in chosen["addresses"]],
            channel_ids=[one.pk for one in chosen["channels"]],
            lowest=chosen["lowest"],
            digest_minutes=int(chosen["digest_minutes"]),
            quiet_from=begins,
            quiet_until=chosen["quiet_until"],
            zone=chosen["zone"],
            remind_hours=int(chosen["remind_hours"]),
            tells_resolved=chosen["tells_resolved"],
        )

    @staticmethod
    def initial_of(audience: Audience) -> dict[str, Any]:
        """What the form shows at first; before anybody chose, what holds then."""
        stands = Audience.objects.filter(id=audience.pk).exists()
        return {
            "roles": audience.roles,
            "addresses": audience.addresses.all() if stands else [],
            "channels": audience.channels.all() if stands else [],
            "lowest": audience.lowest,
            "digest_minutes": str(audience.digest_minutes),
            "quiet_from": audience.quiet_from,
            "quiet_until": audience.quiet_until,
            "zone": audience.zone,
            "remind_hours": str(audience.remind_hours),
            "tells_resolved": audience.tells_resolved,
        }


class ChannelForm(ServiceForm):
    """The name and address of a channel."""

    name = forms.CharField(max_length=128, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    url = forms.CharField(
        label="Address",
        max_length=2_000,
        help_text="https, and on the public internet unless the operator named the network.",
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
    )


class NewChannelForm(ChannelForm):
    """The same, with its kind first."""

    kind = forms.ChoiceField(
        choices=[
            (ChannelKind.WEBHOOK, "Webhook, signed as Standard Webhooks says"),
            (ChannelKind.SLACK, "Slack, or what takes the same messages (Mattermost, Rocket.Chat)"),
        ],
        widget=forms.RadioSelect,
        initial=ChannelKind.WEBHOOK,
    )
    field_order = ["kind", "name", "url"]


class AddressForm(ServiceForm):
    """An address of nobody who signs in."""

    address = forms.EmailField(max_length=254, help_text="A mail asks its reader whether they want alerts.")
