"""`/metrics`: the text as Prometheus' own parser reads it, who may read it, and how little it costs."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from apps.access.domain.identity import Scope
from apps.access.models import Project, User
from apps.costs.models import Exposition, UsageQuarter
from controlplane.models import Heartbeat
from tests.budgets.acts import make_budget
from tests.cast import HeldKey
from tests.costs.factories import make_usage, record
from tests.house import ROOT

pytestmark = pytest.mark.django_db
Series = dict[tuple[str, ...], float]


@pytest.fixture(autouse=True)
def always_fresh(settings: Settings) -> None:
    settings.METRICS_FRESH_SECONDS = 0


def scrape(client: Client) -> dict[str, Series]:
    """Every sample by its name and its label values in the order of their names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found: dict[str, Series] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        assert family.documentation
        assert family.type in ("counter", "gauge")
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            assert labels not in series
            series[labels] = sample.value
    return found


def use(**fields: object) -> None:
    now = timezone.now()
    record(make_usage(now - timedelta(minutes=3), **fields), now=now)


def test_it_tells_spend_calls_and_tokens(reader: HeldKey) -> None:
    use(project="support", tier="premium", cache_read_input_tokens=300, reasoning_output_tokens=40)
    use(project="sales", model="made-up", cost_usd=None, status="error")
    use(operation="execute_tool", tool="shell", provider=None, model=None, cost_usd="1")
    told = scrape(reader.client)
    assert told["bursar_spend_usd_total"] == {("gpt-4.1", "openai"): 0.0028, ("made-up", "openai"): 0, ("", ""): 1}
    assert told["bursar_unpriced_calls_total"][("made-up", "openai")] == 1
    assert {labels[0]: value for labels, value in told["bursar_tokens_total"].items() if labels[1] == "gpt-4.1"} == {
        "input": 700,
        "cache_read": 300,
        "cache_creation": 0,
        "output": 60,
        "reasoning": 40,
    }
    assert told["bursar_status_calls_total"] == {("ok",): 1, ("error",): 1}
    assert told["bursar_tier_calls_total"] == {("premium",): 1, ("",): 1}
    assert told["bursar_project_tool_executions_total"][("default",)] == 1
    assert told["bursar_ingested_total"] == {(): 3}
    assert told["bursar_spend_today_usd"].keys() == {()}
    assert told["bursar_oldest_undone_work_seconds"].keys() >= {("fold_days",), ("prove_hours",)}
    assert told["bursar_build_info"].keys() == {("0.1.0",)}
    assert told["bursar_database_size_bytes"][()] > 0


def test_budgets_at_risk_first_and_no_more_than_so_many(reader: HeldKey, settings: Settings, alice: User) -> None:
    settings.METRICS_MAX_BUDGETS = 2
    ids = [make_budget(limit, name=name).pk for limit, name in (("100", "Roomy"), ("2", "Tight"), ("10", "Middle"))]
    demo = Project.objects.create(name="demo", is_demo=True)
    make_budget("0.01", name="Demo", scope={"project": demo.name})
    use(project="support", cost_usd="1.90")
    told = scrape(reader.client)
    assert told["bursar_budget_limit"] == {("Tight", str(ids[1]), "usd"): 2, ("Middle", str(ids[2]), "usd"): 10}
    assert told["bursar_budget_spent"][("Tight", str(ids[1]), "usd")] == 1.9
    assert told["bursar_budget_reserved"][("Tight", str(ids[1]), "usd")] == 0
    assert told["bursar_alerts_firing"] == {("info",): 0, ("warning",): 1, ("critical",): 0}


def test_without_any_usage_it_answers(reader: HeldKey) -> None:
    assert scrape(reader.client)["bursar_ingested_total"] == {(): 0}


def test_a_counter_stands_still_where_the_sum_falls(reader: HeldKey) -> None:
    use(cost_usd="5")
    assert scrape(reader.client)["bursar_spend_usd_total"] == {("gpt-4.1", "openai"): 5}
    UsageQuarter.objects.update(cost_usd=Decimal(2))  # as re-rating would
    told = scrape(reader.client)
    assert told["bursar_spend_usd_total"] == {("gpt-4.1", "openai"): 5}
    use(cost_usd="1")
    assert scrape(reader.client)["bursar_spend_usd_total"] == {("gpt-4.1", "openai"): 6}


