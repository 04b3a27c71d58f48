"""Logs at two in the morning: one line for each look at a database that is away."""

import io
import logging
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from psycopg_pool import PoolTimeout

from controlplane.quiet import AwayInOneLine


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (PoolTimeout("none\n  within 2 s"), ["Task sweep[7] raised unexpected: PoolTimeout('none within 2 s')"]),
        (OperationalError("x"), ["Task sweep[7] raised unexpected: OperationalError('x')"]),
        (ValueError("x"), ["Task sweep[7] raised unexpected: ValueError('x')", "Traceback (most recent call last):"]),
    ],
)
def test_only_what_is_no_news_is_cut(error: Exception, lines: list[str]) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(AwayInOneLine())
    log = logging.Logger("celery.app.trace")
    log.addHandler(handler)
    told: dict[str, Any] = {"name": "sweep", "id": 7, "exc": f"{type(error).__name__}('{error}')"}
    try:
        raise error
    except Exception:
        log.exception("Task %(name)s[%(id)s] raised unexpected: %(exc)s", told)
    found = written.getvalue().splitlines()
    assert found[: len(lines)] == lines
    assert (len(found) > 1) is (len(lines) > 1)


def test_the_product_logs_so() -> None:
    handlers: Any = settings.LOGGING["handlers"]
    assert handlers["stderr"]["filters"] == ["away"]
