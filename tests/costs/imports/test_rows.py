"""Rows of files, whatever they are packed in."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain.importing import BadFile
from apps.costs.domain.importing.rows import MAX_VALUE_CHARACTERS, Broken, csv_rows, json_values, table

ROWS = [{"a": 1, "b": "x, ]\n{"}, {"a": None, "b": ["[", {"c": "é"}]}]


def values(text: str) -> list[Any]:
    return list(json_values(StringIO(text, newline="")))


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, ROWS)),
        "\r\n".join(map(json.dumps, ROWS)) + "\r\n\r\n",
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        " \n\n" + json.dumps(ROWS, indent=None, separators=(",", ":")) + "\n",
        "\n".join(json.dumps(row, indent=1) for row in ROWS),
    ],
    ids=["lines", "windows lines", "array", "indented array", "dense array", "indented values"],
)
def test_json_is_read_however_it_is_laid_out(text: str) -> None:
    assert values(text) == ROWS


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20) | st.none())))
def test_any_array_is_read_in_pieces(rows: list[dict[str, Any]]) -> None:
    assert values(json.dumps(rows)) == rows
    assert values(json.dumps(rows, indent=1, ensure_ascii=False)) == rows


def test_values_longer_than_a_piece_are_read_whole() -> None:
    rows = [{"text": "x" * 200_000}, {"text": "y" * 10}, {"text": "z" * 300_000}]
    assert values(json.dumps(rows, indent=1)) == rows


def test_numbers_with_a_point_stay_exact() -> None:
    assert values('[{"cost": 0.000000123000000001}]') == [{"cost": Decimal("0.000000123000000001")}]


def test_an_empty_file_has_no_rows() -> None:
    assert values("") == values("\n \n") == values("[]") == []


def test_a_broken_line_touches_no_other() -> None:
    first, broken, last = values('{"a": 1}\n{"a": \n{"a": 3}\n')
    assert (first, last) == ({"a": 1}, {"a": 3})
    assert isinstance(broken, Broken)


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a": ', '[{"a": 1}', '[{"a": 1} {"a"; 2}]'])
def test_a_damaged_array_is_refused_after_its_good_rows(text: str) -> None:
    stream = json_values(StringIO(text))
    assert next(stream) == {"a": 1}
    with pytest.raises(BadFile, match="ends early or is damaged"):
        list(stream)


def test_a_value_without_an_end_does_not_fill_the_memory() -> None:
    class Endless(StringIO):
        given = 0

        def read(self, size: int | None = -1, /) -> str:
            self.given += size or 0
            return "x" * (size or 0)

    stream = Endless('[\n{"a": "')
    with pytest.raises(BadFile, match="longer than"):
        list(json_values(stream))
    assert stream.given <= 2 * MAX_VALUE_CHARACTERS


def test_csv_is_read_with_commas_tabs_or_semicolons() -> None:
    commas = list(csv_rows(StringIO('a,b\r\n1,"x, ""y"""\r\n', newline="")))
    assert commas == [{"a": "1", "b": 'x, "y"'}]
    assert list(csv_rows(StringIO("a\tb\n1\tx\n"))) == [{"a": "1", "b": "x"}]
    assert list(csv_rows(StringIO('a;b\n"1;2";x\n'))) == [{"a": "1;2", "b": "x"}]


def test_a_row_whose_cells_are_not_those_of_the_header_is_refused_by_itself() -> None:
    rows = list(csv_rows(StringIO("a,b\n1,2,3\n1,2,\n1,\n1\n")))
    assert [row if isinstance(row, dict) else row.message for row in rows] == [
        "The row (line 2 of the file) has 3 cells, the first line 2.",
        {"a": "1", "b": "2"},
        {"a": "1", "b": ""},
        "The row (line 5 of the file) has 1 cells, the first line 2.",
    ]


def test_a_quotation_mark_that_never_closes_is_told_with_the_lines_it_swallowed() -> None:
    swallowed = list(csv_rows(StringIO('\na,b\n1,"x\ny"\n2,"\n3,4\n5,6\n')))
    assert swallowed[0] == {"a": "1", "b": "x\ny"}
    (broken,) = swallowed[1:]
    assert isinstance(broken, Broken)
    assert broken.message == "A quotation mark opens in line 5 and never closes: lines 5 to 7 are lost."

    # One inside a cell is a character like others.
    assert list(csv_rows(StringIO('a,b\n1,5" disk\n'))) == [{"a": "1", "b": '5" disk'}]


def test_a_header_may_follow_empty_lines_and_what_excel_writes_before_it() -> None:
    for before in ("\n\r\n", "sep=;\r\n", '"sep=;"\n'):
        assert list(csv_rows(StringIO(f"{before}a;b\n1;2\n", newline=""), ("a",))) == [{"a": "1", "b": "2"}]


def test_columns_without_a_name_are_no_columns() -> None:
    (row,) = csv_rows(StringIO("a,b,,\n1,2,,\n"), ("a",))
    assert isinstance(row, dict)
    assert (row["a"], row["b"]) == ("1", "2")


def test_a_column_that_stands_twice_is_refused_by_name() -> None:
    with pytest.raises(BadFile, match="names 'cost' twice"):
        list(csv_rows(StringIO("cost,model,cost\n1,m,2\n"), ("cost",)))


def test_a_broken_first_line_touches_no_other() -> None:
    broken, last = values('{"a": \n{"a": 3}\n')
    assert isinstance(broken, Broken)
    assert last == {"a": 3}


def test_nesting_without_end_is_told_and_breaks_nothing() -> None:
    first, broken = values('{"a": 1}\n' + "[" * 100_000 + "\n")
    assert first == {"a": 1}
    assert isinstance(broken, Broken)
    with pytest.raises(BadFile, match="nested too deeply"):
        values("[" * 100_000)


def test_a_csv_of_another_kind_is_refused_by_its_header() -> None:
    with pytest.raises(BadFile, match="no column model, cost"):
        list(csv_rows(StringIO("date,tokens\n1,2\n"), ("date", "model", "cost")))
    with pytest.raises(BadFile, match="no column date"):
        list(csv_rows(StringIO(""), ("date",)))


def test_a_table_is_csv_or_json() -> None:
    assert list(table(StringIO("a,b\n1,2\n"))) == [{"a": "1", "b": "2"}]
    assert list(table(StringIO('{"a": 1}\n{"a": 2}\n'))) == [{"a": 1}, {"a": 2}]
    assert list(table(StringIO('[{"a": 1}]'))) == [{"a": 1}]
