"""From what one looks at to a what-if on it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.models import Project, User
from controlplane.conversations.links import conversation_url
from controlplane.supposing import what_if_url
from tests.usage import call, report

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)


@pytest.mark.django_db
def test_the_form_gets_what_it_knows_of_a_view(bob: User) -> None:
    project = Project.objects.create(name="shop")
    cases = [
        ([], timedelta(hours=3), {"days": ["1"]}),
        ([("project", ["shop"]), ("agent", ["coder"])], timedelta(days=29, hours=1),
         {"days": ["30"], "project": [str(project.pk)], "agent": ["coder"]}),
        ([("task_type", ["code"]), ("provider", ["openai"]), ("model", ["o3"])], timedelta(days=400),
         {"days": ["92"], "of_task_type": ["code"], "source": ["openai/o3"]}),
        ([("agent", ["a", "b"]), ("model", ["o3"]), ("task_type", ["(none)"]), ("project", ["gone"])],
         timedelta(days=1), {"days": ["1"]}),
    ]  # fmt: skip
    for filters, ago, wanted in cases:
        url = urlsplit(what_if_url(bob.caller(), filters, since=NOW - ago, now=NOW))
        assert (url.path, parse_qs(url.query)) == ("/routing/what-if", wanted)


def test_reading_pages_lead_there_for_those_who_may(ann: User, bob: User, signed_in: Callable[[User], Client]) -> None:
    now = timezone.now()
    report([call(now, conversation_id="c1")], now)
    for path in ("/?agent=coder", "/explore?agent=coder", conversation_url("default", "c1")):
        page = signed_in(bob).get(path).content.decode()
        assert "/routing/what-if?days=" in page
        assert "agent=coder" in page.split("/routing/what-if?")[1].split('"')[0]
        assert "/routing/what-if?" not in signed_in(ann).get(path).content.decode()
    assert signed_in(bob).get("/routing/what-if?days=3&agent=coder").context["form"]["agent"].value() == "coder"
