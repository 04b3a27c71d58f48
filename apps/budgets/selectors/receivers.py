"""Who is told about an alert: people by their role and what they may see, agreed addresses, channels that are on."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from apps.access.domain.identity import Role
from apps.access.models import User
from apps.budgets.domain.recipients import Recipients, read_recipients
from apps.budgets.models import Alert, Audience, Budget, Channel, MailAddress


@dataclass(frozen=True, slots=True, order=True)
class Receiver:
    """One mail address, or one channel."""

    address: str = ""
    channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Person:
    address: str
    role: str
    project_ids: frozenset[int] | None


class Receivers:
    """Everybody who can be told, read once for many alerts."""

    def __init__(self, audience: Audience) -> None:
        self._people = [_person(user) for user in _people()] if settings.EMAIL_URL else []
        agreed = MailAddress.objects.exclude(verified_at=None) if settings.EMAIL_URL else MailAddress.objects.none()
        self._addresses = set(agreed.values_list("address", flat=True))
        self._channels = dict(Channel.objects.filter(off_since=None).values_list("name", "id"))
        self._usual = Recipients(
            frozenset(audience.roles),
            frozenset(audience.addresses.values_list("address", flat=True)) if audience.pk else frozenset(),
            frozenset(audience.channels.values_list("name", flat=True)) if audience.pk else frozenset(),
        )

    def of(self, alert: Alert, chosen: Recipients | None = None) -> list[Receiver]:
        """Who is told about it, each once: those the budget chose, else the usual ones.

        The usual ones too where all of those are gone: an alert that nobody hears is none.
        """
        return (self._of(alert, chosen) if chosen else []) or self._of(alert, self._usual)

    def _of(self, alert: Alert, wanted: Recipients) -> list[Receiver]:
        people = {
            person.address
            for person in self._people
            if (person.role in wanted.roles or person.address in wanted.addresses) and _may_see(person, alert)
        }
        addresses = people | (self._addresses & wanted.addresses)
        channels = [self._channels[name] for name in wanted.channels if name in self._channels]
        found = [Receiver(channel_id=channel_id) for channel_id in sorted(channels)]
        found += sorted(Receiver(address=address) for address in addresses)
        return found[: settings.ALERT_RECIPIENTS_MOST]


def audience() -> Audience:
    """Who is told and how; what stands before anybody chose, if nobody did."""
    return Audience.objects.first() or Audience()


def is_read_by(alert: Alert, address: str) -> bool:
    """True if whoever reads mail at this address may know of the alert: somebody who signs in, or who has agreed."""
    if MailAddress.objects.exclude(verified_at=None).filter(address=address).exists():
        return True
    return any(_may_see(_person(user), alert) for user in _people().filter(email=address))


def unreachable(texts: Iterable[str]) -> list[str]:
    """Those of these recipients that nothing could ever be told to: unknown channels, addresses that did not agree."""
    wanted = _understood(texts)
    people = set(User.objects.filter(is_active=True, email__in=wanted.addresses).values_list("email", flat=True))
    agreed = MailAddress.objects.exclude(verified_at=None).filter(address__in=wanted.addresses)
    channels = set(Channel.objects.filter(name__in=wanted.channels).values_list("name", flat=True))
    addresses = people | set(agreed.values_list("address", flat=True))
    return Recipients(addresses=wanted.addresses - addresses, channels=wanted.channels - channels).texts


def chosen_recipients(alerts: Iterable[Alert]) -> dict[int, Recipients]:
    """Whom the budgets of these alerts have chosen, by budget; those that chose nobody are missing."""
    ids = {alert.budget_id for alert in alerts if alert.budget_id}
    found = Budget.objects.filter(id__in=ids).exclude(recipients=[]).values_list("id", "recipients")
    chosen = {budget_id: _understood(texts) for budget_id, texts in found}
    return {budget_id: recipients for budget_id, recipients in chosen.items() if recipients}


def _understood(texts: Iterable[str]) -> Recipients:
    """What is written down, without what means nothing: one odd word must not keep the others waiting."""
    roles, understood = [role.value for role in Role], []
    for text in texts:
        try:
            understood += read_recipients([text], roles=roles).texts
        except ValueError:
            continue
    return read_recipients(understood, roles=roles)


def _people() -> QuerySet[User]:
    return User.objects.filter(is_active=True).prefetch_related("projects__merged").order_by("id")


def _person(user: User) -> _Person:
    seen = [one.pk for project in user.projects.all() for one in (project, *project.merged.all())]
    limit = frozenset(seen) if user.limited else None
    return _Person(user.email, user.role, limit)


def _may_see(person: _Person, alert: Alert) -> bool:
    return person.project_ids is None or alert.project_id in person.project_ids
