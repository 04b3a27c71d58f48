"""Small files made for tests, in exactly the shape the tools write them, and how they are read."""

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from apps.costs.domain.importing import FORMATS, Item, Options, Read

TRACES = Path(__file__).parents[4] / "shared" / "data" / "traces"


def words(text: str) -> int:
    """A count of tokens that a reader of a test can check by eye."""
    return len(text.split())


def read(name: str, text: str, **options: Any) -> list[Item]:
    """What the reader of a format makes of a text."""
    return list(FORMATS[name].read(StringIO(text, newline=""), Options(**{"count": words, **options})))


def record(name: str, text: str, **options: Any) -> dict[str, Any]:
    """The one record a text holds."""
    (item,) = read(name, text, **options)
    assert isinstance(item, Read), item
    return item.record


def csv_line(header: str, **values: object) -> str:
    """A CSV of one row: the columns of a header, filled by name, everything else empty."""
    names = header.split(",")
    assert values.keys() <= set(names), values.keys() - set(names)
    return f"{header}\n{','.join(_quoted(values.get(name, '')) for name in names)}\n"


def lines(rows: Iterable[str]) -> str:
    """Lines of a file."""
    return "".join(f"{row}\n" for row in rows)


def _quoted(value: object) -> str:
    return '"' + str(value).replace('"', '""') + '"'
