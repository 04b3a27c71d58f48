"""The files that begin first are there: a renamed one would quietly begin anywhere."""

from tests.house import ROOT
from tests.order import LONGEST


def test_every_long_file_is_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
