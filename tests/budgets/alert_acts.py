"""Alerts and channels in the states that acts on pages need, made without an audit entry of their own."""

from datetime import timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from apps.budgets.models import Alert, Channel, Delivery, MailAddress
from apps.budgets.services.alerting.links import acknowledge_url, agree_url
from tests.budgets.alerting import raised

TOMORROW = (timezone.now() + timedelta(days=1)).isoformat()


def firing() -> int:
    """An alert nobody has taken up."""
    return raised(timezone.now()).pk


def acknowledged() -> int:
    """One that somebody has."""
    alert = raised(timezone.now())
    Alert.objects.update(state="acknowledged", changed_by="ada")
    return alert.pk


def link(address: str) -> str:
    """The path with which a mail to this address acknowledges an alert."""
    return urlsplit(acknowledge_url(firing(), address)).path


def agreement(address: str) -> str:
    """The path with which the reader of this address agrees to get alerts."""
    MailAddress.objects.create(address=address, asked_by="ada")
    return urlsplit(agree_url(address)).path


AUDIENCE = {"roles": ["owner"], "lowest": "info", "digest_minutes": "0", "zone": "UTC", "remind_hours": "24"}
# An address of the public internet, written so that nothing is looked up.
URL = "https://1.1.1.1/hook"
NEW_CHANNEL = {"kind": "webhook", "name": "Ops", "url": URL}


def channel() -> int:
    """A webhook."""
    return Channel.objects.create(kind="webhook", name="Ops", url=URL, nonce="n").pk


def given_up() -> int:
    """A message that was given up."""
    return Delivery.objects.create(address="ada@example.org", state="given_up").pk


def address() -> int:
    """An address whose reader was asked."""
    return MailAddress.objects.create(address="dan@example.org", asked_by="ada").pk
