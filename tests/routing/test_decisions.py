"""Decisions through the API: the contract, stickiness, pins, switches, idempotency, and what is stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from apps.access.domain.identity import Scope
from apps.access.models import User
from apps.routing.domain.asked import FIELDS
from apps.routing.domain.complexity.reading import read
from apps.routing.domain.hashed_features import hashed_features, read_features
from apps.routing.models import Decision
from apps.routing.selectors.sent_down import sent_down_by_budget
from tests.budgets import acts as budgets
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, posted, shown
from tests.routing import acts

EASY = "thanks"
SECRET_WORDS = "zanzibar marmalade"
HARD = (
    "Prove step by step that the scheduler below cannot deadlock, then refactor it in Rust with lock-free queues, "
    "explain why each invariant holds, and derive the worst-case complexity. It must not allocate, must keep the "
    f"public API, and must pass all property tests. {SECRET_WORDS}"
)


@pytest.fixture
def agent(make_held_key: Any) -> Client:
    """A client that asks, over a published policy."""
    acts.published(acts.document(model_routing_budget_per_conversation="0.50"))
    key: HeldKey = make_held_key(Scope.ROUTING_USE, Scope.USAGE_WRITE, Scope.METRICS_READ)
    return key.client


def ask(client: Client, expected: int = 201, **fields: Any) -> dict[str, Any]:
    """The answer to a question of 1,000 tokens in and 100 out."""
    question = {"message": EASY, "input_tokens": 1000, "expected_output_tokens": 100, **fields}
    answer = client.post("/api/routing/decisions", question, content_type=JSON)
    assert answer.status_code == expected, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_the_contract(agent: Client) -> None:
    told = ask(agent, message=HARD, conversation_id="c1", role="chat", requires=["tools"], rule="x")
    assert set(told) == {
        "id", "action", "tier", "model", "fallbacks", "complexity", "expected", "considered", "reason_code", "reason",
        "below_quality", "budget", "budget_blocks", "downgrade", "reservation", "compress", "policy_version", "ttl_s",
        "sticky", "propensity", "warnings",
    }  # fmt: skip
    assert (told["action"], told["policy_version"], told["ttl_s"]) == ("route", 1, 300)
    assert (told["budget"]["name"], told["budget"]["limit_usd"], told["budget"]["state"]) == (
        "Every conversation", "0.50", "ok",
    )  # fmt: skip
    assert told["tier"] in ("standard", "premium")
    assert told["reason_code"] == "tier_of_score"
    by_name = {one["name"]: one for one in told["considered"]}
    # 1,000 x 0.4 + 100 x 1.6, x 2 and 8, x 4 and 20 per million
    assert {name: one["cost_usd"] for name, one in by_name.items()} == {
        "openai/gpt-4.1-mini": "0.00056",
        "openai/gpt-4.1": "0.0028",
        "claude-opus-5-5": "0.006",
    }
    assert told["expected"]["cost_usd"] == by_name[told["model"]["name"]]["cost_usd"]
    assert (told["expected"]["quality"], told["expected"]["n"]) == (None, 0)
    assert 0 <= told["complexity"]["score"] <= 1
    assert told["warnings"] == [
        {"path": "rule", "code": "unknown_field", "message": "rule is not a field of a question; it was not used."}
    ]
    seen = agent.get(f"/api/routing/decisions/{told['id']}").json()
    assert (seen["reason"], seen["asked"]["role"], seen["calls"]) == (told["reason"], "chat", [])


def test_a_message_is_counted_with_a_buffer(agent: Client, settings: Any) -> None:
    """Which model's vocabulary counts is not known yet; what the agent counted itself stays as it is."""
    settings.TOKEN_ESTIMATE_BUFFER = "1.5"
    told = ask(agent, message=" a" * 10_000, input_tokens=None, context_tokens=1000)
    assert Decision.objects.get(decision_id=told["id"]).asked["sizes"]["input_tokens"] == 1000 + 15_000


def test_nothing_of_the_message_is_stored(agent: Client) -> None:
    told = ask(agent, message=HARD)
    row = Decision.objects.get()
    stored = f"{row.asked} {row.answer}"
    assert not [word for word in (*SECRET_WORDS.split(), "deadlock", "Rust") if word in stored]
    assert [factor["name"] for factor in row.answer["complexity"]["factors"]] == [
        factor["name"] for factor in told["complexity"]["factors"]
    ]
    assert (row.features_version, bytes(row.features or b"")) == (2, features_of(HARD))
    assert str(row.propensity) == "1.000000"


