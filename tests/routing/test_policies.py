"""Policies: what cannot work is named, versions never change, publishing and rolling back, the agent's own block."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from apps.access.domain.errors import NotAllowed
from apps.access.domain.identity import Role, Scope
from apps.access.models import AuditEntry, Project
from apps.routing.domain.first_policy import WANTED, first_document
from apps.routing.domain.policy import ModelKey, PolicyError, policy_of
from apps.routing.domain.policy_checks import PriceFacts, problems_of
from apps.routing.domain.policy_diff import Difference, differences
from apps.routing.domain.retirements import End, announced_end, retirement_of
from apps.routing.models import PolicyVersion
from apps.routing.selectors.config import config_for
from apps.routing.selectors.in_force import in_force
from apps.routing.selectors.policies import checked
from apps.routing.services.first_policy import publish_first_policy
from apps.routing.services.policies import CannotPublish, make_draft, publish, roll_back
from apps.routing.services.savings.declaring import Wanted, declare
from tests.cast import HeldKey, make_person
from tests.costs.posting import JSON, load_prices
from tests.routing import acts

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)


def changed(**fields: Any) -> dict[str, Any]:
    """A model of the simple tier with these fields, in a policy."""
    policy = acts.document()
    policy["tiers"][0]["models"] = [acts.model(acts.MINI, **fields)]
    return policy


@pytest.mark.parametrize(
    "policy, path",
    [
        (acts.document(model_routing_strategy="cheap"), "model_routing_strategy"),
        (acts.document(model_routing_quality_threshold=1.1), "model_routing_quality_threshold"),
        (acts.document(colour="red"), ""),
        (changed(limit_requests=0), "tiers[0].models[0].limit_requests"),
        (changed(parameters={"stop": "x\0"}), ""),
        (changed(parameters={"stop": "x" * 5000}), "tiers.simple.openrouter/openai/gpt-4.1-mini.parameters"),
    ],
)
def test_what_is_no_policy(policy: dict[str, Any], path: str) -> None:
    with pytest.raises(PolicyError) as error:
        policy_of(policy)
    assert error.value.path == path


def test_the_tier_of_a_score_is_half_open_and_the_last_takes_the_rest() -> None:
    policy = policy_of(acts.document())
    scores = {0.0: "simple", 0.2999: "simple", 0.3: "standard", 0.6999: "standard", 0.7: "premium", 0.95: "premium"}
    assert {score: policy.tier_of_score(score).name for score in scores} == scores


@pytest.mark.django_db
def test_problems_are_named_and_only_some_block() -> None:
    acts.load_book()
    policy = acts.document(default_tier="huge", rules=[{"when": {"role": "utility"}, "tier": "tiny"}, {"when": {}}])
    policy["tiers"][0]["max_cost_per_1k_tokens"] = "0.0001"
    policy["tiers"][1]["upper"] = 0.3
    policy["tiers"][2]["models"].append(acts.model(("acme", "unheard-of")))
    found = {(one.path, one.code, one.blocks) for one in checked(policy, now=NOW)[1]}
    assert found == {
        ("tiers.standard.upper", "edges", True),
        ("default_tier", "unknown_tier", True),
        ("rules.0.tier", "unknown_tier", True),
        ("rules.1", "idle_rule", True),
        ("tiers.simple.openrouter/openai/gpt-4.1-mini", "over_cap", False),
        ("tiers.simple.openrouter/openai/gpt-4.1-mini", "ends", False),
        ("tiers.simple", "empty_tier", True),
        ("tiers.standard.openrouter/openai/gpt-4.1", "ends", False),
        ("tiers.premium.acme/unheard-of", "unpriced", False),
    }
    (said,) = [one.message for one in checked(policy, now=NOW)[1] if one.code == "over_cap"]
    # 1,200 x 0.40 + 300 x 1.60 per million = 0.00096 for 1,500 tokens
    assert "costs $0.40 in and $1.60 out per million tokens, $0.00064 per 1k tokens" in said
    assert "over the cap of $0.0001" in said


@pytest.mark.django_db
def test_publishing_and_rolling_back_make_versions_that_never_change() -> None:
    one = acts.published()
    two = acts.published(acts.document(model_routing_strategy="balanced"))
    assert (one.version, two.version) == (1, 2)
    again = roll_back(caller="alice", version=1, now=NOW)
    found = in_force()
    assert found is not None
    assert (again.version, found.version, found.policy.model_routing_strategy) == (3, 3, "cost_optimized")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.before, entry.after) == (
        "policy.rolled_back",
        {"model_routing_strategy": "balanced"},
        {"model_routing_strategy": "cost_optimized"},
    )
    for change in (PolicyVersion.objects.filter(version=1).update, PolicyVersion.objects.filter(version=1).delete):
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            change(**({"note": "x"} if change.__name__ == "update" else {}))


@pytest.mark.django_db
def test_a_tier_without_a_model_cannot_be_published() -> None:
    policy = acts.document()
    policy["tiers"][2]["max_cost_per_1k_tokens"] = "0.001"
    draft = acts.draft(policy)
    with pytest.raises(CannotPublish) as refusal:
        publish(caller="alice", draft_id=draft, now=NOW)
    assert refusal.value.code == "cannot_publish_empty_tier"
    assert "claude-opus-5-5 costs $4.00 in and $20.00 out" in refusal.value.message
    assert in_force() is None


def test_differences_are_told_by_name() -> None:
    before, after = acts.document(), acts.document(model_routing_quality_threshold=0.8)
    after["tiers"][0] |= {"upper": 0.4, "models": [acts.model(acts.FULL)]}
    assert differences(before, after) == [
        Difference("tiers.simple.upper", 0.3, 0.4),
        Difference("tiers.simple.models (order)", "/".join(acts.MINI), "/".join(acts.FULL)),
        Difference(f"tiers.simple.models.{'/'.join(acts.MINI)}.", "is there", None),
        Difference(f"tiers.simple.models.{'/'.join(acts.FULL)}.", None, "is there"),
        Difference("model_routing_quality_threshold", None, 0.8),
    ]


@pytest.mark.django_db
def test_the_agents_block_becomes_a_draft_that_names_what_cannot_work(tmp_path: Path) -> None:
    acts.load_book()
    file, said = tmp_path / "settings.json", StringIO()
    file.write_text(json.dumps(acts.AGENT_BLOCK))
    with pytest.raises(CommandError, match="cannot be published"):
        call_command("import_policy", str(file), "--publish", stdout=said)
    draft = PolicyVersion.objects.get()
    assert draft.version is None
    assert [(tier["name"], tier["upper"], tier["max_cost_per_1k_tokens"]) for tier in draft.document["tiers"]] == [
        ("simple", 0.3, "0.0001"),
        ("standard", 0.7, "0.001"),
        ("premium", 0.9, "0.015"),
    ]
    assert draft.document["model_routing_budget_per_conversation"] == "0.5"
    told = said.getvalue()
    assert "openai/gpt-4.1-mini costs $0.40 in and $1.60 out" in told
    assert "over the cap of $0.001" in told
    assert "anthropic/claude-3-opus was retired on 2026-01-05" in told
    assert "The tier premium is left without a model" in told


@pytest.mark.django_db
def test_the_first_policy_keeps_what_the_agent_has_and_works() -> None:
    load_prices({acts.MINI: acts.BOOK[acts.MINI]})
    assert publish_first_policy(now=datetime.now(UTC)) is None
    load_prices(acts.BOOK, version="2")
    now = datetime.now(UTC)
    first = publish_first_policy(now=now)
    assert first is not None
    assert publish_first_policy(now=now) is None
    told = [
        (tier["name"], tier["models"][0]["name"], tier["max_cost_per_1k_tokens"]) for tier in first.document["tiers"]
    ]
    # The next round amount above the price of output: 1.6, 8 and 20 per million.
    assert told == [
        ("simple", "openai/gpt-4.1-mini", "0.002"),
        ("standard", "openai/gpt-4.1", "0.01"),
        ("premium", "claude-opus-5-5", "0.02"),
    ]
    assert {one.code for one in checked(first.document, now=now)[1]} <= {"ends"}


def test_config_as_the_contract_says(make_held_key: Any) -> None:
    key = make_held_key(Scope.ROUTING_USE)
    assert key.client.get("/api/routing/config").json()["model_routing_enabled"] is False
    acts.published(acts.document(off={"agents": ["night"]}, model_routing_budget_per_conversation="0.50"))
    answer = key.client.get("/api/routing/config")
    told = answer.json()
    assert set(told["model_tiers"]) == {"simple", "standard", "premium"}
    assert list(told["model_tiers"]) == ["simple", "standard", "premium"]
    assert told["model_tiers"]["simple"] == {
        "max_cost_per_1k_tokens": "0.002",
        "models": [
            {
                "provider": "openrouter", "name": "openai/gpt-4.1-mini", "context_window": None,
                "supports": ["tools", "json"], "input_usd_per_mtok": "0.40", "output_usd_per_mtok": "1.60",
                "healthy": True, "limit_requests": None, "limit_input": None, "limit_output": None, "key_pool": [],
                "parameters": {},
            }
        ],
    }  # fmt: skip
    assert told["complexity_thresholds"] == {"simple": 0.3, "standard": 0.7, "premium": 0.9}
    assert (told["version"], told["ttl_s"], told["on_unreachable"], told["default_tier"]) == (1, 60, "open", "standard")
    assert told["model_routing_budget_per_conversation"] == "0.50"
    tag = answer["ETag"]
    assert tag.startswith('"')
    again = key.client.get("/api/routing/config", headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    off = key.client.get("/api/routing/config?agent=night/helper", headers={"If-None-Match": tag})
    assert (off.status_code, off.json()["model_routing_enabled"]) == (200, False)
    acts.published(acts.document(model_routing_strategy="balanced"))
    assert key.client.get("/api/routing/config", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.django_db
def test_config_tells_a_price_from_the_day_it_holds() -> None:
    acts.published()
    now = datetime.now(UTC)
    load_prices({acts.MINI: acts.BOOK[acts.FULL]}, effective_from=now + timedelta(days=2), version="2")
    before, same, after = (config_for("p", "a", now=now + ahead) for ahead in (timedelta(), DAY, 3 * DAY))
    prices = [json.loads(one.told)["model_tiers"]["simple"]["models"][0]["input_usd_per_mtok"] for one in (same, after)]
    assert (prices, before.tag == same.tag, same.tag == after.tag) == (["0.40", "2.00"], True, False)


def test_drafts_over_the_api(admin_key: HeldKey) -> None:
    acts.load_book()
    client = admin_key.client
    assert client.post("/api/policies", "{}", content_type=JSON).status_code == 404
    refused = client.post("/api/policies", {"document": {"tiers": []}}, content_type=JSON)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:bursar:problem:not_a_policy")
    made = client.post("/api/policies", {"document": acts.document(default_tier="x")}, content_type=JSON)
    assert made.status_code == 201
    url = f"/api/policies/{made.json()['id']}"
    assert [one["code"] for one in made.json()["problems"] if one["blocks"]] == ["unknown_tier"]
    assert client.post(f"{url}/publish").status_code == 422
    tagged = {"If-Match": made["ETag"]}
    fixed = client.patch(url, {"document": acts.document()}, content_type=JSON, headers=tagged)
    told = {(one["code"], one["blocks"]) for one in fixed.json()["problems"]}
    assert (fixed.status_code, told) == (200, {("ends", False)})
    assert client.patch(url, {"document": {}}, content_type=JSON, headers=tagged).status_code == 412
    assert client.post(f"{url}/publish").json()["version"] == 1
    assert client.post(f"{url}/publish").status_code == 409
    assert client.delete(url).status_code == 409
    tiers = client.get("/api/tiers").json()["results"]
    assert [tier["name"] for tier in tiers] == ["simple", "standard", "premium"]
    ends = [tier["models"][0]["ends"] for tier in tiers]
    assert [(end["on"], end["reported"]) for end in ends[:2]] == [("2027-01-14", True)] * 2
    assert ends[2] is None
    draft = client.post("/api/policies", {"based_on": 1}, content_type=JSON).json()
    assert client.get(f"/api/policies/{draft['id']}/diff").json() == {"against": 1, "differences": []}
    assert client.delete(f"/api/policies/{draft['id']}").status_code == 204
    assert client.post(f"{url}/rollback").status_code == 409


def test_models_that_end() -> None:
    retired = {
        ("anthropic", "claude-3-opus"): "2026-01-05",
        ("openrouter", "anthropic/claude-3-opus"): "2026-01-05",
        ("openai", "gpt-4.5-preview"): "2025-07-14",
        ("openai", "gpt-4"): "2026-10-23",
        ("gemini", "gemini-3-pro-preview"): "2026-03-09",
        ("openai", "gpt-4.1"): None,
        ("vertex_ai", "gemini-3-pro-preview"): None,
        ("azure", "gpt-4"): None,
        ("acme", "claude-3-opus"): None,
    }
    assert {key: retirement_of(*key) for key in retired} == retired
    ends = {
        ("openai", "gpt-5-mini"): End("2026-12-11"),
        ("openrouter", "openai/gpt-5"): End("2026-12-11"),
        ("openai", "gpt-4.1-mini-2025-04-14"): End("2027-01-14", is_reported=True),
        ("openai", "o4-mini"): End("2026-10-23", is_reported=True),
        acts.OPUS: None,
    }
    assert {key: announced_end(*key) for key in ends} == ends
    assert retirement_of("openai", "o4-mini") is None, "what others report closes nothing"
    assert "not seen on its maker's own page" in End("2027-01-14", is_reported=True).told
    nano = ("openai", "gpt-5-nano")
    document = {**acts.document(), "tiers": [{"name": "standard", "upper": 1.0, "models": [acts.model(nano)]}]}
    told = problems_of(policy_of(document), {nano: PriceFacts(Decimal(2), Decimal(8), Decimal("0.0032"))})
    assert [(one.code, one.blocks) for one in told] == [("ends", False)]
    assert "switched off on 2026-12-11" in told[0].message


def test_the_first_policy_takes_what_replaces_a_model_once_its_day_has_come() -> None:
    price = PriceFacts(Decimal(2), Decimal(8), Decimal("0.0032"))
    facts = {key: price for keys in WANTED.values() for key in keys}

    def simple(facts: dict[ModelKey, PriceFacts], today: date) -> str:
        document = first_document(facts, today=today)
        assert document is not None
        return str(document["tiers"][0]["models"][0]["name"])

    assert simple(facts, date(2027, 1, 13)) == "openai/gpt-4.1-mini"
    assert simple(facts, date(2027, 1, 14)) == "openai/gpt-6-luna", "gpt-5-mini ended before"
    del facts["openrouter", "openai/gpt-6-luna"]
    assert simple(facts, date(2027, 1, 14)) == "openai/gpt-4.1-mini", "the day may have been moved"


@pytest.mark.django_db
def test_who_sees_some_projects_changes_nothing_that_holds_for_all(support: Project, signed_in: Any) -> None:
    """The policy and what savings are compared with are everybody's: an admin of one project reads them."""
    version = acts.published()
    limited = make_person("dora@example.org", Role.ADMIN, support)
    caller, client = limited.caller(), signed_in(limited)
    wanted = Wanted(date(2026, 11, 1), policy_version=version.version)
    for act in (
        lambda: make_draft(caller=caller, document=acts.document()),
        lambda: publish(caller=caller, draft_id=version.pk, now=NOW),
        lambda: roll_back(caller=caller, version=1, now=NOW),
        lambda: declare(caller=caller, wanted=wanted, now=NOW),
    ):
        with pytest.raises(NotAllowed, match="for every project"):
            act()
    page = client.get("/routing")
    assert (page.status_code, page.context["may_change"]) == (200, False)
    assert client.post("/routing/drafts/new").status_code == 403
    assert PolicyVersion.objects.count() == 1
