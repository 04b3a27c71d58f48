"""What a worker loads before its first request."""

from pathlib import Path

import pytest
from django.db import OperationalError

from apps.costs.domain.tokens import counting
from apps.routing.models import Decision
from apps.routing.selectors import catalogue, config, in_force
from apps.routing.services import rehearsing
from controlplane.gunicorn_conf import read_ahead, rehearse
from tests.routing import acts


def test_the_first_decision_waits_for_no_vocabulary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counting._encoding.cache_clear()
    read_ahead()
    assert counting._encoding.cache_info().currsize == 1

    counting._encoding.cache_clear()
    (tmp_path / "file").touch()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "file" / "under"))
    read_ahead()  # a disk that cannot be used stops no worker
    assert counting._encoding.cache_info().currsize == 0


@pytest.mark.django_db(transaction=True)
def test_a_rehearsal_reads_what_a_decision_needs_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    acts.published()
    for memory in (in_force, catalogue, config):
        memory.forget()
    rehearse()
    assert catalogue._made
    assert config._made
    assert not Decision.objects.exists()

    def away(**_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(rehearsing, "rehearse", away)
    rehearse()  # a database that is away stops no worker