def features_of(text: str) -> bytes:
    return hashed_features(read(text, word_characters=8_000))


def test_null_is_not_sent(agent: Client) -> None:
    nothing: dict[str, Any] = {name: None for name in FIELDS if name != "message"}
    assert ask(agent, **nothing)["action"] == "route"


def test_hashed_features() -> None:
    assert features_of("") == b""
    one, two = read_features(features_of("To be")), read_features(features_of("to  BE, to be"))
    # "to", "be" and "to be"; twice the words, the comma, and "be ," and ", to" around it: 2 "to be" and 3 more.
    assert (len(one), len(two)) == (3, 6)
    assert {bucket: 2 * count for bucket, count in one.items()}.items() <= two.items()
    assert len(features_of(" ".join(map(str, range(5000))))) == 512 * 3


def test_the_same_id_gets_the_same_answer_and_another_question_a_conflict(agent: Client) -> None:
    first = ask(agent, id="d1", conversation_id="c1")
    again = ask(agent, expected=200, id="d1", conversation_id="c1")
    assert (again["model"], again["reason"]) == (first["model"], first["reason"])
    ask(agent, expected=409, id="d1", conversation_id="c1", message="other")
    assert Decision.objects.count() == 1


def test_providers_go_by_any_of_their_names(make_held_key: Any) -> None:
    """The agent calls a provider otherwise than the policy does, and so may a rule."""
    policy = acts.document(rules=[{"when": {"role": "browser"}, "tier": "standard", "providers": ["openai_chat"]}])
    policy["tiers"][1]["models"] = [acts.model(("openai", "gpt-4.1")), acts.model(acts.FULL)]
    acts.published(policy)
    client = make_held_key(Scope.ROUTING_USE).client
    told = ask(client, role="browser")
    assert (told["model"], told["reason_code"]) == (acts.model(("openai", "gpt-4.1")), "tier_of_rule")
    failed = [{"provider": "OpenAI", "name": "gpt-4.1", "error_type": "429"}]
    told = ask(client, role="chat", message=HARD, failed_attempts=failed, strategy="quality_first")
    verdicts = {(one["provider"], one["name"]): one["verdict"] for one in told["considered"]}
    assert verdicts["openai", "gpt-4.1"] == "failed"
    told = ask(client, role="browser", failed_attempts=[{**failed[0], "error_type": "wrong"}])
    assert told["reason_code"] == "no_feasible_model", "the rule's provider has nothing else"


def test_a_turn_keeps_its_model_and_climbs_on_failure(agent: Client) -> None:
    def chosen(**fields: Any) -> tuple[str, str, bool]:
        told = ask(agent, conversation_id="c1", role="chat", **fields)
        return told["tier"], told["reason_code"], told["sticky"]

    first = chosen(message="hi")
    assert first[:2] == ("simple", "tier_of_score")
    assert chosen(message="") == ("simple", "held", True)
    failed = [{**acts.model(acts.MINI), "error_type": "bad_answer"}]
    assert chosen(message="hi", failed_attempts=failed) == ("standard", "escalated_from_simple", False)
    assert chosen(message="hi") == ("standard", "held", True)
    assert chosen(message="") == ("standard", "held", True)
    assert chosen(message="hi") == ("standard", "held", True), "a step without a message is one of the same turn"
    assert chosen(message="thank you")[:2] == ("simple", "tier_of_score")
    # Another role has a model of its own.
    assert ask(agent, conversation_id="c1", role="utility", message="")["sticky"] is False


def test_an_outcome_that_says_failed_moves_the_turn_up(agent: Client) -> None:
    def chosen(**fields: Any) -> tuple[str, str]:
        told = ask(agent, conversation_id="c1", message="hi", **fields)
        return told["tier"], told["reason_code"]

    def judged(**fields: Any) -> None:
        sent = {"task_id": "t1", "source": "tests"} | fields
        assert agent.post("/api/outcomes", sent, content_type=JSON).status_code == 200

    assert chosen(id="d1") == ("simple", "tier_of_score")
    model = {"provider": acts.MINI[0], "model": acts.MINI[1]}
    record = call(decision_id="d1", conversation_id="c1", task_id="t1", **model)
    assert agent.post("/api/usage", record, content_type=JSON).status_code == 200
    assert chosen()[1] == "held"
    agent.post("/api/usage", call(decision_id="d2", conversation_id="c1", task_id="t1", **model), content_type=JSON)
    judged(success=True)
    assert chosen(id="d2")[1] == "held"
    judged(success=False)
    assert chosen() == ("standard", "escalated_from_simple")
    assert ask(agent, conversation_id="c1", message="another ask")["tier"] == "simple", "a new turn begins anew"


