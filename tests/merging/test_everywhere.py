"""Wherever a project is read, one that another was merged into reads as if it had been the only one from the start.

The same happens in two worlds: in one all of it is sent to `zz-new`; in the other most of it is sent to `zz-old`, which
is merged into `zz-new` in the end. Then every address says the same in both, to whoever may ask for it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from apps.access.domain.identity import ALL_SCOPES, Role
from apps.access.models import User
from apps.access.services import places
from apps.access.services.keys import create_key
from apps.budgets.models import Budget
from apps.budgets.services.merging import settle_merges
from apps.costs.models import RerateRun
from apps.costs.services.folding import fold_closed_days
from apps.costs.services.outcomes.recording import record_outcomes
from apps.costs.services.task_folding import fold_tasks
from apps.costs.services.waste_folding import fold_waste
from apps.routing.domain.scenarios import Move
from apps.routing.models import ReplayRun
from apps.routing.services.replays.asking import WhatIf
from apps.routing.services.replays.asking import ask as ask_for_replay
from apps.routing.services.replays.working import work_on_replays
from apps.routing.services.savings.sweeping import derive_due_days
from tests.budgets.acts import make_budget
from tests.cast import make_person
from tests.costs.posting import call
from tests.costs.rerating.steps import previewed, set_price
from tests.isolation import forget_everything
from tests.merging.acts import MergeProjects, project_merger
from tests.merging.acts import project as find
from tests.routing import acts as routing
from tests.urls import endpoints
from tests.usage import REPORTER

pytestmark = pytest.mark.django_db
OLD, NEW, OTHER = "zz-old", "zz-new", "zz-other"
SignIn = Callable[[User], Client]
NOT_OF_USAGE = {
    "access:audit": "says that there was a merge",
    "access:audit_csv": "the same",
    "access:api_audit": "the same",
    "access:projects": "says what was merged",
    "access:api_projects": "the same",
    "access:api_agents": "numbers and moments alone",
    "api-schema": "long, and of nobody",
    "api-docs": "the same",
    "styleguide": "the same",
    "theme": "changes the reader's cookie",
    "access:logout": "ends the session",
    "health": "tells how long things took",
    "readyz": "the same",
    "healthz-background": "the same",
    "costs:match-list": "of the price book",
    "costs:prices-csv": "of the price book",
    "costs:api-models": "of the price book",
}


@dataclass(frozen=True)
class World:
    """Who may ask."""

    askers: dict[str, Client]


def _usage(now: datetime, project: str, number: int, **fields: Any) -> dict[str, Any]:
    at = now - timedelta(hours=2 * number + 1)
    usual = call(
        id=f"call-{number}", occurred_at=at.isoformat(), project=project, cost_usd=f"0.0{number}1",
        agent=("coder", "writer")[number % 2], user=f"user-{number % 2}", task_type="code",
        tags={"team": f"t{number % 2}"}, conversation_id=f"talk-{number // 3}", latency_ms=300 + number,
    )  # fmt: skip
    return {name: value for name, value in (usual | fields).items() if value is not None}


def build(now: datetime, old: str, alice: User, merge: MergeProjects) -> World:
    """What happens in both worlds: `old` is the project that most of it is sent to."""
    routing.published(routing.document(rules=[{"when": {"project": old, "role": "utility"}, "tier": "simple"}]))
    routing.baseline(alice, days=4)
    set_price("priced", "2", "4")
    places.ensure_projects([OLD, NEW, OTHER] if old == OLD else [NEW, OTHER])
    key = create_key(caller=alice.caller(), name="agents", scopes=ALL_SCOPES)
    agents = Client(headers={"Authorization": f"Bearer {key.secret}"})
    for project, ids in ((old, "d1"), (OTHER, "d2")):
        question = {
            "id": ids, "message": "Why does it deadlock?", "project": project, "agent": "coder", "role": "utility",
            "conversation_id": "talk-0", "context_tokens": 2000,
        }  # fmt: skip
        assert agents.post("/api/routing/decisions", question, content_type="application/json").status_code == 201
    calls = [_usage(now, old, number) for number in range(12)]
    calls[0] |= {"decision_id": "d1", "role": "utility"}
    calls[1] |= {"status": "error", "error_type": "429", "output_tokens": 0}
    calls += [
        _usage(now, old, 12, model="unpriced-by-anybody", cost_usd=None),
        _usage(now, old, 13, model="priced", provider="openai", cost_usd=None),
        _usage(now, old, 14, operation="execute_tool", tool="search", model=None, cost_usd="0.003"),
        *(_usage(now, NEW, number, conversation_id=f"new-{number}") for number in range(20, 23)),
        _usage(now, NEW, 26, model="priced", provider="openai", cost_usd=None),
        *(_usage(now, OTHER, number, conversation_id=f"other-{number}", agent="stranger") for number in range(30, 34)),
    ]
    answer = agents.post("/api/usage", {"records": calls}, content_type="application/json")
    assert answer.json()["accepted"] == len(calls), answer.content
    told = [{"id": "o1", "task_id": "talk-0", "project": old, "success": True, "quality": 0.5, "source": "judge"}]
    record_outcomes(told, caller=REPORTER, now=now)
    held = {"id": "r1", "project": old, "agent": "coder", "amount_usd": "0.01"}
    assert agents.post("/api/reservations", held, content_type="application/json").status_code == 201
    set_price("priced", "3", "6", now - timedelta(days=30))
    previewed()
    if old == OLD:
        merge(OLD, NEW)
        settle_merges(now=now)
    for number, project in enumerate((old, NEW, OTHER)):
        make_budget("0.05", name=f"Of one {number}", period="month", scope={"project": project})
    for each in ("project", "agent", "user", "conversation"):
        make_budget("50", name=f"Of each {each}", period="month", each=each)
    after = [_usage(now, project, number) for project, number in ((old, 15), (NEW, 24), (OTHER, 35))]
    for one in after:
        agents.post("/api/usage", one, content_type="application/json")
    people = {
        "owner": alice,
        "limited": make_person("limited@example.org", Role.ADMIN, find(NEW)),
        "stranger": make_person("stranger@example.org", Role.ADMIN, find(OTHER)),
    }
    askers = {name: _browser(person) for name, person in people.items()}
    for name, project in (("key", NEW), ("other key", OTHER)):
        made = create_key(caller=alice.caller(), name=name, scopes=ALL_SCOPES, project_id=find(project).pk)
        askers[name] = Client(headers={"Authorization": f"Bearer {made.secret}"}, raise_request_exception=False)
    return World(askers)


def _browser(person: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def sweep(now: datetime, alice: User) -> None:
    """What the background does, and what people asked for."""
    fold_closed_days(now=now)
    fold_tasks(now=now)
    fold_waste(at_most=40)
    derive_due_days(now=now)
    previewed()
    tried = WhatIf(7, find(NEW).pk, moves=[Move(routing.FULL, routing.MINI)])
    ask_for_replay(caller=alice.caller(), wanted=tried, now=now)
    work_on_replays()


def questions() -> Iterator[tuple[str, str]]:
    """Every address that can be read, with the filters that most take."""
    for one in endpoints():
        if one.name in NOT_OF_USAGE or "987654321" in one.path or "nothing" in one.path:
            continue
        if not one.scopes or "GET" in one.scopes:
            yield one.name, one.path
    for dimension in ("project", "agent", "model", "user", "task_type", "tag:team", "tool", "key"):
        yield f"cost by {dimension}", f"/api/metrics/cost?group_by={dimension}"
        yield f"explore by {dimension}", f"/explore.csv?by={dimension}"
    for name in ("talk-0", "talk-3", "new-20"):
        yield f"conversation {name}", f"/c/{NEW}/{name}"
        yield f"api conversation {name}", f"/api/conversations/{name}?project={NEW}"
    for name in ("call-0", "call-14", "call-21"):
        yield f"record {name}", f"/explore/record?project={NEW}&id={name}"
        yield f"api record {name}", f"/api/usage/{name}?project={NEW}"
    yield "decision", f"/routing/decisions/d1?project={NEW}"
    yield "api decision", f"/api/routing/decisions/d1?project={NEW}"
    yield "search", "/search?q=zz-new"
    yield "search of a conversation", "/search?q=talk-0"
    yield "status", f"/api/budgets/status?project={NEW}&agent=coder"
    yield "config", f"/api/routing/config?project={NEW}"


def of_rows() -> Iterator[tuple[str, str]]:
    """Addresses of what has a number of its own."""
    for number, budget in enumerate(Budget.objects.order_by("id")):
        yield f"budget {number}", f"/budgets/{budget.pk}"
        yield f"api budget {number}", f"/api/budgets/{budget.pk}"
    for run in RerateRun.objects.all():
        yield "rerate", f"/prices/rerates/{run.pk}"
        yield "rerate by project", f"/prices/rerates/{run.pk}?by=project"
        yield "rerate csv", f"/prices/rerates/{run.pk}.csv?by=project"
        yield "rerate differences", f"/api/rerates/{run.pk}/differences?by=project"
    for replay in ReplayRun.objects.all():
        yield "replay", f"/routing/what-if/{replay.pk}"
        yield "api replay", f"/api/runs/{replay.pk}"


def plain(body: str, kind: str) -> str:
    """What a person or a program reads, without what tells the two worlds apart by nature: numbers of rows."""
    body = body.replace(OLD, NEW)
    if kind.startswith("application/json"):
        body = json.dumps(_bare(json.loads(body)), sort_keys=True)
    if "html" in kind:
        body = re.sub(r"(?s)<script.*?</script>|<datalist.*?</datalist>|<template.*?</template>", " ", body)
        body = re.sub(r"(?s)<[^>]*>", " ", body)
    body = re.sub(r"\s+", " ", body)
    for pattern, kept in _BY_CHANCE:
        body = re.sub(pattern, kept, body)
    return body


_BY_CHANCE = (
    (r"\d+ (?:s|min) ago", "lately"), (r"[0-9a-f]{32}", "hex"), (r"bsr_[\w\u2026-]+", "bsr_"),
    (r"\d+/(coder|writer|stranger)", r"\1"), (r",\d+,(zz-)", r",\1"), (r"\d\d:\d\d:\d\d(\.\d+)?", "clock"),
    (r"(/api|/alerts|/budgets|/prices|/routing)\S*?/\d+", r"\1/N"), (r"in [\d.,]+ (?:ms|s)\b", "soon"),
    (r"(Run|What-if|run|Re-rating) \d+", r"\1"), (r"\d+,budget,", "budget,"), (r",\d+,\d*,\d+(:[^,]*)?,", ","),
    (r"(size_bytes|undone_work_seconds\S*|late_tasks|book version) \S+", r"\1"), (r'budget_id="\d+"', ""),
    (r"Background work is late Folded sums[^:]*: Background work is late ", ""),
    (r"Background work is late", "All well"), (r"(lately Adjust \S+ \$[\d.]+ – )+", ""),
)  # fmt: skip
_NUMBERS = frozenset({
    "id", "project_id", "budget_id", "policy_id", "price_id", "run_id", "key_id", "model_id", "url", "next", "previous",
    "price_book_version", "subject", "last4",
})  # fmt: skip


def _bare(value: Any) -> Any:
    """Without what counts rows; ids that whoever sends them chooses stay."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if name not in _NUMBERS or _is_chosen(one)}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def _is_chosen(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("call-", "talk-", "new-", "d1", "o1"))


