"""P27: 10,000 hostile cells in a CSV as pages send it: none is a formula, all come back, numbers stay numbers."""

import csv
import random
from decimal import Decimal
from io import StringIO

from apps.access.domain.csv_cells import text_of
from controlplane.exports import written

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}")
STARTS = (*FORMULAS, "\n", "\0=", "'", "''=", "'-", '"', '"=', ",=", ";=", " =", "\N{ZERO WIDTH NO-BREAK SPACE}=", "")
BODIES = (
    "1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://evil.example","x")', "SUM(A1:A9)*cmd|' /C calc'!A0", "2,5;7",
    'a "quoted" word', "two\r\nlines", "ünïcödé \N{ROCKET}", "", "-0.5", "@import", "\0nul\0",
)  # fmt: skip
NUMBERS = (-7, 0, 12345678901234567890, Decimal("-0.000000000000001"), Decimal("1e-15"), Decimal("3.10"))


def test_10_000_hostile_cells() -> None:
    dice = random.Random(27)
    texts = [dice.choice(STARTS) + dice.choice(BODIES) + dice.choice(STARTS) for _ in range(10_000)]
    lines = [[*texts[start : start + 10], dice.choice(NUMBERS)] for start in range(0, len(texts), 10)]
    sent = "".join(written(lines))
    back = list(csv.reader(StringIO(sent, newline="")))
    cells = [cell for line in back for cell in line[:10]]
    assert [cell for cell in cells if cell.startswith((*FORMULAS, "\n")) or "\0" in cell] == []
    assert [text_of(cell) for cell in cells] == [text.replace("\0", "") for text in texts]
    for line, told in zip(lines, back, strict=True):
        assert Decimal(told[10]) == line[10]
        assert set(told[10]) <= set("-.0123456789"), "a plain number, without exponent or apostrophe"
