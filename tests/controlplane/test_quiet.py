"""Logs at two in the morning: one line for each look at a database that is away."""

import io
import logging
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError
from psycopg_pool import PoolTimeout

from controlplane.quiet import AwayInOneLine


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "is_cut"),
    [
        (PoolTimeout("none\n  within 2 s"), True),
        (OperationalError("x"), True),
        (caused(OperationalError("full"), psycopg.errors.DiskFull("full")), True),
        (caused(OperationalError("too long"), psycopg.errors.QueryCanceled("too long")), False),
        (caused(OperationalError("circle"), psycopg.errors.DeadlockDetected("circle")), False),
        (ValueError("x"), False),
    ],
)
def test_only_what_is_no_news_is_cut(error: Exception, is_cut: bool) -> None:
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
    first, *more = written.getvalue().splitlines()
    assert first == f"Task sweep[7] raised unexpected: {' '.join(told['exc'].split())}"
    assert ("Traceback (most recent call last):" in more, more == []) == (not is_cut, is_cut)


def test_the_product_logs_so() -> None:
    handlers: Any = settings.LOGGING["handlers"]
    assert handlers["stderr"]["filters"] == ["away"]
