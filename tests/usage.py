"""Usage for tests of pages: one call at a time with known amounts, or a month of a small fleet."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.access.domain.identity import ALL_SCOPES, Caller
from apps.costs.services.ingest.reading import Window
from apps.costs.services.ingest.recording import record_usage

REPORTER = Caller(kind="key", actor="tests", key_id=None, user_id=None, scopes=ALL_SCOPES, role=None, project_ids=None)
MODELS = (
    ("openai", "gpt-4.1", "0.021"),
    ("openai", "gpt-4.1-mini", "0.0042"),
    ("anthropic", "claude-opus-4-5", "0.064"),
    ("anthropic", "claude-haiku-4-5", "0.0049"),
    ("google", "gemini-2.5-flash", "0.0023"),
    ("mistral", "mistral-large-latest", "0.0118"),
    ("deepseek", "deepseek-chat", "0.0011"),
    ("groq", "llama-3.3-70b-versatile", "0.00087"),
)
TASKS = ("main_loop", "code", "memory_recall", "summarise", "rename_chat", "")
AGENTS = ("support", "support/triage", "coder", "researcher")


def call(occurred_at: datetime, **fields: Any) -> dict[str, Any]:
    """One call as an agent reports it; its cost is the provider's, so no price book is needed."""
    usual = {
        "provider": "openai",
        "model": "gpt-4.1",
        "input_tokens": 1200,
        "output_tokens": 300,
        "cost_usd": "0.01",
        "agent": "coder",
        "task_type": "code",
        "latency_ms": 800,
    }
    return {"occurred_at": occurred_at.isoformat(), **usual, **fields}


def report(calls: Sequence[dict[str, Any]], now: datetime) -> Decimal:
    """Records the calls and gives their cost. None may be refused."""
    total = Decimal(0)
    for start in range(0, len(calls), 1000):
        result = record_usage(calls[start : start + 1000], caller=REPORTER, now=now, window=Window(now, None, None))
        assert result.count("accepted") == len(calls[start : start + 1000]), result.outcomes[:3]
        total += result.cost_usd
    return total


def report_a_month(now: datetime, *, days: int = 70, per_day: int = 40, seed: int = 7) -> Decimal:
    """A small fleet's calls up to `now`, the same for the same arguments."""
    dice = random.Random(seed)
    return report([_any_call(dice, now, day) for day in range(days) for _ in range(_busy(now, day, per_day))], now)


def _busy(now: datetime, day: int, per_day: int) -> int:
    weekend = (now - timedelta(days=day)).weekday() >= 5
    return per_day // 3 if weekend else per_day - day // 4


def _any_call(dice: random.Random, now: datetime, day: int) -> dict[str, Any]:
    provider, model, usd = dice.choices(MODELS, weights=(9, 12, 4, 9, 6, 3, 2, 1))[0]
    size = Decimal(dice.randrange(20, 300)) / 100
    failed = dice.random() < 0.03
    return call(
        now - timedelta(days=day, seconds=dice.randrange(1, 86_400)),
        provider=provider,
        model=model,
        cost_usd=str((Decimal(usd) * size).quantize(Decimal("0.000001"))),
        input_tokens=(tokens := int(4000 * size)),
        cache_read_input_tokens=tokens * dice.randrange(0, 8) // 10,
        output_tokens=(written := int(600 * size)),
        reasoning_output_tokens=written * dice.randrange(0, 4) // 10,
        agent=dice.choices(AGENTS, weights=(5, 3, 4, 2))[0],
        task_type=dice.choices(TASKS, weights=(8, 5, 4, 3, 2, 1))[0],
        latency_ms=int(dice.lognormvariate(7.2, 0.7)),
        conversation_id=f"chat-{day // 2}",
        status="error" if failed else "ok",
    )