_OF_NEW = re.compile(rf"(project=|/c/){NEW}")
Told = dict[tuple[str, str, str], tuple[int, str]]


def ask(world: World, filters: Mapping[str, Sequence[str]], only: frozenset[str] = frozenset()) -> Told:
    """What these askers are told at every address: "" without a filter, else with one by a name of the project."""
    told: Told = {}
    every = [one for one in (*questions(), *of_rows()) if not only or one[0] in only]
    for who, names in filters.items():
        for name, path in every:
            for project in names:
                address = path
                if project and _OF_NEW.search(path):
                    address = _OF_NEW.sub(rf"\g<1>{project}", path)
                elif project:
                    address = f"{path}{'&' if '?' in path else '?'}project={project}"
                answer: Any = world.askers[who].get(address)
                body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                kind = answer.headers.get("Content-Type", "")
                told[who, name, project and NEW] = (answer.status_code, plain(body.decode(errors="replace"), kind))
    return told


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    forget_everything()


def compare(
    commits: Callable[..., Any],
    alice: User,
    once: Mapping[str, Sequence[str]],
    merged: Mapping[str, Sequence[str]],
    only: frozenset[str] = frozenset(),
) -> None:
    """What is said in the world without a merge, and in the one with it."""
    merge = project_merger(commits)
    now = datetime.now(UTC).replace(microsecond=0)
    worlds = []
    for old, filters in ((NEW, once), (OLD, merged)):
        with undone():
            world = build(now, old, alice, merge)
            sweep(now, alice)
            worlds.append(ask(world, filters, only))
    expected, found = worlds
    assert expected.keys() == found.keys()
    assert not (wrong := [key for key in found if found[key] != expected[key]]), _difference(wrong, expected, found)


