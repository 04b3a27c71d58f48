"""Mails: plain text and HTML, over one connection to the mail server while a sweep lasts."""

import smtplib
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from apps.budgets.models import Delivery, Purpose
from apps.budgets.selectors.messages import Told, told_in
from apps.budgets.services.alerting.links import acknowledge_url, agree_url, alert_url, budget_url
from apps.budgets.services.outbox.errors import SendError


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
        # A name may hold anything; a header is one line.
        subject=" ".join(f"[Bursar] {subject}".split())[:200],
        body=render_to_string(f"mail/{name}.txt", context),
        to=[delivery.address],
        headers={
            "Message-ID": f"<{delivery.message_id}@{host}>",
            "Auto-Submitted": "auto-generated",
            **_thread(told, host),
        },
    )
    message.attach_alternative(render_to_string(f"mail/{name}.html", context), "text/html")
    return message


def _thread(told: list[Told], host: str) -> dict[str, str]:
    """What is told of one alert stands together in the reader's mail program."""
    return {"References": f"<alert-{told[0].alert.pk}@{host}>"} if len(told) == 1 else {}


def _of_alerts(delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    told = told_in(delivery)
    rows = [
        {
            "told": one,
            "url": alert_url(one.alert.pk),
            "budget": budget_url(one.alert.budget_id),
            "acknowledge": acknowledge_url(one.alert.pk, delivery.address) if one.can_be_acknowledged else "",
        }
        for one in told
    ]
    subject = told[0].line if len(told) == 1 else f"{len(told)} alerts: {told[0].line}"
    return "alerts", subject, {"told": told, "rows": rows}


def _test(delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    return "test", "Test: mail from Bursar reaches you", {}


def _verification(delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    context: dict[str, Any] = {"agree": agree_url(delivery.address), "days": settings.ALERT_LINK_DAYS}
    return "verify", "Do you want alerts from Bursar?", context


_CONTENT = {Purpose.ALERTS: _of_alerts, Purpose.TEST: _test, Purpose.VERIFY: _verification}


def _failure(error: OSError | smtplib.SMTPException, address: str) -> SendError:
    """What the mail server said, or that it said nothing."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return SendError("The mail server refuses the user name or password of EMAIL_URL.", everywhere=True)
        case smtplib.SMTPRecipientsRefused(recipients=refusals):
            code, words = next(iter(refusals.values()))
            return SendError(f"The mail server refuses {address}: {_said(code, words)}", permanent=code >= 500)
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=words):
            return SendError(f"The mail server answered {_said(code, words)}", permanent=code >= 500)
        case smtplib.SMTPException():
            return SendError(f"The mail server broke off ({type(error).__name__}).", everywhere=True)
        case TimeoutError():
            return SendError("The mail server did not answer in time.", everywhere=True)
    return SendError(f"The mail server cannot be reached ({error.strerror or type(error).__name__}).", everywhere=True)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:300]
