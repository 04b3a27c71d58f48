"""Changes passwords: by the person, or by a mailed link once mail is set up."""

import logging
from datetime import timedelta
from urllib.parse import urljoin

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.access.models import PasswordReset, User
from apps.access.services import audit
from apps.access.services.people import refuse_weak

logger = logging.getLogger(__name__)

RESETS_PER_HOUR = 3
GIVE_UP_AFTER = timedelta(hours=1)
_LEASE = timedelta(minutes=2)


@transaction.atomic
def change_password(*, person: User, password: str, by: str | None = None) -> None:
    """Sets a new password, which ends the person's other sessions. Raises Refused for a weak one.

    `by` says who did it, if it was not the person.
    """
    _set(person, password)
    audit.record(caller=by or person.email, action="password.changed", obj=person)


@transaction.atomic
def request_reset(*, email: str, base_url: str) -> None:
    """Notes that a link is wanted; a task mails it. Known and unknown addresses take the same way and time."""
    person = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    hour_ago = timezone.now() - timedelta(hours=1)
    if person is not None and person.password_resets.filter(requested_at__gt=hour_ago).count() < RESETS_PER_HOUR:
        PasswordReset.objects.create(person=person, base_url=base_url)
    known = person.email if person is not None else "unknown address"
    audit.record(caller=known, action="password.reset_requested", obj=person)


def person_of_link(uid: str, token: str, *, locked: bool = False) -> User | None:
    """Whom a reset link belongs to; None once it was used, has expired or was never made."""
    people = User.objects.select_for_update() if locked else User.objects.all()
    try:
        person = people.get(pk=int(urlsafe_base64_decode(uid)), is_active=True)
    except (ValueError, OverflowError, User.DoesNotExist):
        return None
    return person if default_token_generator.check_token(person, token) else None


@transaction.atomic
def reset_password(*, uid: str, token: str, password: str) -> None:
    """Sets the password of whoever followed this link. Raises Refused for a weak one, User.DoesNotExist for a link
    that has ended: of two who use it at once the second finds it used.
    """
    person = person_of_link(uid, token, locked=True)
    if person is None:
        raise User.DoesNotExist
    _set(person, password)
    audit.record(caller=person.email, action="password.reset", obj=person)


def send_due_resets() -> int:
    """Mails every link that waits, each leased first, so that two workers never send one twice. Returns how many.

    A mail server that fails leaves the row for the next sweep; after an hour the request is given up.
    """
    sent = 0
    while (reset := _lease()) is not None:
        try:
            send_mail("Your new password for Bursar", _letter(reset), None, [reset.person.email])
        except OSError as error:
            logger.warning("Password link %s not sent: %s", reset.pk, type(error).__name__)
            continue
        PasswordReset.objects.filter(pk=reset.pk).update(sent_at=timezone.now())
        sent += 1
    return sent


def _lease() -> PasswordReset | None:
    now = timezone.now()
    with transaction.atomic():
        due = PasswordReset.objects.due(now).filter(requested_at__gt=now - GIVE_UP_AFTER)
        reset = due.select_for_update(skip_locked=True, of=("self",)).select_related("person").first()
        if reset is not None:
            reset.leased_until = now + _LEASE
            reset.save(update_fields=["leased_until"])
    return reset


def _letter(reset: PasswordReset) -> str:
    uid = urlsafe_base64_encode(str(reset.person.pk).encode())
    path = reverse("access:reset_password", args=[uid, default_token_generator.make_token(reset.person)])
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    return (
        f"Somebody, probably you, asked for a new password for {reset.person.email}.\n\n"
        f"Choose it here within {hours} hours:\n{urljoin(reset.base_url, path)}\n\n"
        "If it was not you, nothing has changed and you need not do anything.\n"
    )


def _set(person: User, password: str) -> None:
    refuse_weak(password, person)
    person.set_password(password)
    person.must_change_password = False
    person.save(update_fields=["password", "must_change_password"])