def test_the_task_of_a_call_that_names_none_is_its_conversation(agent: Client) -> None:
    for number, target in enumerate(("decision_id", "conversation_id", "usage_id")):
        conversation, usage = f"c{number}", f"u{number}"
        told = ask(agent, message="hi", conversation_id=conversation)
        record = call(
            id=usage, decision_id=told["id"], conversation_id=conversation, provider=acts.MINI[0], model=acts.MINI[1]
        )
        assert agent.post("/api/usage", record, content_type=JSON).status_code == 200
        named = {"decision_id": told["id"], "conversation_id": conversation, "usage_id": usage}[target]
        agent.post("/api/outcomes", {target: named, "success": False, "source": "tests"}, content_type=JSON)
        again = ask(agent, message="hi", conversation_id=conversation)
        assert (again["tier"], again["reason_code"]) == ("standard", "escalated_from_simple"), target


def test_cached_tokens_make_staying_cheaper(agent: Client) -> None:
    ask(agent, conversation_id="c1", message="hi")
    told = ask(agent, conversation_id="c1", message="thanks", context_tokens=800)
    costs = {one["name"]: one["cost_usd"] for one in told["considered"]}
    # 800 of 1,000 at 0.1 instead of 0.4 per million; nothing is cached elsewhere.
    assert (costs["openai/gpt-4.1-mini"], costs["openai/gpt-4.1"]) == ("0.00032", "0.0028")


def test_who_decides_instead_of_the_score(agent: Client) -> None:
    acts.published(
        acts.document(
            rules=[{"when": {"role": "utility"}, "tier": "premium"}, {"when": {"task_type": "x"}, "providers": ["no"]}],
            off={"projects": ["quiet"]},
            model_routing_budget_per_conversation="0.50",
        )
    )
    assert ask(agent, role="utility")["reason_code"] == "tier_of_rule"
    pinned = ask(agent, pinned={"provider": "acme", "name": "own"})
    assert (pinned["action"], pinned["model"], pinned["reason_code"]) == (
        "keep", {"provider": "acme", "name": "own"}, "pinned",
    )  # fmt: skip
    off = ask(agent, project="quiet", current=acts.model(acts.OPUS))
    assert (off["action"], off["model"], off["reason_code"]) == ("keep", acts.model(acts.OPUS), "routing_disabled")
    none = ask(agent, task_type="x")
    assert (none["action"], none["model"], none["reason_code"]) == ("keep", None, "no_feasible_model")


def test_a_conversation_that_used_up_its_budget_goes_to_the_cheapest_tier(
    agent: Client, make_held_key: Any, alice: User, signed_in: Any
) -> None:
    writer = make_held_key(Scope.USAGE_WRITE)
    posted(writer, [call(conversation_id="c1", cost_usd="0.50")])
    told = ask(agent, conversation_id="c1", message=HARD)
    assert (told["tier"], told["below_quality"]) == ("simple", True)
    assert told["reason_code"].endswith("_conversation_budget")
    assert "“Every conversation” win" in told["reason"]
    assert (told["budget"]["name"], told["budget"]["each"]) == (
        "Every conversation", {"field": "conversation", "value": "c1"},
    )  # fmt: skip
    assert [told["budget"][name] for name in ("state", "action", "tier")] == ["over", "downgrade", "simple"]
    down = told["downgrade"]
    assert (down["budget_id"], down["budget"], down["reason_code"], down["ends_at"]) == (
        told["budget"]["id"], "Every conversation", "conversation_budget", None,
    )  # fmt: skip
    assert (down["from"]["tier"], down["to"]) == ("premium", {"tier": "simple", **told["model"]})
    assert "instead of anthropic/claude-opus-5-5 of premium: the budget “Every conversation” asks" in told["reason"]
    assert ask(agent, conversation_id="c2", message=HARD)["downgrade"] is None
    now = datetime.now(UTC)
    day = (now - timedelta(days=1), now + timedelta(minutes=1))
    assert sent_down_by_budget(*day, most=5) == {(down["budget_id"], "Every conversation"): 1}
    assert agent.get("/api/metrics/efficiency").json()["totals"]["budget_downgrades"] == 1
    assert agent.get("/api/metrics/efficiency?agent=x").json()["totals"]["budget_downgrades"] is None
    assert ("Every conversation", down["budget_id"]) in scraped(agent)
    browser = signed_in(alice)
    assert "Budgets sent <strong>1</strong> decision of" in browser.get("/routing/decisions").content.decode()
    assert "by the budget <a href" in browser.get(f"/routing/decisions/{told['id']}?project=default").content.decode()


