"""Chromium for the browser tests: one process for all, a fresh context for every page."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, sync_playwright
from pytest_django.live_server_helper import LiveServer

from apps.access.domain.identity import Role
from apps.access.models import User
from tests.cast import make_person
from tests.costs.posting import load_prices
from tests.e2e.tab import Tab
from tests.routing import acts
from tests.usage import call, report, report_a_month

# Playwright's synchronous interface runs an event loop, which the ORM would take for asynchronous code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OpenTab = Callable[..., Tab]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"Chromium is not at {CHROMIUM}: install the package chromium, or set CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def owner(transactional_db: None) -> User:
    return make_person("alice@example.org", Role.OWNER)


@pytest.fixture
def fleet(transactional_db: None) -> None:
    """Ten weeks of a small fleet, one long name, one model without a price; and a small price book."""
    load_prices()
    now = timezone.now()
    report_a_month(now, days=66, per_day=24)
    unpriced = call(now, provider="acme", model="acme-reasoner-experimental-2026-11-preview-long-context-200k")
    del unpriced["cost_usd"]
    report([unpriced, unpriced], now)


@pytest.fixture
def routed(owner: User) -> int:
    """Two versions of a policy, a decision with its call, a model that fails; the id of a draft."""
    return acts.routed(owner)


@pytest.fixture
def open_tab(browser: Browser, live_server: LiveServer) -> Iterator[OpenTab]:
    """Opens a page as a person, or as nobody. Closing checks that nothing was blocked, logged or fetched outside."""
    tabs: list[Tab] = []

    def open_one(path: str = "/", person: User | None = None, **options: Any) -> Tab:
        settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        context = browser.new_context(timezone_id="America/New_York", **settings)
        if person:
            context.add_cookies([_session_cookie(person, live_server.url)])
        tab = Tab(context, live_server.url)
        tabs.append(tab)
        tab.goto(path)
        return tab

    yield open_one
    try:
        for tab in tabs:
            tab.assert_clean()
    finally:
        for tab in tabs:
            tab.close()


def _session_cookie(person: User, url: str) -> Any:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}
