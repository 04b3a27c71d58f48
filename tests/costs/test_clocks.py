"""Keys whose calls come from the future."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.domain.identity import Scope
from apps.access.models import User
from apps.costs.selectors.clocks import FastClock, fast_clocks
from tests.cast import HeldKey
from tests.usage import call


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "Agent a is 45 s ahead."), (95, "Agent a is 1 min 35 s ahead."), (190, "Agent a is 3 min ahead.")],
)
def test_words(seconds: int, words: str) -> None:
    assert FastClock("k", "a", timedelta(seconds=seconds, milliseconds=300)).words == words


def test_a_clock_that_is_ahead_is_told_per_key(
    ann: User, signed_in: Callable[[User], Client], make_held_key: Callable[..., HeldKey]
) -> None:
    now = timezone.now()
    fast, right = make_held_key(Scope.USAGE_WRITE), make_held_key(Scope.USAGE_WRITE)
    sent = [call(now + timedelta(seconds=190), agent="hasty"), call(now + timedelta(seconds=60), agent="coder")]
    assert fast.client.post("/api/usage", {"records": sent}, "application/json").json()["accepted"] == 2
    on_time = [call(now - timedelta(minutes=2)), call(now + timedelta(seconds=10))]
    assert right.client.post("/api/usage", {"records": on_time}, "application/json").json()["accepted"] == 2
    [found] = fast_clocks(ann.caller(), now=now)
    assert (found.agent, timedelta(seconds=180) < found.ahead <= timedelta(seconds=190)) == ("hasty", True)
    assert "Agent hasty is 3 min ahead." in signed_in(ann).get("/health").content.decode()
    assert fast_clocks(ann.caller(), now=now + timedelta(minutes=30)) == []
