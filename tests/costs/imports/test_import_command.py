"""`manage.py import_usage`: what it prints and refuses."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from apps.costs.domain.importing import FORMATS
from apps.costs.management.commands.import_usage import _Progress
from apps.costs.models import UsageRecord

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gpt_4o")]


@pytest.fixture(autouse=True)
def this_year() -> Iterator[None]:
    """The samples are not yet old enough for retention."""
    with time_machine.travel(datetime(2026, 11, 20, tzinfo=UTC)):
        yield


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    rows = ["TIMESTAMP,ContextTokens,GeneratedTokens", "2026-11-01 10:00:00,1000,100", "2026-11-01 10:00:01,x,1", ""]
    path.write_text("\n".join(rows))
    return path


def run(path: Path, *arguments: str, out: StringIO | None = None, **options: Any) -> str:
    out = out or StringIO()
    usual = {"format": "azure-llm", "provider": "openai", "model": "gpt-4o"}
    call_command("import_usage", str(path), *arguments, stdout=out, **{**usual, **options})
    return out.getvalue()


def test_it_tells_what_it_did_and_where_to_see_it(trace: Path) -> None:
    assert run(trace) == (
        "trace.csv: 2 rows read.\n"
        "  stored: 1 calls, 0 tool executions\n"
        "  refused: 1 rows (unreadable)\n"
        "    row 2: ContextTokens is not a whole number: 'x'.\n"
        "  cost: 0.0035 USD\n"
        "  time: 2026-11-01 10:00:00 to 2026-11-01 10:00:00 UTC\n"
        "  of this file in Bursar: 1 calls, 0 tool executions, 0 of them without a price, 0.0035 USD\n"
        "  see http://127.0.0.1:8000/?from=2026-11-01&to=2026-11-01&project=default\n"
    )


def test_a_second_run_says_that_nothing_was_new(trace: Path) -> None:
    run(trace)
    told = run(trace)
    assert "  stored: 0 calls, 0 tool executions\n  stored by an earlier run: 1 records\n" in told
    assert "  duplicates: 1 records were stored before\n" in run(trace, "--again")


def test_a_dry_run_says_so(trace: Path) -> None:
    told = run(trace, "--dry-run")
    assert "  would be stored: 1 calls, 0 tool executions\n" in told
    assert "see http" not in told
    assert not UsageRecord.objects.exists()


def test_old_records_are_announced_to_go(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1,1\n")
    assert "are older than BURSAR_RETENTION_RECORD_DAYS" in run(path)


def test_a_terminal_sees_a_bar(trace: Path) -> None:
    told = run(trace, out=Terminal())
    assert re.search(r"\r\[#{30}\] 100% 2 rows, [\d,]+ a second   \n", told)


def test_elsewhere_progress_is_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 6.0, 7.0])
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    out = StringIO()
    progress = _Progress(OutputWrapper(out))
    for rows in (1000, 6000, 7000):
        progress(rows, rows / 10_000)
    assert out.getvalue() == "60% 6,000 rows, 1,000 a second\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ""}, "names no model: give --provider and --model"),
        ({"format": "mooncake"}, "has no dates: give --start"),
        ({"format": "litellm-spendlogs"}, "The first line names no column request_id"),
        ({"start": "2026-11-01", "shift_to_now": True}, "not both"),
    ],
)
def test_what_does_not_fit_ends_in_one_sentence(trace: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError, match=re.escape(message)):
        run(trace, **options)


def test_a_missing_file_ends_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none.csv cannot be read: No such file"):
        run(tmp_path / "none.csv")


def test_the_documentation_names_every_format() -> None:
    text = (Path(__file__).parents[3] / "docs" / "imports.md").read_text()
    for name in FORMATS:
        assert f"`{name}`" in text
