"""What is sent in PostgreSQL's own binary format arrives as what it was."""

import uuid

import psycopg
import pytest
from django.db import connection

from apps.costs.services.ingest.literals import bytes_array, uuid_array


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3, 1000])
def test_uuids_arrive_with_and_without_hyphens(count: int) -> None:
    sent = [uuid.UUID(int=2**127 // (number + 1)) for number in range(count)]
    connection.ensure_connection()
    cursor = psycopg.RawCursor(connection.connection)
    arrays = [uuid_array(list(map(str, sent))), uuid_array([one.hex for one in sent])]
    for written in (*arrays, bytes_array([one.bytes for one in sent])):
        found = cursor.execute("SELECT $1::uuid[], cardinality($1::uuid[])", [written]).fetchone()
        assert found == (sent, count)
