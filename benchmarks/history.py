"""Ninety days of usage made inside the database from a fixed seed: records, rollups, conversations, tasks, outcomes.

Draws follow Zipf's law with exponent 1.1. A conversation belongs to one agent and one user of its project, and an agent
has a few models, task types and tools of its own, as in real fleets. A conversation is up to four tasks, four of five
of them judged. With `independent` every dimension is drawn by itself:
then nearly each record has a combination of its own, which is the worst there is for a rollup. Only the permanent keys
are left out: pages never read them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.costs.domain.kinds import LabelKind, NarrowKind
from apps.costs.domain.measures import HISTOGRAMS, NARROW_SUMS, SUMS
from apps.costs.selectors import recount
from apps.costs.services import names, partitions
from benchmarks.history_decisions import decision_steps
from benchmarks.history_tasks import task_steps
from benchmarks.traffic import MODELS, zipf

PROJECTS, AGENTS, USERS, TASKS, TOOLS, CONVERSATIONS = 20, 200, 2_000, 40, 60, 300_000
SEED = 0.42


def make_history(
    *, records: int, start: datetime, days: int, say: Callable[[str], None], independent: bool = False,
    decided: bool = False,
) -> None:  # fmt: skip
    """Fill an empty, migrated database. `say` is told each step. With `decided` tasks begin with decisions too."""
    end = start + timedelta(days=days)
    partitions.ensure_months({partitions.month_of(start + timedelta(days=day)) for day in range(days + 1)})
    say("names")
    ids = _names()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET work_mem = '256MB'")
        cursor.execute("SET synchronous_commit = off")
        say(f"draws of {records:,} records")
        cursor.execute(f"SELECT setseed({SEED})")
        cursor.execute(_draws(independent), {**_draw_parameters(records, start, end), **ids})
        cursor.execute("ANALYZE bench_draws")
        say("cells")
        cursor.execute(_CELLS)
        cursor.execute("ANALYZE costs_cell")
        say("records")
        cursor.execute(_RECORDS, ids)
        cursor.execute("DROP TABLE bench_draws")
        for step, sql in {**_rollups(), **task_steps(), **(decision_steps() if decided else {})}.items():
            say(step)
            cursor.execute(sql, recount.parameters())
        say("vacuum")
        cursor.execute("VACUUM ANALYZE")
    names.forget()


def _names() -> dict[str, list[int]]:
    """Make all names; returns their ids by rank, so that a draw needs no join."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO access_project (name, is_demo, created_at)"
            " SELECT 'project-' || n, false, now() FROM generate_series(0, %s) n ORDER BY n RETURNING id",
            [PROJECTS - 1],
        )
        projects = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "INSERT INTO access_agent (project_id, name, created_at)"
            " SELECT (%s::int[])[n %% %s + 1], 'agent-' || n, now() FROM generate_series(0, %s) n"
            " ORDER BY n RETURNING id",
            [projects, PROJECTS, AGENTS - 1],
        )
        agents = [row[0] for row in cursor.fetchall()]
    models = names.model_ids(set(MODELS))
    return {
        "agent_ids": agents,
        "project_ids": [projects[number % PROJECTS] for number in range(AGENTS)],
        "model_ids": [models[model] for model in MODELS],
        "task_ids": _labels(LabelKind.TASK_TYPE, [f"task-{number}" for number in range(TASKS)]),
        "tool_ids": _labels(LabelKind.TOOL, [f"tool-{number}" for number in range(TOOLS)]),
        "user_ids": _labels(LabelKind.USER, [f"user-{number}" for number in range(USERS)]),
        "role_ids": _labels(LabelKind.ROLE, ["chat", "utility"]),
        "chat": _labels(LabelKind.OPERATION, ["chat"]),
    }


def _labels(kind: LabelKind, wanted: list[str]) -> list[int]:
    found = names.label_ids({(int(kind), name) for name in wanted})
    return [found[int(kind), name] for name in wanted]


def _draw_parameters(records: int, start: datetime, end: datetime) -> dict[str, Any]:
    edges = {"agents": AGENTS, "models": len(MODELS), "tasks": TASKS, "tools": TOOLS, "users": USERS}
    shares = {
        name: [weight / weights[-1] for weight in weights] for name, count in edges.items() for weights in [zipf(count)]
    }
    seconds = (end - start).total_seconds()
    return {"records": records, "start": start, "seconds": seconds, "conversations": CONVERSATIONS, **shares}


def _rank(name: str) -> str:
    return f"(width_bucket(random(), %({name})s::float8[]) + 1)"


def _bell(middle: float, spread: float) -> str:
    """About log-normal: four uniform draws are nearly a normal one."""
    return f"exp({middle} + {spread} * (random() + random() + random() + random() - 2) * 1.7)::bigint"


def _hashed(number: str, salt: int) -> str:
    """A draw from [0, 1) that is the same for the same number."""
    return f"((hashint8extended({number}, {salt}) & 9007199254740991) / 9007199254740992.0)"


def _own(what: str, salt: int) -> str:
    """One of an agent's own few, the first ones most often."""
    number = "agent * 100 + floor(power(random(), 2) * (2 + agent %% 4))::int"
    return f"(width_bucket({_hashed(f'({number})::bigint', salt)}, %({what})s::float8[]) + 1)"


