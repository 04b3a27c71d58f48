"""What readers of files take and give: rows of a file in, usage records as `POST /api/usage` takes them out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

Record = dict[str, Any]

UNDATED_START = datetime(2000, 1, 1, tzinfo=UTC)
"""Files that only know how much time passed are read as if they began here; the import moves them."""


class TextSource(Protocol):
    """What readers need of an open text file."""

    def readline(self, size: int = ..., /) -> str: ...

    def read(self, size: int = ..., /) -> str: ...

    def __iter__(self) -> Iterator[str]: ...


class BadFile(ValueError):
    """The file is not of this format, or damaged beyond the row that is being read; the message is for a person."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person says about a file. Empty strings mean "as the file says".

    `keep_costs`: the cost a source recorded is taken as reported; else the price book decides.
    `count` gives the tokens of a text, for files that hold texts instead of counts.
    """

    count: Callable[[str], int]
    provider: str = ""
    model: str = ""
    agent: str = ""
    keep_costs: bool = True


@dataclass(frozen=True, slots=True)
class Read:
    """One record, when it happened, and the number of the row it came from, counted from 1."""

    row: int
    at: datetime
    record: Record


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no usage, for example a span around calls: nothing is wrong with it."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that should be usage but cannot be read. `code` groups, `message` explains this one."""

    row: int
    code: str
    message: str


Item = Read | LeftOut | Unreadable
Reader = Callable[[TextSource, Options], Iterator[Item]]


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file. `names_model` and `is_dated`: whether rows say by which model and when."""

    name: str
    title: str
    read: Reader
    names_model: bool = True
    is_dated: bool = True
    default_provider: str = ""
    default_model: str = ""
    counts_like: str = ""
    """The model in whose vocabulary texts are counted; empty when the file holds counts."""
