"""The export as CSV or Parquet, sent while it is read."""

from collections.abc import Iterator
from decimal import Decimal
from io import RawIOBase
from typing import Any

from django.http import StreamingHttpResponse

from apps.costs.domain.money_format import format_money
from controlplane import exports
from controlplane.focus.columns import COLUMNS, VERSION, Kind
from controlplane.focus.rows import Rows

FORMATS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
ROWS_OF_A_GROUP = 5000


def focus_response(days: Iterator[Rows], *, kind: str, name: str) -> StreamingHttpResponse:
    """The download; `kind` is one of FORMATS."""
    pieces = exports.written(_cells(days)) if kind == "csv" else _parquet(days)
    response = StreamingHttpResponse(pieces, content_type=FORMATS[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def _cells(days: Iterator[Rows]) -> Iterator[list[Any]]:
    yield list(COLUMNS)
    is_money = [kind is Kind.MONEY for kind in COLUMNS.values()]
    for rows in days:
        for row in rows:
            pairs = zip(row, is_money, strict=True)
            yield [format_money(value) if money and value is not None else value for value, money in pairs]


def _parquet(days: Iterator[Rows]) -> Iterator[bytes]:
    """The file, row group by row group. pyarrow is loaded here, by those who ask for such a file: it takes 50 MB."""
    import pyarrow
    from pyarrow import parquet

    types = {
        Kind.TEXT: pyarrow.string(),
        Kind.MOMENT: pyarrow.timestamp("us", tz="UTC"),
        Kind.MONEY: pyarrow.decimal128(38, 15),
        Kind.QUANTITY: pyarrow.decimal128(38, 0),
        Kind.COUNT: pyarrow.int64(),
    }
    fields = [(name, types[kind]) for name, kind in COLUMNS.items()]
    schema = pyarrow.schema(fields, metadata={"FocusVersion": VERSION, "DataGenerator": "Bursar"})
    parts = _Parts()
    with parquet.ParquetWriter(parts, schema, compression="zstd") as writer:
        yield parts.taken()
        for rows in _groups(days):
            columns = zip(*rows, strict=True)
            arrays = [
                pyarrow.array([_number(value, kind) for value in column], type=types[kind])
                for column, kind in zip(columns, COLUMNS.values(), strict=True)
            ]
            writer.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))
            yield parts.taken()
    yield parts.taken()


def _number(value: Any, kind: Kind) -> Any:
    return Decimal(value) if kind is Kind.QUANTITY and value is not None else value


def _groups(days: Iterator[Rows]) -> Iterator[Rows]:
    """The rows in groups of some thousands, and of a whole day at most."""
    waiting: Rows = []
    for rows in days:
        waiting += rows
        while len(waiting) >= ROWS_OF_A_GROUP:
            yield waiting[:ROWS_OF_A_GROUP]
            waiting = waiting[ROWS_OF_A_GROUP:]
    if waiting:
        yield waiting


class _Parts(RawIOBase):
    """A file that is only written, and handed on piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def taken(self) -> bytes:
        """What was written since this was last asked."""
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole
