"""How many queries things take, whatever the number of rows."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.access.domain.identity import Role, Scope
from apps.access.models import User
from apps.access.selectors.callers import holder_of
from apps.access.services import audit
from tests.cast import HeldKey, make_person

SignIn = Callable[[User], Client]

# Session and person, then what the page shows, then the views with which pages open and the bell of the alerts.
PAGES = {"/keys?show=all": 7, "/people": 8, "/audit": 6, "/keys/new": 5, "/health": 20}


@pytest.mark.parametrize(("path", "queries"), PAGES.items())
def test_pages(
    alice: User,
    make_held_key: Callable[..., HeldKey],
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
    path: str,
    queries: int,
) -> None:
    for number in range(5):
        maker = make_person(f"p{number}@example.org", Role.ADMIN)
        make_held_key(Scope.USAGE_WRITE, maker=maker)
        audit.record(caller="x", action="test.done")
    browser = signed_in(alice)
    with django_assert_num_queries(queries):
        assert browser.get(path).status_code == 200


def test_a_key_costs_one_statement_below_the_orm(
    writer: HeldKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert holder_of(bytes(writer.key.digest)) is not None


def test_a_mistyped_key_costs_none(charlie: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert charlie.get("/api/keys", headers={"Authorization": "Bearer bsr_x"}).status_code == 401
