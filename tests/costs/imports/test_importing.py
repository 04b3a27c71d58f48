"""The import service on small files: what is stored, what is told, and that nothing is ever stored twice."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import time_machine
from django.db import OperationalError

from apps.access.domain.errors import Refused
from apps.access.models import AuditEntry, Project
from apps.costs.domain.importing import BadFile
from apps.costs.models import ImportRun, Price, UsageKey, UsageRecord
from apps.costs.selectors.metrics import UsageQuery, totals
from apps.costs.services.imports import Report, Wanted, import_file, running
from apps.costs.services.ingest import record_usage

NOW = datetime(2026, 11, 20, 12, 0, 30, 500, tzinfo=UTC)
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
# 1,000 x 2.5 + 100 x 10 USD per million tokens
EACH = Decimal("0.0035")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gpt_4o")]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Five calls, a second apart."""
    return write(tmp_path / "trace.csv", [f"2026-11-01 10:00:0{n},1000,100" for n in range(5)])


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


def run(path: Path, **changes: Any) -> Report:
    usual = {"format": "azure-llm", "provider": "openai", "model": "gpt-4o"}
    return import_file(Wanted(path=path, **{**usual, **changes}))


def stored() -> tuple[int, Decimal]:
    found = totals(UsageQuery(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)))
    return found.calls, found.cost_usd


def test_it_works(trace: Path) -> None:
    report = run(trace)

    assert (report.rows, report.calls, report.cost_usd) == (5, 5, 5 * EACH)
    assert (report.first_at, report.last_at) == (
        datetime(2026, 11, 1, 10, tzinfo=UTC),
        datetime(2026, 11, 1, 10, 0, 4, tzinfo=UTC),
    )
    assert report.in_bursar is not None
    assert (report.in_bursar.calls, report.in_bursar.cost_usd) == (5, 5 * EACH)
    assert stored() == (5, 5 * EACH)
    entry = AuditEntry.objects.get(action="usage.imported")
    assert (entry.after or {})["cost_usd"] == "0.017500000000000"


def test_ids_are_made_of_the_format_the_content_and_the_row(trace: Path, tmp_path: Path) -> None:
    run(trace)
    ids = sorted(UsageRecord.objects.values_list("usage_id", flat=True))
    assert ids == [f"azure-llm:{ids[0].split(':')[1]}:{n}" for n in range(1, 6)]
    assert max(map(len, ids)) <= 64

    packed = tmp_path / "copy.csv.gz"
    packed.write_bytes(gzip.compress(trace.read_bytes()))
    assert run(packed).already_done == 5
    assert sorted(UsageRecord.objects.values_list("usage_id", flat=True)) == ids


@pytest.mark.parametrize("again", [False, True])
def test_running_it_again_changes_nothing(trace: Path, again: bool) -> None:
    run(trace)
    report = run(trace, again=again)

    assert (report.calls, report.cost_usd) == (0, Decimal(0))
    assert (report.already_done, report.duplicates) == ((0, 5) if again else (5, 0))
    assert stored() == (5, 5 * EACH)


def test_losing_what_the_import_remembers_changes_nothing(trace: Path) -> None:
    run(trace)
    ImportRun.objects.all().delete()

    assert run(trace).duplicates == 5
    assert stored() == (5, 5 * EACH)