def test_series_are_bounded_and_the_rest_is_one(reader: HeldKey, settings: Settings) -> None:
    settings.METRICS_MAX_SERIES = 2
    for number in range(5):
        use(model=f"m{number}", project=f"p{number}")
    told = scrape(reader.client)
    assert len(told["bursar_calls_total"]) == 3
    assert told["bursar_calls_total"][("(other)", "(other)")] == 3
    assert sum(told["bursar_project_calls_total"].values()) == 5


def test_names_with_quotes_and_line_ends_are_escaped(reader: HeldKey) -> None:
    use(task_type="x", model='od"d\\name')
    assert ('od"d\\name', "openai") in scrape(reader.client)["bursar_calls_total"]


def test_demo_data_is_left_out(reader: HeldKey) -> None:
    Project.objects.create(name="demo", is_demo=True)
    use(project="demo")
    assert scrape(reader.client)["bursar_ingested_total"] == {(): 0}


def test_every_process_says_the_same_for_some_seconds(reader: HeldKey, settings: Settings) -> None:
    settings.METRICS_FRESH_SECONDS = 10
    use()
    first = reader.client.get("/metrics").content
    use()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert reader.client.get("/metrics").content == first
    assert len(queries) <= 6
    Exposition.objects.update(taken_at=timezone.now() - timedelta(seconds=11))
    assert scrape(reader.client)["bursar_ingested_total"] == {(): 2}


def test_a_key_of_one_project_is_refused(make_held_key: Callable[..., HeldKey], support: Project, carol: User) -> None:
    bound = make_held_key(Scope.METRICS_READ, project_id=support.pk)
    answer = bound.client.get("/metrics")
    assert answer.status_code == 403
    assert "of all projects" in answer.json()["detail"]
    client = Client()
    client.force_login(carol, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/metrics").status_code == 403


@pytest.mark.parametrize(
    "networks, remote, status", [("127.0.0.0/8", "127.0.0.1", 200), ("10.0.0.0/8", "127.0.0.1", 401), ("", "", 401)]
)
def test_networks_that_need_no_key(
    charlie: Client, settings: Settings, networks: str, remote: str, status: int
) -> None:
    settings.METRICS_NETWORKS = [networks] if networks else []
    assert charlie.get("/metrics", REMOTE_ADDR=remote).status_code == status
    assert charlie.get("/api/usage", REMOTE_ADDR=remote).status_code == 401


def test_a_wrong_key_is_refused_even_from_an_open_network(settings: Settings) -> None:
    settings.METRICS_NETWORKS = ["127.0.0.0/8"]
    assert Client(headers={"Authorization": "Bearer bsr_wrong"}).get("/metrics").status_code == 401


def test_the_dashboard_asks_for_names_that_exist(reader: HeldKey) -> None:
    use(tier="premium")
    make_budget()
    Heartbeat.objects.create(name="apps.costs.tasks.fold_days", done_at=timezone.now())
    told = scrape(reader.client)
    board = json.loads((ROOT / "docs" / "grafana" / "bursar.json").read_text())
    asked = set(re.findall(r"bursar_[a-z_]+", json.dumps([panel.get("targets") for panel in board["panels"]])))
    # Told only of budgets that sent a call down; tests/routing/test_decisions.py has one.
    assert asked <= told.keys() | {"bursar_budget_downgrades_last_day"}
    # A counter is asked for as a rate or an increase; nothing else of it means anything.
    expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    for name in (name for name in asked if name.endswith("_total")):
        for expression in (one for one in expressions if name in one):
            assert re.search(rf"(rate|increase)\({name}", expression), expression
    missing = told.keys() - asked - {"bursar_build_info", "bursar_database_info"}
    assert missing == set(), "shown nowhere"
