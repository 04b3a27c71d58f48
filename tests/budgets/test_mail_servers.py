"""Mail servers that refuse, greylist, break off or lack what was asked: what is said, tried again and given up."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pytest_django import Settings

from apps.access.models import User
from apps.budgets.models import Delivery
from apps.budgets.services.outbox.sweeping import sweep
from tests.budgets.alerting import raised
from tests.budgets.conftest import Clock

USUAL = {
    "": b"220 mx", "EHLO": b"250-mx\r\n250-8BITMIME\r\n250 SIZE 1000", "MAIL": b"250 ok", "RCPT": b"250 ok",
    "DATA": b"354 go on", ".": b"250 taken", "RSET": b"250 ok", "QUIT": b"221 bye",
}  # fmt: skip


@contextlib.contextmanager
def scripted(answers: Mapping[str, bytes]) -> Iterator[int]:
    """A server that gives these answers, by verb; an empty one hangs up. Gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, {**USUAL, **answers}), daemon=True).start()
        yield int(listening.getsockname()[1])


def _serve(listening: socket.socket, answers: Mapping[str, bytes]) -> None:
    with contextlib.suppress(OSError):
        while True:
            link, _ = listening.accept()
            with link, contextlib.suppress(OSError):
                _talk(link, answers)


def _talk(link: socket.socket, answers: Mapping[str, bytes]) -> None:
    lines, in_data = link.makefile("rb"), False
    link.sendall(answers[""] + b"\r\n")
    for line in lines:
        verb = line.strip().decode(errors="replace").upper().partition(" ")[0]
        if in_data and verb != ".":
            continue
        answer = answers.get(verb, b"502 what?")
        if not answer:
            link.shutdown(socket.SHUT_RDWR)
            return
        link.sendall(answer + b"\r\n")
        in_data = verb == "DATA" and answer.startswith(b"354")


def outcome(clock: Clock, port: int, settings: Settings) -> tuple[str, str, int]:
    settings.EMAIL_PORT = port
    run = sweep(clock=clock)
    assert run is not None
    delivery = Delivery.objects.get()
    return delivery.state, delivery.error, run.mail_failures


@pytest.fixture
def use_smtp(settings: Settings) -> Settings:
    settings.EMAIL_URL, settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = "smtp://127.0.0.1", "127.0.0.1", 2
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    return settings


def test_what_each_refusal_is_called_and_whether_it_is_tried_again(
    alice: User, use_smtp: Settings, clock: Clock
) -> None:
    refuses = "The mail server refuses alice@example.org: "
    sender = "The mail server refuses the sender bursar@localhost (BURSAR_MAIL_FROM): "
    cases: list[tuple[dict[str, Any], str, str, int]] = [
        ({"MAIL": b"550 5.7.1 not you"}, "waiting", sender + "550 5.7.1 not you", 1),
        ({"MAIL": b"552 5.3.4 too large"}, "given_up", "The mail server answered 552 5.3.4 too large", 0),
        ({"": b"554 5.7.1 blocked"}, "waiting", "The mail server does not let us in: 554 5.7.1 blocked", 1),
        ({"RCPT": b"451 4.7.1 greylisted"}, "waiting", refuses + "451 4.7.1 greylisted", 0),
        ({"RCPT": b"550 5.7.1 relaying denied"}, "waiting", refuses + "550 5.7.1 relaying denied", 0),
        ({"RCPT": b"550 5.1.1 unknown"}, "given_up", refuses + "550 5.1.1 unknown", 0),
        ({".": b"554 5.6.0 odd"}, "given_up", "The mail server answered 554 5.6.0 odd", 0),
        ({".": b""}, "waiting", "The mail server broke off (SMTPServerDisconnected).", 1),
        ({"DATA": b""}, "waiting", "The mail server broke off (SMTPServerDisconnected).", 1),
        ({}, "sent", "", 0),
    ]  # fmt: skip
    for answers, state, error, everywhere in cases:
        Delivery.objects.all().delete()
        raised(clock.move(minutes=1), occurrence=str(clock()))
        with scripted(answers) as port:
            assert outcome(clock, port, use_smtp) == (state, error, everywhere), answers


def test_tls_and_logins_that_are_asked_for_and_not_there(
    alice: User, use_smtp: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised(clock())
    lacks = "The mail server lacks what EMAIL_URL asks for: "
    with scripted({}) as port:
        for change, error in (
            ({"EMAIL_USE_TLS": True}, lacks + "STARTTLS extension not supported by server."),
            ({"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}, "TLS with the mail server failed: WRONG_VERSION_NUMBER."),
            ({"EMAIL_USE_SSL": False, "EMAIL_HOST_USER": "me", "EMAIL_HOST_PASSWORD": "x"},
             lacks + "SMTP AUTH extension not supported by server."),
        ):  # fmt: skip
            for name, value in change.items():
                setattr(use_smtp, name, value)
            Delivery.objects.update(due_at=clock(), tries=0)
            assert outcome(clock, port, use_smtp) == ("waiting", error, 1)
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "self-signed certificate"

    def refuse(*_: object, **__: object) -> None:
        raise untrusted

    monkeypatch.setattr("smtplib.SMTP.connect", refuse)
    Delivery.objects.update(due_at=clock(), tries=0)
    assert outcome(clock, 1, use_smtp)[1] == "TLS with the mail server failed: self-signed certificate."
