"""Usage of every kind for tests of the books, recorded the way all usage is."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from apps.access.domain.identity import ALL_SCOPES, Caller
from apps.costs.services.ingest import IngestResult, record_usage

NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)
REPORTER = Caller(kind="key", actor="tests", key_id=7, user_id=None, scopes=ALL_SCOPES, role=None, project_ids=None)
Usage = dict[str, Any]
_numbers = count(1)


def make_usage(at: datetime = NOW - timedelta(hours=1), **fields: Any) -> Usage:
    """One call of 1,000 + 100 tokens that the provider billed with 0.0028 USD; None leaves a field out."""
    usual = {
        "id": f"usage-{next(_numbers)}",
        "occurred_at": at.isoformat(),
        "provider": "openai",
        "model": "gpt-4.1",
        "input_tokens": 1000,
        "output_tokens": 100,
        "cost_usd": "0.0028",
    }
    return {name: value for name, value in (usual | fields).items() if value is not None}


def record(*usages: Usage, now: datetime = NOW, key_id: int | None = 7) -> IngestResult:
    """Store usage in batches of 500, all by one key; the result of the last batch."""
    caller = REPORTER if key_id == REPORTER.key_id else Caller(**{**_fields(REPORTER), "key_id": key_id})
    result = IngestResult()
    for begin in range(0, len(usages), 500):
        result = record_usage(usages[begin : begin + 500], caller=caller, now=now)
        assert not result.count("rejected"), result.outcomes
    return result


def any_usage(dice: random.Random, start: datetime, end: datetime) -> Usage:
    """A record of any kind between two instants: calls, tools, aggregates, cache hits, unpriced, failed, tagged."""
    seconds = dice.randrange(int((end - start).total_seconds()))
    usual = make_usage(
        start + timedelta(seconds=seconds, microseconds=dice.randrange(10**6)),
        id=f"any-{dice.getrandbits(60)}",
        input_tokens=(inputs := dice.randrange(0, 9000)),
        output_tokens=(outputs := dice.randrange(0, 900)),
        cache_read_input_tokens=dice.randrange(0, inputs // 2 + 1),
        cache_creation_input_tokens=dice.randrange(0, inputs // 2 + 1),
        reasoning_output_tokens=dice.randrange(0, outputs + 1),
        latency_ms=dice.choice((None, 0, 24, 25, dice.randrange(10**5))),
        time_to_first_token_ms=dice.choice((None, dice.randrange(10**4))),
        cost_usd=dice.choice(
            (None, f"{dice.randrange(10**6)}.{dice.randrange(10**15):015d}", "0", "0.000000000000001")
        ),
        model=dice.choice(("gpt-4.1", "gpt-4.1-mini", "made-up")),
        project=dice.choice(("support", "sales")),
        agent=dice.choice((None, "coder", "coder/sub")),
        tier=dice.choice((None, "premium")),
        role=dice.choice((None, "utility")),
        task_type=dice.choice((None, "main_loop", "code")),
        status=dice.choice(("ok", "ok", "ok", "error", "cancelled", "interrupted")),
        user=dice.choice((None, "ada", "bob")),
        conversation_id=dice.choice((None, "c1", "c2", "c3")),
        tags=dice.choice((None, {"team": "x"}, {"team": "y", "env": "prod"})),
        attempt=dice.choice((1, 1, 2)),
    )
    return usual | dice.choice(_KINDS)(dice)


def any_usages(dice: random.Random, many: int, start: datetime, end: datetime) -> list[Usage]:
    """So many records of any kind."""
    return [any_usage(dice, start, end) for _ in range(many)]


def _fields(caller: Caller) -> Mapping[str, Any]:
    return {name: getattr(caller, name) for name in Caller.__dataclass_fields__}


_TOOLS = ("browser", "shell")
_KINDS: tuple[Callable[[random.Random], Usage], ...] = (
    lambda dice: {},
    lambda dice: {},
    lambda dice: {"tool": "browser"},
    lambda dice: {
        "operation": "execute_tool",
        "tool": dice.choice(("browser", "shell")),
        "calls": dice.randrange(1, 4),
    },
    lambda dice: {"calls": dice.randrange(2, 50)},
    lambda dice: {"cache_hit": True},
    lambda dice: {"usage_source": "estimate"},
)