def _fleet(independent: bool) -> dict[str, str]:
    """How agent, user, model, task and tool are drawn."""
    if independent:
        kinds = ("agents", "users", "models", "tasks", "tools")
        return dict(zip(("agent", "usr", "model", "task", "tool"), map(_rank, kinds), strict=True))
    agent = f"(width_bucket({_hashed('conversation::bigint', 1)}, %(agents)s::float8[]) + 1)"
    place = f"floor({_hashed('conversation::bigint', 2)} * {USERS // PROJECTS})::int * {PROJECTS}"
    user = f"({place} + agent %% {PROJECTS} + 1)"
    return {"agent": agent, "usr": user, "model": _own("models", 3), "task": _own("tasks", 4), "tool": _own("tools", 5)}


def _draws(independent: bool) -> str:
    fleet = _fleet(independent)
    return f"""
    CREATE UNLOGGED TABLE bench_draws AS
    SELECT occurred_at, (%(project_ids)s::int[])[agent] AS project_id, (%(agent_ids)s::int[])[agent] AS agent_id,
           model, (%(model_ids)s::int[])[model] AS model_id, (%(task_ids)s::int[])[task] AS task_type_id,
           (%(role_ids)s::int[])[role] AS role_id, status, coalesce((%(tool_ids)s::int[])[tool], 0) AS tool_id,
           (%(user_ids)s::int[])[usr] AS user_id, conversation, input_tokens,
           floor(input_tokens * cached)::bigint AS cached_tokens, output_tokens, latency_ms,
           'task-' || conversation || '-' || part AS task_id
    FROM (
        SELECT *, {fleet["model"]} AS model, {fleet["task"]} AS task, {fleet["usr"]} AS usr,
               CASE WHEN random() < 0.125 THEN {fleet["tool"]} END AS tool
        FROM (SELECT *, {fleet["agent"]} AS agent FROM (
            SELECT %(start)s::timestamptz + make_interval(secs => %(seconds)s * (n - random()) / %(records)s)
                       AS occurred_at,
                   greatest(0, floor(n::float8 * %(conversations)s / %(records)s) - floor(random() * 40))::int
                       AS conversation,
               1 + (random() < 0.2)::int AS role, (random() >= 0.97)::int AS status,
               {_bell(7.5, 1.2)} + 1 AS input_tokens, {_bell(5, 1)} + 1 AS output_tokens,
               random() * (random() < 0.5)::int AS cached, {_bell(7.5, 0.6)} AS latency_ms,
               floor(random() * 4)::int AS part
            FROM generate_series(1, %(records)s::bigint) AS n
        ) AS calls) AS placed
    ) AS drawn
    """


_CELLS = """
    INSERT INTO costs_cell (project_id, agent_id, model_id, tier_id, role_id, task_type_id, status)
    SELECT DISTINCT project_id, agent_id, model_id, 0, role_id, task_type_id, status FROM bench_draws
"""
_RECORDS = """
    INSERT INTO costs_usagerecord (
        project_id, usage_id, occurred_at, cell_id, key_id, operation_id, user_id, tool_id, conversation_id, task_id,
        input_tokens, output_tokens, cache_read_input_tokens, latency_ms, time_to_first_token_ms, cost_source, cost_usd
    )
    SELECT project_id, md5(d.occurred_at::text || d.user_id || d.input_tokens), d.occurred_at, c.id, 1,
           (%(chat)s::int[])[1], d.user_id, d.tool_id, 'conversation-' || d.conversation, d.task_id,
           d.input_tokens, d.output_tokens, d.cached_tokens, d.latency_ms, d.latency_ms / 4, 1,
           d.input_tokens * (0.0000001 * d.model) + d.output_tokens * (0.0000004 * d.model)
    FROM bench_draws d JOIN costs_cell c USING (project_id, agent_id, model_id, role_id, task_type_id, status)
    ORDER BY d.occurred_at
"""


def _rollups() -> dict[str, str]:
    bucket = "date_bin('15 minutes', r.occurred_at, '2000-01-01+00')"
    records = "FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id"
    sums = ", ".join(f"sum({recount.MEASURES[name]})" for name in SUMS)
    few = ", ".join(f"sum({recount.MEASURES[name]})" for name in NARROW_SUMS)
    bins = ", ".join(_collected(name) for name in HISTOGRAMS)
    steps = {
        "the cube": "INSERT INTO costs_usagequarter"
        f" (cell_id, bucket, last_received_at, {', '.join([*SUMS, *HISTOGRAMS])})"
        f" SELECT r.cell_id, {bucket}, max(r.received_at), {sums}, {bins} {records} GROUP BY 1, 2"
        # As ingest writes them: in the order of time.
        " ORDER BY 2",
        "conversations": "INSERT INTO costs_conversationtotal"
        f" (project_id, conversation_id, agent_id, first_at, last_at, {', '.join(NARROW_SUMS)})"
        f" SELECT r.project_id, r.conversation_id, max(c.agent_id), min(r.occurred_at), max(r.occurred_at), {few}"
        f" {records} GROUP BY 1, 2",
    }
    for kind, column in ((NarrowKind.USER, "r.user_id"), (NarrowKind.KEY, "r.key_id"), (NarrowKind.TOOL, "r.tool_id")):
        steps[f"by {kind.name.lower()}"] = (
            f"INSERT INTO costs_usagequarterby (kind, value_id, bucket, project_id, model_id, {', '.join(NARROW_SUMS)})"
            f" SELECT {int(kind)}, {column}, {bucket}, r.project_id, c.model_id, {few} {records}"
            f" WHERE coalesce({column}, 0) <> 0 GROUP BY 2, 3, 4, 5 ORDER BY 3"
        )
    return steps


def _collected(name: str) -> str:
    """Every record's own entry, side by side: equal bins are merged when days are folded."""
    entry = f"({recount.MEASURES[name]})[1]"
    return f"coalesce(array_agg({entry}) FILTER (WHERE {entry} IS NOT NULL), '{{}}')"