def scraped(client: Client) -> set[tuple[str, str]]:
    """The budgets that `/metrics` tells downgrades of, by name and number."""
    text = client.get("/metrics").content.decode()
    (family,) = [one for one in text_string_to_metric_families(text) if one.name == "bursar_budget_downgrades_last_day"]
    return {(sample.labels["budget"], sample.labels["budget_id"]) for sample in family.samples}


def test_refusals(agent: Client, make_held_key: Any, support: Any) -> None:
    assert ask(agent, expected=422, strategy="x")["errors"][0]["path"] == "strategy"
    assert ask(agent, expected=422, max_cost_usd=1)["errors"][0]["path"] == "max_cost_usd"
    assert ask(agent, expected=422, conversation_id="a\0")["errors"][0]["code"] == "nul"
    assert agent.post("/api/routing/decisions", "[]", content_type=JSON).status_code == 400
    bound = make_held_key(Scope.ROUTING_USE, project_id=support.pk).client
    assert ask(bound, expected=403, project="sales")["type"].endswith("forbidden_project")
    ask(agent, id="other", project="sales")
    assert bound.get("/api/routing/decisions/other?project=sales").status_code == 404


def test_a_decision_gives_its_calls_their_tier(agent: Client, admin_key: HeldKey) -> None:
    decided = ask(agent, id="d1", conversation_id="c1", project="support")
    assert decided["tier"] == "simple"
    model = {"provider": "openrouter", "model": "openai/gpt-4.1"}
    posted(
        admin_key,
        [
            call(id="linked", project="support", conversation_id="c1", decision_id="d1", tier="mine", **model),
            call(id="elsewhere", decision_id="d1", **model),
            call(id="own", tier="mine", **model),
            call(id="lowest", **model),
            call(id="none", provider="acme", model="x"),
        ],
    )
    tiers = {name: shown(admin_key, name)["tier"] for name in ("elsewhere", "own", "lowest", "none")}
    tiers["linked"] = shown(admin_key, "linked", "support")["tier"]
    assert tiers == {"linked": "simple", "elsewhere": "standard", "own": "mine", "lowest": "standard", "none": None}
    seen = agent.get("/api/routing/decisions/d1?project=support").json()
    assert [one["id"] for one in seen["calls"]] == ["linked"]


def reserving(client: Client, **fields: Any) -> dict[str, Any]:
    """The answer to a question that asks to hold its cost."""
    return ask(client, reserve=True, **fields)


def test_a_reservation_holds_half_more_than_expected(agent: Client) -> None:
    budgets.make_budget("10")
    told = reserving(agent, id="r1", message="hi")
    # 1.5 x 0.00056
    assert told["reservation"]["amount_usd"] == "0.00084"
    assert told["reservation"]["id"] == "r1"
    assert (told["budget"]["name"], told["budget"]["limit_usd"], told["budget"]["state"]) == ("All", "10.00", "ok")
    again = ask(agent, expected=200, id="r1", reserve=True, message="hi")
    assert again["reservation"] == told["reservation"]
    assert reserving(agent, message="hi")["budget"]["reserved_usd"] == "0.00084"
    assert ask(agent, message="hi")["reservation"] is None


def test_what_does_not_fit_goes_to_a_cheaper_model_or_is_blocked(agent: Client) -> None:
    budgets.make_budget("0.003")
    told = reserving(agent, message=HARD)
    # Premium costs 0.006 and standard 0.0028, which fits but whose 1.5 times does not; simple holds 0.00084.
    assert (told["tier"], told["reservation"]["amount_usd"]) == ("simple", "0.00084")
    assert told["reason_code"].endswith("_over_budget")
    for _ in range(2):
        assert reserving(agent, message="hi")["action"] == "route"
    blocked = reserving(agent, message="hi")
    assert (blocked["action"], blocked["model"], blocked["reservation"]) == ("block", None, None)
    assert "“All” has 0.00 spent and 0.00252 reserved of 0.003 USD" in blocked["reason"]