def test_it_goes_on_where_it_was_stopped(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    original, batches = record_usage, []

    def fails_at_the_third_batch(items: Any, **more: Any) -> Any:
        batches.append(len(items))
        if len(batches) == 3:
            raise OperationalError("away")
        return original(items, **more)

    monkeypatch.setattr(running, "record_usage", fails_at_the_third_batch)
    with pytest.raises(OperationalError):
        run(trace)
    assert stored() == (4, 4 * EACH)

    report = run(trace)
    assert batches == [2, 2, 1, 1]
    assert (report.already_done, report.calls) == (4, 1)
    assert stored() == (5, 5 * EACH)


def test_it_starts_over_when_what_it_stored_is_gone(trace: Path) -> None:
    run(trace, project="once")
    UsageKey.objects.all().delete()
    Project.objects.filter(name="once").delete()

    report = run(trace, project="once")
    assert (report.already_done, report.calls) == (0, 5)


def test_the_same_file_with_other_options_is_told_as_conflicts(trace: Path) -> None:
    run(trace)
    report = run(trace, model="gpt-4o-mini")

    assert (report.calls, report.conflicts) == (0, 5)
    assert stored() == (5, 5 * EACH)


def test_another_project_has_its_own_copy(trace: Path) -> None:
    run(trace)
    assert run(trace, project="other").calls == 5
    assert stored() == (10, 10 * EACH)


def test_rows_that_cannot_be_stored_are_told_and_touch_no_other(tmp_path: Path) -> None:
    rows = ["2026-11-01 10:00:00,1000,100", "never,1,1", "2026-11-01 10:00:01,-5,1", "1999-12-31 23:59:59,1,1",
            "2036-01-01 00:00:00,1,1", "2026-11-01 10:00:02,1000,100"]  # fmt: skip
    report = run(write(tmp_path / "mixed.csv", rows))

    assert (report.rows, report.calls, report.cost_usd) == (6, 2, 2 * EACH)
    assert report.refused == {"unreadable": 1, "input_tokens negative": 1, "time": 2}
    assert sorted((one.row, one.message) for one in report.examples) == [
        (2, "TIMESTAMP is not a time: 'never'."),
        (3, "input_tokens (-5) cannot be below 0."),
        (4, "The time 1999-12-31T23:59:59Z is before 2000 or in the future."),
        (5, "The time 2036-01-01T00:00:00Z is before 2000 or in the future."),
    ]


def test_models_without_a_price_are_counted_by_name(trace: Path) -> None:
    report = run(trace, model="unheard-of")
    assert (report.unpriced, report.cost_usd) == (Counter({"openai unheard-of": 5}), Decimal(0))
    assert report.in_bursar is not None
    assert report.in_bursar.unpriced_calls == 5


def test_the_whole_file_moves_to_its_start(trace: Path) -> None:
    start = datetime(2026, 11, 10, 8, tzinfo=UTC)
    report = run(trace, start=start)
    assert (report.first_at, report.last_at) == (start, start + timedelta(seconds=4))


def test_shifted_to_now_it_ends_now_and_stays_there(trace: Path) -> None:
    with time_machine.travel(NOW, tick=False):
        assert run(trace, shift_to_now=True).last_at == NOW.replace(microsecond=0)
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        report = run(trace, shift_to_now=True, again=True)
    assert (report.duplicates, report.conflicts) == (5, 0)


def test_a_dry_run_tells_the_same_and_stores_nothing(trace: Path) -> None:
    report = run(trace, dry_run=True, project="new")
    assert (report.calls, report.cost_usd, report.is_dry) == (5, 5 * EACH, True)
    assert not Project.objects.exists()
    assert not ImportRun.objects.exists()
    assert stored() == (0, Decimal(0))

    run(trace)
    assert run(trace, dry_run=True, again=True).duplicates == 5


def test_a_dry_run_refuses_what_ingest_would(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.csv", ["2026-11-01 10:00:01,-5,1", "2026-11-01 10:00:02,1,1"])
    dry, real = run(path, dry_run=True), run(path)
    assert dry.refused == real.refused == {"input_tokens negative": 1}
    assert dry.cost == real.cost == 12_500_000_000


def test_a_limit_reads_only_so_many_rows_and_the_rest_follows(trace: Path) -> None:
    assert run(trace, limit=2).calls == 2
    report = run(trace)
    assert (report.already_done, report.calls) == (2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ""}, "names no model"),
        ({"format": "mooncake"}, "has no dates"),
        ({"start": NOW, "shift_to_now": True}, "not both"),
    ],
)
def test_options_that_do_not_fit_are_refused(trace: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        run(trace, **changes)


def test_a_packed_file_that_is_cut_off_is_named_and_what_was_read_stays(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    rows = [json.dumps({"timestamp": n, "input_length": 10, "output_length": 1, "hash_ids": []}) for n in range(2000)]
    path.write_bytes(gzip.compress("\n".join(rows).encode())[:-40])
    with pytest.raises(BadFile, match="damaged or cut off"):
        run(path, format="mooncake", start=NOW)
    assert stored() == (0, Decimal(0))


def test_a_damaged_file_keeps_its_good_rows_and_goes_on_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    row = {"id": "1", "type": "GENERATION", "start_time": "2026-11-01 10:00:00", "provided_model_name": "gpt-4o",
           "usage_details": {"input": 1000, "output": 100}}  # fmt: skip
    path.write_text(json.dumps([row, row | {"id": "2"}]).removesuffix("]"))
    report = run(path, format="langfuse-observations", provider="", model="")

    assert "ends early" in report.error
    assert (report.calls, report.cost_usd) == (2, 2 * EACH)
    assert ImportRun.objects.get().status == "failed"


def test_costs_of_the_file_are_kept_unless_they_are_to_be_priced_anew(tmp_path: Path, gpt_4o: Price) -> None:
    path = tmp_path / "spend.json"
    row = {"request_id": "r", "call_type": "acompletion", "spend": 0.5, "prompt_tokens": 1000, "completion_tokens": 100,
           "startTime": "2026-11-01T10:00:00Z", "model": "gpt-4o", "custom_llm_provider": "openai"}  # fmt: skip
    path.write_text(json.dumps([row]))
    options = {"format": "litellm-spendlogs", "provider": "", "model": ""}

    assert run(path, **options).cost_usd == Decimal("0.5")
    kept = UsageRecord.objects.get()
    assert (kept.cost_usd, kept.price_cost_usd, kept.price_id) == (Decimal("0.5"), EACH, gpt_4o.pk)
    assert run(path, **options, keep_costs=False, project="anew").cost_usd == EACH


def test_what_a_spreadsheet_saved_is_read_as_well(tmp_path: Path) -> None:
    """Semicolons, and UTF-16 with its mark; a row that was cut off is refused by itself."""
    head = "start_time;num_model_requests;model;input_tokens;output_tokens\r\n"
    path = tmp_path / "usage.csv"
    path.write_bytes((head + "1793536200000;2;gpt-4o;2000;200\r\n1793536200;1;gpt-4o;1").encode("utf-16"))
    report = run(path, format="openai-usage-csv", provider="", model="")

    assert (report.calls, report.cost_usd, report.refused) == (2, 2 * EACH, {"damaged": 1})
    assert report.examples[0].message == "The row (line 3 of the file) has 4 cells, the first line 5."
    assert report.first_at == datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def spend_log(path: Path, ids: list[int], **changes: Any) -> Path:
    """An export of LiteLLM with these calls, a second apart."""
    rows = [
        {"request_id": f"chatcmpl-{n}", "call_type": "acompletion", "spend": 0.5, "prompt_tokens": 1000,
         "completion_tokens": 100, "startTime": f"2026-11-01T10:00:{n:02}Z", "model": "gpt-4o",
         "custom_llm_provider": "openai", **changes}
        for n in ids
    ]  # fmt: skip
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def run_spend_log(path: Path, **changes: Any) -> Report:
    return run(path, **{"format": "litellm-spendlogs", "provider": "", "model": "", **changes})


def test_exports_that_overlap_count_no_call_twice(tmp_path: Path) -> None:
    assert run_spend_log(spend_log(tmp_path / "monday.jsonl", [0, 1, 2])).calls == 3

    wanted = spend_log(tmp_path / "tuesday.jsonl", [4, 2, 3, 1])
    for dry in (True, False):
        report = run_spend_log(wanted, dry_run=dry)
        assert (report.calls, report.elsewhere, report.cost_usd) == (2, 2, Decimal("1.0"))
    assert stored() == (5, Decimal("2.5"))

    again = run_spend_log(wanted, again=True)
    assert (again.calls, again.duplicates, again.elsewhere) == (0, 2, 2)
    # Another project has its own copy, and a call at another time is another call.
    assert run_spend_log(wanted, project="other").calls == 4
    later = spend_log(tmp_path / "cache.jsonl", [1], startTime="2026-11-01T11:00:00Z")
    assert run_spend_log(later).calls == 1


def test_a_call_that_stands_twice_in_a_file_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 3)
    path = spend_log(tmp_path / "both.jsonl", [0, 1, 1, 2, 0, 3])
    report = run_spend_log(path)
    assert (report.calls, report.elsewhere, report.cost_usd) == (4, 2, Decimal("2.0"))
    again = run_spend_log(path, again=True)
    assert (again.calls, again.duplicates, again.elsewhere) == (0, 4, 2)
    assert stored() == (4, Decimal("2.0"))


def test_a_damaged_file_that_is_mended_counts_no_call_twice(tmp_path: Path) -> None:
    path = spend_log(tmp_path / "spend.jsonl", [0, 1, 2])
    whole = path.read_text()
    path.write_text(whole[:-20])
    assert run_spend_log(path).calls == 2
    path.write_text(whole)
    report = run_spend_log(path)
    assert (report.calls, report.elsewhere) == (1, 2)
    assert stored() == (3, Decimal("1.5"))


def test_a_file_that_changes_while_it_is_read_is_told_and_not_taken_for_the_other(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    original = record_usage

    def and_the_file_grows(items: Any, **more: Any) -> Any:
        with trace.open("a") as file:
            file.write("2026-11-01 10:00:09,1000,100\n")
        return original(items, **more)

    monkeypatch.setattr(running, "record_usage", and_the_file_grows)
    report = run(trace)
    assert "changed while it was read" in report.error
    assert (report.calls, ImportRun.objects.get().status) == (2, "failed")
    assert stored() == (2, 2 * EACH)


def test_what_was_stored_before_it_was_stopped_is_in_the_audit_log(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    told: list[int] = []

    def stop_at_the_second(rows: int, share: float) -> None:
        told.append(rows)
        if len(told) == 2:
            raise KeyboardInterrupt

    wanted = Wanted(path=trace, format="azure-llm", provider="openai", model="gpt-4o")
    with pytest.raises(KeyboardInterrupt):
        import_file(wanted, progress=stop_at_the_second)
    assert stored() == (4, 4 * EACH)
    assert [(entry.after or {})["calls"] for entry in AuditEntry.objects.filter(action="usage.imported")] == [4]
    assert run(trace).calls == 1
    assert AuditEntry.objects.filter(action="usage.imported").count() == 2


def test_of_two_imports_that_begin_at_once_one_says_how_far_the_file_moves(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = running._moved_by

    def and_another_is_first(wanted: Wanted, *more: Any) -> timedelta:
        ImportRun.objects.update(moved_by=timedelta(days=3))
        return original(wanted, *more)

    monkeypatch.setattr(running, "_moved_by", and_another_is_first)
    with time_machine.travel(NOW, tick=False):
        assert run(trace, shift_to_now=True).first_at == datetime(2026, 11, 4, 10, tzinfo=UTC)


def test_a_zip_of_one_file_is_that_file(trace: Path, tmp_path: Path) -> None:
    assert run(trace).calls == 5
    packed = tmp_path / "trace.zip"
    with ZipFile(packed, "w") as archive:
        archive.write(trace, "export/trace.csv")
        archive.writestr("__MACOSX/._trace.csv", "")
    assert run(packed).already_done == 5
    with ZipFile(packed, "a") as archive:
        archive.writestr("more.csv", HEADER)
    with pytest.raises(BadFile, match="holds 2 files"):
        run(packed)
    content = packed.read_bytes()
    packed.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadFile, match="damaged"):
        run(packed)


def test_a_start_that_no_call_can_have_is_refused(trace: Path) -> None:
    for start in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        with pytest.raises(Refused, match="between the year 2000 and now"):
            run(trace, start=start)