def _difference(wrong: Sequence[tuple[str, str, str]], expected: Told, found: Told) -> str:
    lines = [f"{len(wrong)} addresses"]
    for key in wrong[:50]:
        (was, before), (now, after) = expected[key], found[key]
        pairs = enumerate(zip(before, after, strict=False))
        place = max(0, next((n for n, (a, b) in pairs if a != b), min(len(before), len(after))) - 60)
        lines.append(f"{key} {was} {now}\n   {before[place : place + 160]!r}\n   {after[place : place + 160]!r}")
    return "\n".join(lines)


CENTRAL = frozenset({
    "overview", "explore by project", "explore by agent", "explore-records-csv", "conversations-csv", "savings-csv",
    "cost by project", "cost by user", "costs:usage-list", "costs:unpriced-api", "routing:decisions", "decision",
    "routing:api-effects", "conversation talk-3", "record call-0", "budgets:api-budgets", "budgets:api-alerts",
    "budget 0", "rerate csv", "api replay", "search", "status",
})  # fmt: skip


def test_where_most_is_read(alice: User, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    """Who is limited to the project sees by itself what an owner sees by either of its names."""
    once, merged = {"owner": (NEW,), "limited": ("",)}, {"owner": (OLD,), "limited": ("",)}
    compare(django_capture_on_commit_callbacks, alice, once, merged, CENTRAL)


@pytest.mark.prove
@pytest.mark.parametrize("name", [NEW, OLD])
def test_every_address(name: str, alice: User, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    """The same for everybody: nobody else sees more or less than without a merge."""
    once = {"owner": ("", NEW), **dict.fromkeys(("limited", "stranger", "key", "other key"), ("", NEW))}
    compare(django_capture_on_commit_callbacks, alice, once, dict.fromkeys(once, ("", name)))
