"""Mails: plain text and HTML, over one connection to the mail server while a sweep lasts."""

import smtplib
import ssl
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from apps.budgets.models import Delivery, Purpose
from apps.budgets.selectors.messages import Told, subject_of, told_in
from apps.budgets.services.alerting.links import acknowledge_url, agree_url, alert_url, budget_url, inbox_url
from apps.budgets.services.outbox.errors import SendError

MOST_WHOLE, MOST_LINES = 25, 200
"""So many alerts of one mail are told whole, and so many more in a line each: mail servers take no book."""
MOST_THREADS = 12
LONGEST_SUBJECT = 200
TOO_LARGE = 552
POLICY = " 5.7."
"""Begins codes that say what a server lets us do (RFC 3463), as "relaying denied": that is no fault of the address."""


class MailRun:
    """The connection to the mail server, opened for the first mail and again after it was lost."""

    def __init__(self) -> None:
        self._connection = get_connection()
        self._is_open = False

    def send(self, delivery: Delivery) -> None:
        """Send it. Raises SendError."""
        message = compose(delivery)
        try:
            if not self._is_open:
                self._connection.open()
                self._is_open = True
            message.connection = self._connection
            message.send()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise _failure(error, delivery.address) from error

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
        self._is_open = False


def compose(delivery: Delivery) -> EmailMultiAlternatives:
    """The mail as it leaves, both parts made from the same rows."""
    name, subject, context = _CONTENT[Purpose(delivery.purpose)](delivery)
    told: list[Told] = context.setdefault("told", [])
    context |= {"to": delivery.address, "home": settings.PUBLIC_URL, "subject": subject}
    context["may_be_again"] = delivery.was_interrupted
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    message = EmailMultiAlternatives(
        subject=_one_line(f"[Bursar] {subject}"),
        body=render_to_string(f"mail/{name}.txt", context),
        to=[delivery.address],
        headers={
            "Message-ID": f"<{delivery.message_id}@{host}>",
            "Auto-Submitted": "auto-generated",
            # Exchange goes by this one: no out-of-office answers, please.
            "X-Auto-Response-Suppress": "All",
            **({"List-Id": f"Bursar alerts <alerts.{host}>"} if told else {}),
            **_thread(told, host),
        },
    )
    message.attach_alternative(render_to_string(f"mail/{name}.html", context), "text/html")
    return message


def _one_line(text: str) -> str:
    """A name may hold anything; a header is one line. What happened comes after the name, so the middle goes."""
    line = " ".join(text.split())
    half = LONGEST_SUBJECT // 2 - 2
    return line if len(line) <= LONGEST_SUBJECT else f"{line[:half].rstrip()} … {line[-half:].lstrip()}"


def _thread(told: list[Told], host: str) -> dict[str, str]:
    """What is told of one alert, or of several of one budget, stands together in the reader's mail program."""
    if not told or len({one.about for one in told}) > 1:
        return {}
    return {"References": " ".join(f"<alert-{one.alert.pk}@{host}>" for one in told[:MOST_THREADS])}


def _of_alerts(delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    told = told_in(delivery)
    whole = told[:MOST_WHOLE]
    context = {
        "told": told,
        "rows": [_row(one, before, delivery.address) for one, before in zip(whole, [None, *whole], strict=False)],
        "lines": [(one, alert_url(one.alert.pk)) for one in told[MOST_WHOLE:][:MOST_LINES]],
        "more": max(len(told) - MOST_WHOLE - MOST_LINES, 0),
        "inbox": inbox_url(),
    }
    return "alerts", subject_of(told), context


def _row(one: Told, before: Told | None, address: str) -> dict[str, Any]:
    """One alert for the templates. Of several lines that a counter crossed at once each fact is said once."""
    said = before.alert.facts if before and before.about == one.about else []
    return {
        "told": one,
        "facts": [fact for fact in one.alert.facts if fact not in said],
        "url": alert_url(one.alert.pk),
        "budget": "" if said else budget_url(one.budget_id),
        "acknowledge": acknowledge_url(one.alert.pk, address) if one.can_be_acknowledged else "",
    }


def _test(delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    return "test", "Test: mail from Bursar reaches you", {}


def _verification(delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    context: dict[str, Any] = {"agree": agree_url(delivery.address), "days": settings.ALERT_LINK_DAYS}
    return "verify", "Do you want alerts from Bursar?", context


_CONTENT = {Purpose.ALERTS: _of_alerts, Purpose.TEST: _test, Purpose.VERIFY: _verification}


def _failure(error: OSError | smtplib.SMTPException, address: str) -> SendError:
    """What the mail server said, or that it said nothing.

    Given up is only what another try cannot mend. A sender, a greeting or a login that is refused is a matter of our
    settings or of the server: all that waits goes out once they are right.
    """
    match error:
        case smtplib.SMTPAuthenticationError():
            return SendError("The mail server refuses the user name or password of EMAIL_URL.", everywhere=True)
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=words, sender=sender) if code != TOO_LARGE:
            words = f"The mail server refuses the sender {sender} (BURSAR_MAIL_FROM): {_said(code, words)}"
            return SendError(words, everywhere=True)
        case smtplib.SMTPRecipientsRefused(recipients=refusals):
            code, words = next(iter(refusals.values()))
            said = _said(code, words)
            permanent = code >= 500 and POLICY not in said
            return SendError(f"The mail server refuses {address}: {said}", permanent=permanent)
        case (
            smtplib.SMTPDataError(smtp_code=code, smtp_error=words)
            | smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=words)
        ):
            return SendError(f"The mail server answered {_said(code, words)}", permanent=code >= 500)
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=words):
            return SendError(f"The mail server does not let us in: {_said(code, words)}", everywhere=True)
        case smtplib.SMTPNotSupportedError():
            return SendError(f"The mail server lacks what EMAIL_URL asks for: {error}", everywhere=True)
        case smtplib.SMTPException():
            return SendError(f"The mail server broke off ({type(error).__name__}).", everywhere=True)
        case TimeoutError():
            return SendError("The mail server did not answer in time.", everywhere=True)
        case ssl.SSLError():
            why = getattr(error, "verify_message", "") or error.reason or type(error).__name__
            return SendError(f"TLS with the mail server failed: {why}.", everywhere=True)
    return SendError(f"The mail server cannot be reached ({error.strerror or type(error).__name__}).", everywhere=True)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:300]
