"""P25 in full size: thousands of guesses, and the time an answer takes."""

import statistics
import time

import pytest
from django.test import Client
from pytest_django import Settings

from apps.access.models import User
from tests.access.test_login import hashed, try_login
from tests.cast import PASSWORD

__all__ = ["hashed"]
pytestmark = pytest.mark.prove


@pytest.mark.parametrize(("guesses", "addresses", "through"), [(2_000, 1, 5), (8_000, 200, 20)])
def test_ten_thousand_guesses(alice: User, hashed: list[str], guesses: int, addresses: int, through: int) -> None:
    known = Client()
    try_login(alice.email, PASSWORD, client=known)
    hashed.clear()
    for number in range(guesses):
        try_login(alice.email, f"x{number}", f"10.{number % addresses}.0.1")
    assert through <= len(hashed) <= 20
    assert try_login(alice.email, PASSWORD, client=known).status_code == 303


def test_known_and_unknown_people_wait_alike(alice: User, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    alice.set_password(PASSWORD)
    alice.save()
    seconds: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(60):
        User.objects.filter(pk=alice.pk).update(email=f"a{number}@example.org")
        for kind, email in (("known", f"a{number}@example.org"), ("unknown", f"b{number}@example.org")):
            start = time.perf_counter()
            try_login(email, "x", f"10.{number}.{kind == 'known':d}.1")
            seconds[kind].append(time.perf_counter() - start)
    medians = {kind: statistics.median(values) for kind, values in seconds.items()}
    assert abs(medians["known"] - medians["unknown"]) < 0.005, medians
    print(medians)
