"""A mail server of a test's own, which refuses, drops and hangs as often as it is told to."""

import asyncio
import contextlib
import email
import email.policy
import logging
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailServer:
    """What it took, and when, and how it behaves.

    `failing` is the share of mails that it answers with 451, or by hanging up; `hanging` that of those it lets wait.
    """

    failing: float = 0.0
    hanging: float = 0.0
    hang_seconds: float = 15.0
    refuses: dict[str, str] = field(default_factory=dict)
    dice: random.Random = field(default_factory=lambda: random.Random(5))
    accepted: list[EmailMessage] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    tries: int = 0
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.tries += 1
        if self.dice.random() < self.hanging:
            await asyncio.sleep(self.hang_seconds)
            return "451 4.4.2 that took too long"
        if self.dice.random() < self.failing:
            if self.dice.random() < 0.3:
                transport: Any = server.transport
                transport.abort()
            return "451 4.3.0 come again later"
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.accepted.append(message)
        self.times.append(time.time())
        return "250 Accepted"

    @property
    def ids(self) -> list[str]:
        """The Message-IDs it accepted, in order."""
        return [str(message["Message-ID"]) for message in self.accepted]


@contextlib.contextmanager
def mail_server(**behaviour: Any) -> Iterator[MailServer]:
    """A running server on this machine."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    server = MailServer(**behaviour)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def parts(message: EmailMessage) -> tuple[str, str]:
    """The plain text and the HTML of a mail."""
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return str(plain.get_content()), str(html.get_content())
