"""`manage.py replay_routing` over a small file."""

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.routing.models import PolicyVersion
from apps.routing.services.quality import refresh_quality
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, load_prices, posted
from tests.routing import acts


def written(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl.gz") -> Path:
    file = folder / name
    text = "\n".join(map(json.dumps, rows))
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


def told(file: Path | None = None, **options: Any) -> str:
    out = StringIO()
    call_command("replay_routing", *([str(file)] if file else []), stdout=out, **options)
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
        (plain, {"days": 0}, "at least 1"),
        (written(tmp_path, [{"key": "x"}], "bad.jsonl"), {}, "cannot be replayed"),
    ):
        with pytest.raises(CommandError, match=message):
            told(file, **options)


def test_recorded_tasks_are_replayed_by_their_tokens_and_the_chances_of_models(writer: HeldKey) -> None:
    """A model at 0.0028 $ a task that does three quarters, one at 0.0045 $ that does nearly all."""
    load_prices()
    assert "Nothing to replay" in told()
    for model, fails in ((("openai", "gpt-4.1"), 4), (("anthropic", "claude-sonnet-4-5"), 20)):
        tasks = [f"{model[1]}-{n}" for n in range(40)]
        posted(writer, [call(provider=model[0], model=model[1], task_id=task, task_type="code") for task in tasks])
        outcomes = [{"task_id": task, "success": n % fails != 0, "source": "tests"} for n, task in enumerate(tasks)]
        assert writer.client.post("/api/outcomes", {"outcomes": outcomes}, content_type=JSON).json()["accepted"] == 40
    refresh_quality(now=timezone.now())
    text = told(splits=4)
    assert "## code" in text
    assert "80 tasks, 2 models" in text
    # 1,000 x 3 + 100 x 15 and 1,000 x 2 + 100 x 8 per million; (1 + 38) / (2 + 40) and (1 + 30) / (2 + 40)
    assert "| anthropic/claude-sonnet-4-5 | 0.929 | 0.0045 | 100.0%" in text
    assert "| openai/gpt-4.1 | 0.738 | 0.0028 | 79.5%" in text
    assert "openai/gpt-4.1 → anthropic/claude-sonnet-4-5 |" in text
    assert "Nothing to replay" in told(task_type="chat")


def test_a_policy_is_replayed_over_rows_and_over_recorded_usage(admin_key: HeldKey, tmp_path: Path) -> None:
    acts.published()
    policy = acts.document()
    for tier, name in zip(policy["tiers"], ("weak", "twin", "dear"), strict=True):
        tier["models"] = [acts.model(("made", name))]
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    easy, hard = "hi", "Prove that the halting problem is undecidable, then derive Rice's theorem step by step."
    rows = [row(n, n % 2) | {"prompt": hard if n % 4 == 0 else easy} for n in range(60)]
    text = told(written(tmp_path, rows), splits=3, policy=str(file))
    line = next(line for line in text.splitlines() if line.startswith("The policy: "))
    assert "quality 0.7" in line, "easy asks go to the weak model, which fails every other one"
    assert "weak 45" in line
    with pytest.raises(CommandError, match="has no prompt"):
        told(written(tmp_path, [row(n, 1) for n in range(60)]), policy=str(file))
    with pytest.raises(CommandError, match="is in the rows"):
        told(written(tmp_path, rows), policy=str(PolicyVersion.objects.get(version=1).pk))
    for wrong in ("999999", str(tmp_path / "none.json")):
        with pytest.raises(CommandError, match=r"no draft or version|cannot be read"):
            told(policy=wrong)
    posted(
        admin_key, [call(provider=acts.OPUS[0], model=acts.OPUS[1], tier="premium", task_id=f"t{n}") for n in (1, 2)]
    )
    policy = acts.document()
    policy["tiers"][2]["models"] = [acts.model(acts.FULL)]
    text = told(policy=str(acts.draft(policy)))
    assert "2 calls, 2 move: 0.012000000000000 USD before, 0.005600000000000 after" in text
    assert "saved 53.3% (too few tasks" in text
    assert "expected success unknown" in text
