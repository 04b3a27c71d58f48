"""What a draft may say: no secrets, no numbers beyond all bounds; and the agent's own block, however odd."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.access.domain.errors import Refused
from apps.access.models import AuditEntry, User
from apps.routing.domain.agent_settings import document_of_settings
from apps.routing.domain.policy import Policy, PolicyError, policy_of
from apps.routing.domain.policy_secrets import is_key, secret_in
from apps.routing.domain.weighing import refuse_odd_changes, weights_of
from apps.routing.models import PolicyVersion
from apps.routing.services.old_decisions import drop_old_decisions
from apps.routing.services.policies import CannotPublish, bring_back, publish
from tests.cast import HeldKey
from tests.costs.posting import JSON
from tests.routing import acts

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def changed(**fields: Any) -> dict[str, Any]:
    """A model of the simple tier with these fields, in a policy."""
    policy = acts.document()
    policy["tiers"][0]["models"] = [acts.model(acts.MINI, **fields)]
    return policy


KEYS = (
    "sk-live-1234", "sk_live_1234", "bsr_x", "AIzaSyA", "ghp_x", "github_pat_11ABC", "glpat-xxxx", "nvapi-abc123",
    "ya29.a0AfH6",     "gsk_abcdefghijk1234567890",
    "hf_abcdefghijklmnopqrst", "xai-abcdefghijklmnop1234567890", "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOi.eyJzdWIiOiIx.SflKxwRJ", "0123456789abcdef0123456789abcdef", "f00dba11cafe4dad8badf00d", "A" * 40,
)  # fmt: skip
KEY_NAMES = (
    "openrouter-a", "team-support-production", "xai-main", "hf_prod", "pplx-2", "SupportTeamProduction2", "key1",
    "eu.west-1", "AKIA-old", "groq_2026-11",
)  # fmt: skip
SECRET_PARAMETERS: tuple[dict[str, Any], ...] = (
    {"api_key": "x"}, {"apiKey": 1}, {"API-KEY": "x"}, {"openai_api_key": "x"}, {"aws_secret_access_key": "x"},
    {"token": "x"},
    {"extra_headers": {"Authorization": "x"}}, {"extra_headers": [{"X-Api-Key": "x"}]}, {"user": "Bearer abc"},
    {"extra_body": {"metadata": {"note": "use sk-proj-1234"}}}, {"stop": ["-----BEGIN PRIVATE KEY-----"]},
)  # fmt: skip
PARAMETERS: tuple[dict[str, Any], ...] = (
    {"max_tokens": 5, "pad_token": "<pad>", "thinking": {"type": "enabled", "budget_tokens": 1024}},
    {"arn": "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-20250514-v1:0"},
    {"response_format": {"schema": {"properties": {"password": {"type": "string"}}}}, "stop": ["task-1", "risk-free"]},
    {"prompt_cache_key": "3f0c2a5d9b7e4c1f8a6d2e0b", "api_key": None},
)  # fmt: skip


def test_secrets_are_told_from_names() -> None:
    assert [key for key in KEYS if not is_key(key)] == []
    assert [name for name in KEY_NAMES if is_key(name)] == []
    found = [secret_in(policy_of(changed(parameters=one))) for one in (*SECRET_PARAMETERS, *PARAMETERS)]
    assert [one is not None for one in found] == [True] * len(SECRET_PARAMETERS) + [False] * len(PARAMETERS)


@pytest.mark.django_db
def test_no_draft_keeps_a_secret_and_none_is_published(admin_key: HeldKey) -> None:
    acts.load_book()
    for fields, where in (
        ({"key_pool": ["gsk_abcdefghijk1234567890"]}, "key_pool"),
        ({"parameters": SECRET_PARAMETERS[6]}, "parameters"),
    ):
        refused = admin_key.client.post("/api/policies", {"document": changed(**fields)}, content_type=JSON)
        told = refused.json()
        assert (refused.status_code, told["type"]) == (422, "urn:bursar:problem:not_a_policy")
        assert told["errors"][0]["path"] == f"tiers.simple.openrouter/openai/gpt-4.1-mini.{where}"
        assert "abcdefghijk" not in refused.content.decode()
    old = PolicyVersion.objects.create(document=changed(key_pool=["gsk_abcdefghijk1234567890"]), made_by="before")
    with pytest.raises(CannotPublish) as refusal:
        publish(caller="alice", draft_id=old.pk, now=NOW)
    assert refusal.value.code == "cannot_publish_secret"


@pytest.mark.django_db
def test_numbers_beyond_all_bounds_are_refused(admin_key: HeldKey) -> None:
    acts.load_book()
    huge = acts.document(complexity={"weights": {"reasoning_depth": 10**400}})
    assert admin_key.client.post("/api/policies", {"document": huge}, content_type=JSON).status_code == 422
    assert admin_key.client.post("/api/policies", {"based_on": 2**31}, content_type=JSON).status_code == 422


ODD_CHANGES: tuple[tuple[Any, str], ...] = (
    ({"weights": []}, "complexity.weights"),
    ({"lexicons": ["prove"]}, "complexity.lexicons"),
    ({"lexicons": {"reasoning": ["prove"]}}, "complexity.lexicons"),
    ({"lexicons": {"reasoning": {"add": "prove it"}}}, "complexity.lexicons"),
    ({"lexicons": {"reasoning": {"add": [5]}}}, "complexity.lexicons"),
    ({"edges": "0.3"}, "complexity.edges"),
    ({"lexicons": {"nonsense": {"add": []}}}, "complexity"),
    ({"lexicons": {"reasoning": {"put": []}}}, "complexity"),
    ({"lexicons": {"reasoning": {"add": ["x" * 61]}}}, "complexity"),
    ({"weights": {"reasoning_depth": "much"}}, "complexity"),
    ({"weights": {"reasoning_depth": 21}}, "complexity"),
    ({"bias": None}, "complexity"),
    ({"colour": 1}, "complexity"),
)


def weighed(policy: Policy) -> None:
    """What a draft has to stand."""
    refuse_odd_changes(policy.complexity)
    weights_of(policy)


def test_nonsense_of_the_analyzer_is_refused() -> None:
    for changes, path in ODD_CHANGES:
        policy = policy_of(acts.document(complexity=changes))
        with pytest.raises(PolicyError) as error:
            weighed(policy)
        assert error.value.path == path, changes
    added = weights_of(policy_of(acts.document(complexity={"lexicons": {"reasoning": {"add": ["frobnicate"]}}})))
    assert "frobnicate" in added.lexicons["reasoning"].words


ODD_PARAMETERS = ('{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 100_000, "{")


@pytest.mark.django_db
def test_the_editor_refuses_parameters_that_are_no_json(bob: User, signed_in: Any) -> None:
    page, draft = signed_in(bob), acts.draft()
    for text in ODD_PARAMETERS:
        answer = page.post(f"/routing/drafts/{draft}", acts.form(**{"t0-m0-parameters": text}))
        assert (answer.status_code, b"this is not JSON" in answer.content) == (422, True), text[:20]
    usual = {"ctx_chat": "0.7", "ctx_util": "0.7", "ctx_current": "0.4", "ctx_topics": "0.3", "ctx_bulks": "0.3",
             "comp_keep": "5", "comp_cost": "0.005", "comp_target": "0.3"}  # fmt: skip
    for name in usual:
        for text in ("1.5e9", "-1", "nan", "x"):
            answer = page.post(f"/routing/drafts/{draft}", acts.form(**(usual | {name: text})))
            assert answer.status_code == 422, (name, text)
    assert b'value="-1.0"' in page.post(f"/routing/drafts/{draft}", acts.form(**usual | {"ctx_chat": "-1"})).content
    assert page.post(f"/routing/drafts/{draft}", acts.form(note="a\0b")).status_code == 303
    assert PolicyVersion.objects.get(pk=draft).note == "ab"


@pytest.mark.django_db
def test_looking_at_the_editor_leaves_one_draft(bob: User, signed_in: Any) -> None:
    page = signed_in(bob)
    acts.published()
    places = {page.post("/routing/drafts/new")["Location"] for _ in range(2)}
    assert len(places) == 1
    page.post(places.pop(), acts.form(note="mine"))
    page.post("/routing/drafts/new")
    assert PolicyVersion.objects.drafts().count() == 2


@pytest.mark.django_db
def test_a_discarded_draft_can_be_brought_back_for_a_while(bob: User, signed_in: Any) -> None:
    page, kept, draft = signed_in(bob), acts.published().pk, acts.draft()
    page.post(f"/routing/drafts/{draft}", acts.form(note="cheaper at night"))
    after = AuditEntry.objects.latest("id").after
    assert after is not None
    assert after["note"] == "cheaper at night"
    page.post(f"/routing/drafts/{draft}/discard")
    assert page.get(f"/routing/drafts/{draft}").status_code == 404
    assert page.post(f"/routing/drafts/{draft}/publish").status_code == 404
    listed = page.get("/routing/versions").content.decode()
    assert f'action="/routing/drafts/{draft}/restore"' in listed
    assert f'href="/routing/drafts/{draft}"' not in listed
    assert page.post(f"/routing/drafts/{kept}/restore").status_code == 404, "was never discarded"
    page.post(f"/routing/drafts/{draft}/restore")
    assert b"cheaper at night" in page.get(f"/routing/drafts/{draft}").content
    page.post(f"/routing/drafts/{draft}/discard")
    now = datetime.now(UTC)
    for later, left in ((29, 2), (31, 1)):
        drop_old_decisions(now=now + timedelta(days=later))
        assert PolicyVersion.objects.count() == left
    with pytest.raises(Refused, match="no discarded draft"):
        bring_back(caller="tests", draft_id=draft)


ODD_BLOCKS: list[tuple[dict[str, Any], str]] = [
    ({"complexity_thresholds": {"simple": "low"}}, "complexity_thresholds.simple"),
    ({"complexity_thresholds": {"simple": 0.3, "standard": None}}, "complexity_thresholds.standard"),
    ({"complexity_thresholds": [0.3, 0.7]}, "complexity_thresholds"),
    ({"model_routing_quality_threshold": {}}, "model_routing_quality_threshold"),
    ({"model_routing_quality_threshold": True}, "model_routing_quality_threshold"),
    ({"model_routing_budget_per_conversation": "much"}, "model_routing_budget_per_conversation"),
    ({"model_tiers": [acts.model(acts.MINI)]}, "model_tiers"),
    ({"model_tiers": {"simple": "openai/gpt-4.1-mini"}}, "model_tiers.simple"),
    ({"model_tiers": {"simple": {"models": 5}}}, "model_tiers.simple.models"),
    ({"model_tiers": {"simple": {"models": [5]}}}, "model_tiers.simple.models.0"),
    ({"model_tiers": {"simple": {"models": ["gpt-4.1"]}}}, "model_tiers.simple.models.0"),
    (
        {"model_tiers": {"simple": {"max_cost_per_1k_tokens": "x", "provider": "p", "model": "m"}}},
        "model_tiers.simple.max_cost_per_1k_tokens",
    ),
    ({"context": 5}, "context"),
]


def test_odd_blocks_are_refused_by_name() -> None:
    for fields, path in ODD_BLOCKS:
        with pytest.raises(PolicyError) as error:
            document_of_settings(acts.AGENT_BLOCK | fields)
        assert error.value.path == path


def test_what_a_block_says_beside_is_named() -> None:
    block = acts.AGENT_BLOCK | {
        "chat_model_name": "x",
        "complexity_thresholds": {"simple": 0.9, "standard": "0.7", "huge": 1},
        "context": {"chat_model_ctx_history": Decimal("0.6"), "colour": "red"},
        "model_tiers": {
            "simple": {
                "provider": "openrouter",
                "models": ["openai/gpt-4.1-mini", {"model": "x", "api_key": "sk-1"}],
                "max_cost_per_1k_tokens": 0,
            },
            "standard": {"provider": "p", "name": "n", "quality_floor": 0.5, "max_cost": 1},
            "premium": {"models": [acts.model(acts.OPUS, parameters={"temperature": Decimal("0.2")})]},
        },
    }
    document, notes = document_of_settings(block)
    assert notes == [
        "chat_model_name is no setting of routing and was left aside.",
        "complexity_thresholds.huge is a threshold of no tier and was left aside.",
        "The tier premium has no threshold in complexity_thresholds; it was put last, for the highest scores.",
        "The tiers are ordered by their thresholds: standard, simple, premium.",
        "model_tiers.standard.max_cost is no setting of routing and was left aside.",
        "model_tiers.simple.models.1.api_key is no setting of routing and was left aside.",
        "context.colour is no setting of routing and was left aside.",
    ]
    policy = policy_of(document)
    assert [(tier.name, tier.upper, tier.max_cost_per_1k_tokens, tier.quality_floor) for tier in policy.tiers] == [
        ("standard", 0.7, None, 0.5), ("simple", 0.9, "0", None), ("premium", 1.0, None, None),
    ]  # fmt: skip
    assert [model.key for model in policy.tiers[1].models] == [acts.MINI, ("openrouter", "x")]
    assert (policy.context.chat_model_ctx_history, policy.tiers[2].models[0].parameters) == (0.6, {"temperature": 0.2})


@pytest.mark.django_db
def test_importing_reads_money_by_its_digits_and_refuses_what_is_no_block(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    text = json.dumps(acts.AGENT_BLOCK).replace(": 0.5,", ": 123456.123456789012345,")
    file.write_text("\ufeff" + text)
    call_command("import_policy", str(file), stdout=StringIO())
    assert PolicyVersion.objects.get().document["model_routing_budget_per_conversation"] == "123456.123456789012345"
    for content in (b"", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"model_tiers:\n  simple: 1\n", b"{}"):
        file.write_bytes(content)
        with pytest.raises(CommandError):
            call_command("import_policy", str(file), stdout=StringIO())
    file.write_text(json.dumps(acts.AGENT_BLOCK | {"default_tier": "huge"}))
    with pytest.raises(CommandError, match="The default tier huge is none of the tiers"):
        call_command("import_policy", str(file), "--publish", stdout=StringIO())
    assert PolicyVersion.objects.count() == 2
