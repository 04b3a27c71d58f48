"""`manage.py replay_routing` over a small file."""

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command


def written(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl.gz") -> Path:
    file = folder / name
    text = "\n".join(map(json.dumps, rows))
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


def told(file: Path, **options: Any) -> str:
    out = StringIO()
    call_command("replay_routing", str(file), stdout=out, **options)
    return out.getvalue()


def row(number: int, weak: int) -> dict[str, Any]:
    models = {"dear": {"q": 1, "c": 1.0}, "twin": {"q": 1, "c": 0.64}, "weak": {"q": weak, "c": 0.01}}
    return {"key": str(number), "dataset": "made", "models": models}


def test_it_tells_models_advice_and_ladders(tmp_path: Path) -> None:
    other = {"key": "x", "dataset": "other", "models": {}}
    file = written(tmp_path, [*(row(n, n % 2) for n in range(60)), other])
    text = told(file, dataset="made", splits=3)
    assert "60 tasks, 3 models" in text
    assert "| weak | 0.500 | 0.0100 | 50.0% (" in text
    assert "twin | 1.000 | 0.6400 | 100.0% (100.0% to 100.0%) | 100.0%" in text, "the best is the cheapest of equals"
    assert "| balanced | 100.0% | " in text
    assert "weak → twin |" in text


def test_what_cannot_be_replayed_is_said(tmp_path: Path) -> None:
    plain = written(tmp_path, [row(1, 1)], "rows.jsonl")
    for file, options, message in (
        (tmp_path / "none", {}, "cannot be read"),
        (plain, {"dataset": "zzz"}, "no rows to replay"),
        (plain, {}, "too few rows to halve"),
        (plain, {"sensitivity": 1.5}, "between 0 and 1"),
        (plain, {"splits": 0}, "at least 1"),
        (written(tmp_path, [{"key": "x"}], "bad.jsonl"), {}, "cannot be replayed"),
    ):
        with pytest.raises(CommandError, match=message):
            told(file, **options)
