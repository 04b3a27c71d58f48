"""Keeps tests apart: a database that may be emptied, and process memory that starts empty."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from apps.access.services import audit, guessing, known_keys, places
from apps.budgets.extension_points import tier_ceiling
from apps.budgets.models import BudgetsVersion
from apps.budgets.selectors import matching
from apps.budgets.services import opening
from apps.costs.extension_points import Door, charging, recharging, tiering
from apps.costs.selectors import invoices, rate_book, reporting, spend_hours
from apps.costs.services import names, partitions
from apps.costs.services.ingest import placing
from apps.routing.selectors import catalogue, config, health, in_force, parameter_advice, quality
from controlplane import context

_DOORS_BETWEEN_APPS: tuple[Door[Any], ...] = (charging, recharging, tiering, tier_ceiling)
_DOORS = pytest.StashKey[tuple[Any, ...]]()


@pytest.fixture(scope="session", autouse=True)
def marked_test_database(request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker) -> None:
    """Marks the database for tests, so that transactional tests may TRUNCATE the audit log; makes the months.

    Only a run that uses the database at all sets it up: a run of pure tests stays without one.
    """
    if not _uses_database(request.session.items):
        return
    request.getfixturevalue("django_db_setup")
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        name = connection.ops.quote_name(cursor.fetchone()[0])
        cursor.execute(f"ALTER DATABASE {name} SET bursar.test_database = 'on'")
        partitions.ensure_months(partitions.months_around(timezone.now()))


@receiver(post_migrate)
def keep_the_version_of_budgets(sender: AppConfig, **_: object) -> None:
    """A migration makes this row; emptying the database after a test of transactions takes it away."""
    if sender.name == "apps.budgets":
        BudgetsVersion.objects.get_or_create(id=1, defaults={"version": 1})


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    forget_everything()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Remembers what stands behind the doors between the apps before any fixture of the test changes it."""
    item.stash[_DOORS] = tuple(door.registered for door in _DOORS_BETWEEN_APPS)
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A test that leaves a door otherwise than it found it changes every later test of its process."""
    yield
    now = tuple(door.registered for door in _DOORS_BETWEEN_APPS)
    assert now == item.stash[_DOORS], f"{item.nodeid} left another extension registered"


def forget_everything() -> None:
    """Forgets what the process remembers between requests."""
    context._seen_health = (monotonic(), "ok")  # pages in tests do not ask for the dot of the footer
    places.forget()
    guessing.forget()
    known_keys.forget()
    audit.forget_denials()
    names.forget()
    placing.forget()
    partitions.forget_known()
    rate_book.forget()
    invoices.forget()
    spend_hours.forget()
    reporting.forget()
    in_force.forget()
    catalogue.forget()
    health.forget()
    config.forget()
    quality.forget()
    parameter_advice.forget()
    matching.forget()
    opening.forget()


def _uses_database(items: list[pytest.Item]) -> bool:
    names = {"db", "transactional_db", "live_server"}
    return any(item.get_closest_marker("django_db") or names & set(getattr(item, "fixturenames", ())) for item in items)
