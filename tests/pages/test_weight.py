"""The first page is light: the files that a first visit to the Overview loads, compressed, and its HTML."""

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import time_machine
from django.contrib.staticfiles import finders
from django.test import Client

from apps.access.models import User
from tests.pages.test_overview import SignIn
from tests.usage import report_a_month

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
MOST_BYTES = 150_000
MOST_HTML_BYTES = 60_000
MOST_SENT_HTML_BYTES = 10_000


def static_file(address: str) -> Path:
    found = finders.find(address.removeprefix("/static/"))
    assert found, address
    return Path(found)


def sent(content: bytes) -> int:
    return min(len(content), len(gzip.compress(content, 9)))


def loaded(page: str) -> set[Path]:
    """The files a page names, and the fonts its stylesheet names."""
    files = {static_file(address) for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page)}
    fonts = {
        (sheet.parent / font).resolve()
        for sheet in files
        if sheet.suffix == ".css"
        for font in re.findall(r'url\("([^"]+)"\)', sheet.read_text())
    }
    return {file.resolve() for file in files} | fonts


def test_the_first_visit_loads_at_most_150_kb(ann: User, signed_in: SignIn) -> None:
    with time_machine.travel(NOW, tick=False):
        report_a_month(NOW, days=30, per_day=30)
        client: Client = signed_in(ann)
        page = client.get("/").content
    files = loaded(page.decode())
    assert {file.suffix for file in files} == {".css", ".js", ".svg", ".woff2"}
    assert sum(sent(file.read_bytes()) for file in files) <= MOST_BYTES
    assert len(page) <= MOST_HTML_BYTES
    assert sent(page) <= MOST_SENT_HTML_BYTES


def test_html_is_sent_compressed(ann: User, signed_in: SignIn) -> None:
    response = signed_in(ann).get("/", headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