def test_what_a_person_pinned_is_held_too(agent: Client) -> None:
    budgets.make_budget("0.01")
    pinned = reserving(agent, message="hi", pinned=acts.model(acts.OPUS), reserve_ttl_s=900)
    # 1.5 x 0.006
    assert (pinned["action"], pinned["reservation"]["amount_usd"]) == ("keep", "0.009")
    left = datetime.fromisoformat(pinned["reservation"]["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left < timedelta(minutes=16)
    blocked = reserving(agent, message="hi", pinned=acts.model(acts.OPUS))
    assert (blocked["action"], blocked["reservation"]) == ("block", None)


def test_a_budget_of_calls_holds_calls_whose_price_nobody_knows(agent: Client) -> None:
    budgets.make_budget(limit_usd=None, limit_calls=2)
    stranger = {"provider": "acme", "name": "x"}
    told = [reserving(agent, message="hi", pinned=stranger) for _ in range(3)]
    assert [one["reservation"] and one["reservation"]["amount_usd"] for one in told] == ["0.00", "0.00", None]
    assert [one["action"] for one in told] == ["keep", "keep", "block"]


def test_budgets_go_on_where_routing_is_switched_off(agent: Client) -> None:
    acts.published(acts.document(off={"agents": ["night"]}))
    budgets.make_budget("0.01")
    off: dict[str, Any] = {"message": "hi", "agent": "night/helper", "current": acts.model(acts.OPUS)}
    first, second = reserving(agent, **off), reserving(agent, **off)
    assert [one["reservation"] and one["reservation"]["amount_usd"] for one in (first, second)] == ["0.009", None]
    assert {(one["action"], one["reason_code"], one["budget_blocks"]) for one in (first, second)} == {
        ("keep", "routing_disabled", True),
    }  # fmt: skip
    release = f"/api/reservations/{first['reservation']['id']}/release"
    assert agent.post(release, "{}", content_type=JSON).status_code == 200
    budgets.spend("0.01")
    told = ask(agent, **off)
    assert (told["action"], told["model"], told["budget"]["action"]) == ("keep", acts.model(acts.OPUS), "block")
    assert "has 0.01 spent" in told["reason"]


def test_it_says_whether_a_budget_can_block(agent: Client) -> None:
    warns = [{"percent": 50, "action": "notify"}]
    budgets.make_budget("10", thresholds=warns)
    assert ask(agent, message="hi")["budget_blocks"] is False
    budgets.make_budget("10", name="Dear", scope={"model": acts.OPUS[1], "role": "chat"})
    assert ask(agent, message="hi", role="utility")["budget_blocks"] is False
    # Which model it goes to is not known before.
    assert ask(agent, message="hi", role="chat")["budget_blocks"] is True
    assert reserving(agent, message="hi", role="chat")["reservation"] is not None


def test_a_used_up_budget_blocks_and_says_who_can_raise_it(agent: Client) -> None:
    budgets.make_budget("1")
    budgets.spend("1")
    told = ask(agent, message="hi", pinned=acts.model(acts.OPUS))
    assert (told["action"], told["model"], told["reason_code"]) == ("block", None, "budget_block")
    assert "has 1.00 spent" in told["reason"]
    assert "alice@example.org can raise it" in told["reason"]
    assert (told["budget"]["state"], told["budget"]["raise_contacts"]) == ("blocked", ["alice@example.org"])
    (state,) = agent.get("/api/budgets/status").json()["results"]
    assert (state["action"], state["raise_contacts"]) == ("block", ["alice@example.org"])


def test_a_budget_sends_calls_to_a_lower_tier(agent: Client) -> None:
    down = [{"percent": 20, "action": "cheapest"}, {"percent": 50, "action": "downgrade", "tier": "standard"}]
    budgets.make_budget("1", thresholds=down)
    rules = [{"when": {"role": "main"}, "tier": "premium"}]
    acts.published(acts.document(rules=rules))
    assert ask(agent, role="main")["tier"] == "premium"
    policy = acts.document(model_routing_strategy="quality_first")
    policy["tiers"][0]["models"] = [acts.model(acts.OPUS), acts.model(acts.MINI)]
    policy["tiers"][0]["max_cost_per_1k_tokens"] = None
    acts.published(policy)
    assert ask(agent, message="hi")["model"] == acts.model(acts.OPUS)
    budgets.spend("0.2")
    assert ask(agent, message="hi")["model"] == acts.model(acts.MINI), "asked for the cheapest"
    acts.published(acts.document(rules=rules))
    budgets.spend("0.3")
    told = ask(agent, role="main")
    assert (told["tier"], told["reason_code"], told["below_quality"]) == ("standard", "left_premium_budget", True)
    assert "the policy lets the budget “All” win" in told["reason"]
    acts.published(acts.document(rules=rules, when_budget_meets_quality="quality"))
    kept = ask(agent, role="main")
    assert (kept["tier"], kept["reason_code"]) == ("premium", "quality_before_budget")
