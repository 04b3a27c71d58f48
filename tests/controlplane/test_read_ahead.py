"""What a worker loads before its first request."""

from pathlib import Path

import pytest

from apps.costs.domain.tokens import counting
from controlplane.gunicorn_conf import read_ahead


def test_the_first_decision_waits_for_no_vocabulary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counting._encoding.cache_clear()
    read_ahead()
    assert counting._encoding.cache_info().currsize == 1

    counting._encoding.cache_clear()
    (tmp_path / "file").touch()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "file" / "under"))
    read_ahead()  # a disk that cannot be used stops no worker
    assert counting._encoding.cache_info().currsize == 0
