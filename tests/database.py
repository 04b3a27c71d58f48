"""The database of the tests: DATABASE_URL when it is set, else an embedded server that lives as long as the session."""

import os
from collections.abc import Iterator

import pytest
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from controlplane.launch.cluster import ROLE
from controlplane.launch.postgres import private_postgres


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Start the embedded server before pytest-django makes its database; tests of units need no fsync."""
    if "DATABASE_URL" in os.environ:
        yield
        return
    with private_postgres(tmp_path_factory.mktemp("postgres"), fsync=False) as server:
        connection = connections["default"]
        assert isinstance(connection, DatabaseWrapper)
        connection.settings_dict.update(HOST=server.socket_folder, USER=ROLE)
        yield
        connections.close_all()
        connection.close_pool()
