"""A small price book for routing, policies over it, and acts on them, ready to be sent by a page."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client

from apps.access.domain.identity import ALL_SCOPES
from apps.access.models import User
from apps.access.services.keys import create_key
from apps.costs.domain.pricing import Rates
from apps.routing.domain.asked import Asked
from apps.routing.domain.scenarios import Move
from apps.routing.models import Decision, PolicyVersion
from apps.routing.selectors.in_force import in_force
from apps.routing.services.examples import Labelled, keep_example
from apps.routing.services.health import watch_models
from apps.routing.services.policies import discard_draft, make_draft, publish
from apps.routing.services.replays.asking import WhatIf, ask
from apps.routing.services.replays.working import work_on_replays
from apps.routing.services.savings.declaring import Wanted, declare
from apps.routing.services.savings.sweeping import derive_due_days
from tests.costs.posting import call, load_prices, rates

MINI = ("openrouter", "openai/gpt-4.1-mini")
FULL = ("openrouter", "openai/gpt-4.1")
OPUS = ("anthropic", "claude-opus-5-5")
BOOK = {
    MINI: Rates(rates(input_tokens="0.4", output_tokens="1.6", cache_read_input_tokens="0.1")),
    FULL: Rates(rates(input_tokens="2", output_tokens="8", cache_read_input_tokens="0.5")),
    OPUS: Rates(rates(input_tokens="4", output_tokens="20", cache_read_input_tokens="0.2")),
    ("anthropic", "claude-3-opus"): Rates(rates(input_tokens="15", output_tokens="75")),
    ("openai", "gpt-4.1"): Rates(rates(input_tokens="2", output_tokens="8", cache_read_input_tokens="0.5")),
}
# As the agent keeps it, to the letter.
AGENT_BLOCK = {
    "model_routing_enabled": True,
    "model_routing_strategy": "cost_optimized",
    "model_routing_budget_per_conversation": 0.50,
    "model_routing_quality_threshold": 0.7,
    "model_tiers": {
        "simple": {"provider": "openrouter", "model": "openai/gpt-4.1-mini", "max_cost_per_1k_tokens": 0.0001},
        "standard": {"provider": "openrouter", "model": "openai/gpt-4.1", "max_cost_per_1k_tokens": 0.001},
        "premium": {"provider": "anthropic", "model": "claude-3-opus", "max_cost_per_1k_tokens": 0.015},
    },
    "complexity_thresholds": {"simple": 0.3, "standard": 0.7, "premium": 0.9},
}


def model(key: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """A model of a tier."""
    return {"provider": key[0], "name": key[1], **fields}


def document(**fields: Any) -> dict[str, Any]:
    """A policy that works with BOOK; fields replace its own."""
    tiers = [
        {"name": "simple", "upper": 0.3, "max_cost_per_1k_tokens": "0.002", "models": [model(MINI)]},
        {"name": "standard", "upper": 0.7, "max_cost_per_1k_tokens": "0.01", "models": [model(FULL)]},
        {"name": "premium", "upper": 0.9, "max_cost_per_1k_tokens": "0.03", "models": [model(OPUS)]},
    ]
    return {"tiers": tiers, "default_tier": "standard", **fields}


def load_book() -> None:
    """The prices of BOOK."""
    load_prices(BOOK)


def draft(policy: Mapping[str, Any] | None = None) -> int:
    """A draft, by its id."""
    load_book()
    return make_draft(caller="tests", document=policy or document(rules=[])).pk


def discarded() -> int:
    """The number of a draft that was discarded."""
    number = draft()
    discard_draft(caller="tests", draft_id=number, now=datetime.now(UTC))
    return number


def published(policy: Mapping[str, Any] | None = None) -> PolicyVersion:
    """A published policy."""
    return publish(caller="tests", draft_id=draft(policy), now=datetime.now(UTC))


def earlier_version() -> int:
    """The id of a version that is no longer in force."""
    first = published()
    published(document(model_routing_strategy="balanced"))
    return first.pk


def form(**fields: Any) -> dict[str, Any]:
    """What the editor sends for a policy of one tier, saved."""
    usual = {
        "tiers": "1", "t0-name": "simple", "t0-upper": "0.5", "t0-cap": "0.002", "t0-models": "1",
        "t0-m0-provider": MINI[0], "t0-m0-name": MINI[1], "t0-m0-tools": "on", "default_tier": "simple",
        "enabled": "on", "strategy": "balanced", "threshold": "0.8", "act": "save",
    }  # fmt: skip
    return usual | fields


def baseline(owner: User, model: tuple[str, str] = FULL, *, days: int = 0, **fields: Any) -> int:
    """A declared baseline over BOOK, by its id."""
    load_book()
    first = (datetime.now(UTC) - timedelta(days=days)).date()
    wanted = Wanted(first, {"": model, **fields.pop("roles", {})}, **fields)
    return declare(caller=owner.caller(), wanted=wanted, now=datetime.now(UTC)).pk


def baseline_form(**fields: Any) -> dict[str, Any]:
    """What the form of a baseline sends."""
    load_book()
    usual = {"model": "/".join(FULL), "first_day": f"{datetime.now(UTC):%Y-%m-%d}", "monthly_usd": "40"}
    return usual | fields


def what_if_form(**fields: Any) -> dict[str, Any]:
    """What the form of a what-if sends: calls of one model moved to another."""
    load_book()
    return {"days": "7", "source": "/".join(FULL), "target": "/".join(MINI)} | fields


def what_if_body(**fields: Any) -> dict[str, Any]:
    """The same for the API."""
    load_book()
    return {"days": 7, "moves": [{"from": model(FULL), "to": model(MINI)}]} | fields


def label_form(**fields: str) -> dict[str, str]:
    """What a button of the playground sends, over a published policy."""
    published()
    return {"message": "Why does it deadlock?", "task_type": "code", "tier": "premium"} | fields


def example(owner: User) -> int:
    """A labelled example under the policy in force, by its id."""
    found = in_force()
    assert found is not None
    labelled = Labelled(Asked(message="Why does it deadlock?"), "premium")
    return keep_example(caller=owner.caller(), labelled=labelled, found=found).pk


def drawn(given: Sequence[tuple[tuple[str, str], str]]) -> None:
    """The decision d0 once for each model and chance, as d0, d1, … of conversations c0, c1, …: as if drawn by lot."""
    one = Decision.objects.get(decision_id="d0")
    Decision.objects.all().delete()
    fields = {field.name: getattr(one, field.name) for field in Decision._meta.concrete_fields}
    Decision.objects.bulk_create(
        Decision(**fields | {"decision_id": f"d{number}", "conversation_id": f"c{number}", "action": "route",
                             "provider": model[0], "model": model[1], "propensity": Decimal(chance)})
        for number, (model, chance) in enumerate(given)
    )  # fmt: skip


def removal_of_example(owner: User) -> str:
    """The address that takes an example back."""
    published()
    return f"/routing/examples/{example(owner)}/remove"


def parameters_form(**fields: str) -> dict[str, str]:
    """What the button of an advice on parameters sends, over a published policy."""
    published()
    return {"kind": "retries", "provider": FULL[0], "model": FULL[1]} | fields


def advice_form() -> dict[str, str]:
    """What the button of an advice sends, over a published policy."""
    published()
    return {"source": "/".join(FULL), "target": "/".join(MINI)}


def replay(owner: User, **fields: Any) -> int:
    """A what-if that waits, over a published policy, by its id."""
    published()
    usual: dict[str, Any] = {"days": 7, "moves": [Move(FULL, MINI)]}
    return ask(caller=owner.caller(), wanted=WhatIf(**(usual | fields)), now=datetime.now(UTC)).pk


def routed(owner: User) -> int:
    """Two versions, a decision with the call it led to, a model that fails, and a draft, whose id it returns."""
    policy = document(rules=[{"when": {"role": "utility"}, "tier": "simple", "at": "most"}])
    policy["tiers"][0]["models"][0] |= {"limit_requests": 60, "key_pool": ["openrouter-a"]}
    policy["tiers"][1]["models"].append(model(("openai", "gpt-4.1")))
    published(policy)
    published(policy | {"model_routing_quality_threshold": 0.75})
    key = create_key(caller=owner.caller(), name="agents", scopes=ALL_SCOPES)
    client = Client(headers={"Authorization": f"Bearer {key.secret}"})
    question = {"id": "d1", "message": "Why does it deadlock?", "project": "support", "context_tokens": 2000}
    client.post("/api/routing/decisions", question, content_type="application/json")
    failing = call(provider=MINI[0], model=MINI[1], status="error", error_type="503", output_tokens=0)
    calls = [call(provider=FULL[0], model=FULL[1], decision_id="d1", project="support"), *[failing] * 6]
    client.post("/api/usage", {"records": calls}, content_type="application/json")
    watch_models(now=datetime.now(UTC))
    baseline(owner, days=30)
    derive_due_days(now=datetime.now(UTC))
    tried = WhatIf(7, moves=[Move(FULL, MINI)], levers={"cached_share": "0.5", "growth_percent": "20"})
    ask(caller=owner.caller(), wanted=tried, now=datetime.now(UTC))
    work_on_replays()
    example(owner)
    return draft(policy | {"model_routing_strategy": "balanced", "default_tier": "huge"})
