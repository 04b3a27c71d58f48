"""What tests of alerts share: a mail server that takes everything, and a clock that is moved by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from tests.budgets.smtp import MailServer, mail_server


@dataclass
class Clock:
    """Says the same until it is moved."""

    now: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> datetime:
        """Move it on; gives the new time."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mails(settings: Settings) -> Iterator[MailServer]:
    """Bursar's mail server."""
    with mail_server() as server:
        use_mail_server(settings, server)
        yield server


def use_mail_server(settings: Any, server: MailServer) -> None:
    """Let Bursar send its mails there."""
    settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
