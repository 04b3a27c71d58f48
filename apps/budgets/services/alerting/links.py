"""Addresses that mails and webhooks carry. The link to acknowledge is signed and can do nothing else."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.urls import reverse

ACKNOWLEDGE_SALT = "bursar.alerts.acknowledge"
AGREE_SALT = "bursar.alerts.agree"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a signed link stands for: this alert, and to whom the mail with it went."""

    alert_id: int
    address: str


def alert_url(alert_id: int) -> str:
    """The page of an alert."""
    return _absolute("budgets:alert", alert_id)


def inbox_url() -> str:
    """The page of all open alerts."""
    return _absolute("budgets:alerts")


def budget_url(budget_id: int | None) -> str:
    """The page of the budget an alert is about; empty when it is about none."""
    return _absolute("budgets:budget", budget_id) if budget_id else ""


def acknowledge_url(alert_id: int, address: str) -> str:
    """A page on which whoever holds this mail can acknowledge the alert without signing in."""
    token = signing.dumps([alert_id, address], salt=ACKNOWLEDGE_SALT, compress=True)
    return _absolute("budgets:acknowledge-by-mail", token)


def read_acknowledgement(token: str) -> Acknowledgement | None:
    """What the link stands for; None if it was never signed here, was altered, or is too old."""
    read = _read(token, ACKNOWLEDGE_SALT)
    match read:
        case [int(alert_id), str(address)]:
            return Acknowledgement(alert_id, address)
    return None


def agree_url(address: str) -> str:
    """A page on which whoever reads mail at this address agrees to get alerts."""
    return _absolute("budgets:agree-by-mail", signing.dumps(address, salt=AGREE_SALT))


def read_agreement(token: str) -> str | None:
    """The address whose reader agrees; None if the link was not signed here, or is too old."""
    read = _read(token, AGREE_SALT)
    return read if isinstance(read, str) else None


def _read(token: str, salt: str) -> object:
    try:
        return signing.loads(token, salt=salt, max_age=timedelta(days=settings.ALERT_LINK_DAYS))
    except signing.BadSignature:
        return None


def _absolute(name: str, *arguments: object) -> str:
    """Behind a proxy that serves Bursar below a path the public address has it, and Django perhaps too."""
    base, path = settings.PUBLIC_URL.rstrip("/"), reverse(name, args=arguments)
    below = urlsplit(base).path
    return f"{base.removesuffix(below)}{path}" if below and path.startswith(f"{below}/") else f"{base}{path}"
