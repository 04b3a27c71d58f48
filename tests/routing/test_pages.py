"""The pages of routing: the editor moves rows without saving, publishing shows its effect, limits of who sees what."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.domain.identity import ALL_SCOPES, Role
from apps.access.models import User
from apps.costs.domain.pricing import Rates
from apps.routing.models import ModelQuality, PolicyVersion, QualityState
from apps.routing.selectors import quality
from apps.routing.selectors.in_force import in_force
from apps.routing.services.health import watch_models
from tests.budgets.acts import make_budget, spend
from tests.cast import HeldKey, make_person
from tests.costs.posting import GPT, call, load_prices, posted, rates
from tests.routing import acts
from tests.routing.test_decisions import HARD, SECRET_WORDS, ask


@pytest.fixture
def browser(alice: User, signed_in: Any) -> Client:
    client: Client = signed_in(alice)
    return client


def text(browser: Client, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_pages_before_anything(browser: Client) -> None:
    assert "Routing is off" in text(browser, "/routing")
    assert "No version yet" in text(browser, "/routing/versions")
    assert "No decision yet" in text(browser, "/routing/decisions")
    assert "No call was reported" in text(browser, "/routing/providers")
    assert "keep" in browser.post("/routing/playground", {"message": "hi"}).content.decode().lower()


def test_the_editor(browser: Client) -> None:
    draft = acts.draft()
    url = f"/routing/drafts/{draft}"
    before = PolicyVersion.objects.get().document
    two = acts.form(**{"t0-models": "2", "t0-m1-provider": "openai", "t0-m1-name": "gpt-4.1"})
    moved = browser.post(url, two | {"act": "down:0:0"}).content.decode()
    assert moved.index('value="gpt-4.1"') < moved.index('value="openai/gpt-4.1-mini"')
    assert 'value="New tier"' not in browser.post(url, acts.form(act="add-tier")).content.decode()
    assert PolicyVersion.objects.get().document == before, "moving rows saves nothing"
    wrong = browser.post(url, acts.form(threshold="much"))
    assert (wrong.status_code, "expected a number from 0 to 1" in wrong.content.decode()) == (422, True)
    unheard = browser.post(url, acts.form(complexity='{"weights": {"charm": 1}}'))
    assert (unheard.status_code, "no factor is called charm" in unheard.content.decode()) == (422, True)
    secret = browser.post(url, acts.form(**{"t0-m0-keys": "sk-live-123"}))
    assert (secret.status_code, "looks like a secret" in secret.content.decode()) == (422, True)
    rule = {"rules": "2", "r0-role": "utility", "r0-tier": "simple", "r0-at": "most", "off_agents": "night\n\nbot"}
    saved = browser.post(url, two | rule | {"t0-m0-parameters": '{"seed": 1}', "t0-m0-limit_input": "1,000"})
    assert saved.status_code == 303
    found = PolicyVersion.objects.get().document
    assert [model["name"] for model in found["tiers"][0]["models"]] == ["openai/gpt-4.1-mini", "gpt-4.1"]
    assert found["tiers"][0]["models"][0]["parameters"] == {"seed": 1}
    assert found["tiers"][0]["models"][0]["limit_input"] == 1000
    assert [(rule["when"]["role"], rule["tier"], rule["at"]) for rule in found["rules"]] == [
        ("utility", "simple", "most")
    ]
    assert (found["off"]["agents"], found["compression"]) == (["night", "bot"], before["compression"])
    shares = {"ctx_chat": "0.6", "ctx_util": "0.5", "ctx_current": "0,5", "ctx_topics": "0.3", "ctx_bulks": "0.2"}
    kept = {"comp_cost": "0.01", "comp_target": "0.4", "comp_keep": "7"}
    assert browser.post(url, two | shares | kept).status_code == 303
    found = PolicyVersion.objects.get().document
    assert found["context"] == {
        "chat_model_ctx_history": 0.6,
        "util_model_ctx_input": 0.5,
        "history_split": {"current": 0.5, "topics": 0.3, "bulks": 0.2},
    }
    assert found["compression"] == {"min_cost_per_1k_tokens": "0.01", "target_reduction": 0.4, "keep_recent": 7}
    assert 'name="ctx_current" inputmode="decimal" value="0.5"' in text(browser, url)
    split = browser.post(url, two | shares | kept | {"ctx_bulks": "0.9", "act": "publish"}, follow=True)
    assert "The parts of the history must add up to 1." in split.content.decode()
    wrong = browser.post(url, two | shares | kept | {"comp_keep": "few"})
    assert (wrong.status_code, "expected a whole number" in wrong.content.decode()) == (422, True)


def test_two_people_edit_a_draft(browser: Client) -> None:
    number = acts.draft()
    url = f"/routing/drafts/{number}"
    typed = acts.form() | {"seen": browser.get(url).context["seen"]}
    looked = browser.get(f"{url}/publish").context["seen"]
    assert browser.post(url, typed | {"threshold": "0.6"}).status_code == 303
    late = browser.post(url, typed | {"threshold": "0.9"})
    assert late.status_code == 422
    assert "Somebody changed this draft meanwhile. It stands otherwise in" in late.content.decode()
    assert 'name="threshold" inputmode="decimal" value="0.9"' in late.content.decode()
    unseen = browser.post(f"{url}/publish", {"seen": looked}, follow=True)
    assert "Nothing was published. Somebody changed this draft meanwhile." in unseen.content.decode()
    assert in_force() is None
    again = typed | {"threshold": "0.9", "seen": late.context["seen"]}
    assert browser.post(url, again).status_code == 303
    assert PolicyVersion.objects.get(pk=number).document["model_routing_quality_threshold"] == 0.9


def test_publishing_shows_what_the_last_decisions_would_become(browser: Client, make_held_key: Any) -> None:
    acts.published()
    client = make_held_key(*ALL_SCOPES).client
    for number in range(4):
        ask(client, message="hi", id=f"d{number}")
    policy = acts.document()
    policy["tiers"] = policy["tiers"][1:]
    url = f"/routing/drafts/{acts.draft(policy)}/publish"
    shown = text(browser, url)
    # 4 x (1,000 x 0.4 + 100 x 1.6) and 4 x (1,000 x 2 + 100 x 8) per million.
    assert "<strong>100%</strong> of the decisions would go to another tier" in shown
    assert '<span title="$0.00224">$0.0022</span> now, <strong title="$0.0112">$0.0112</strong>' in shown
    assert "4 of 4 decisions looked at" in shown
    blocked = acts.draft(acts.document(default_tier="no"))
    assert client.get(f"/api/policies/{blocked}/preview").status_code == 422
    told = client.get(f"/api/policies/{url.split('/')[3]}/preview").json()
    assert (told["looked_at"], told["moved"], told["cost_before_usd"], told["cost_after_usd"]) == (
        4, 4, "0.00224", "0.0112",
    )  # fmt: skip
    assert browser.post(url).status_code == 303
    found = in_force()
    assert found is not None
    assert (found.version, found.policy.tier_names()) == (2, ["standard", "premium"])
    assert "What rolling back to it would change now" in text(browser, "/routing/versions/1")
    assert browser.post("/routing/versions/1/rollback").status_code == 303
    assert "Version 3" in text(browser, "/routing")


def test_a_blocked_draft_says_which_price_broke_which_cap(browser: Client) -> None:
    policy = acts.document()
    policy["tiers"][0]["max_cost_per_1k_tokens"] = "0.0001"
    url = f"/routing/drafts/{acts.draft(policy)}/publish"
    assert browser.get(f"/api/policies/{url.split('/')[3]}/preview").status_code == 404, "none is in force"
    shown = text(browser, url)
    assert "costs $0.40 in and $1.60 out per million tokens" in shown
    assert "over the cap of $0.0001" in shown
    assert ">Publish</button>" not in shown
    assert browser.post(url, follow=True).content.decode().count("Nothing was published.") == 1
    assert in_force() is None


def test_a_decision_and_the_calls_it_led_to(
    browser: Client, admin_key: HeldKey, carol: User, signed_in: Any, support: Any
) -> None:
    acts.published()
    ask(admin_key.client, id="a/b", message=HARD, project="sales", conversation_id="c1")
    linked = call(project="sales", conversation_id="c1", decision_id="a/b")
    posted(admin_key, [linked | {"status": "error"}, linked])
    shown = text(browser, "/routing/decisions/a/b?project=sales")
    # Two calls of 0.0028.
    assert "$0.0056" in shown
    assert not [word for word in SECRET_WORDS.split() if word in shown]
    assert "sales" in text(browser, "/routing/decisions")
    limited = signed_in(carol)
    assert limited.get("/routing/decisions/a/b?project=sales").status_code == 404
    assert "sales" not in text(limited, "/routing/decisions")


def test_limited_people_read_nothing_of_budgets_over_other_projects(
    admin_key: HeldKey, ann: User, signed_in: Any, support: Any
) -> None:
    acts.published()
    posted(admin_key, [call(project="sales", cost_usd="77"), call(project="support", conversation_id="c1")])
    make_budget("10", name="Everything")
    blocked = ask(admin_key.client, id="d", message=HARD, project="support", conversation_id="c1")
    assert "Everything\u201d has 77" in blocked["reason"]
    posted(admin_key, [call(project="support", conversation_id="c1", decision_id="d")])
    dora = signed_in(make_person("dora@example.org", Role.ADMIN, support))
    for page in ("/routing/decisions", "/routing/decisions/d?project=support", "/c/support/c1"):
        assert "Everything\u201d has 77" in signed_in(ann).get(page).content.decode(), page
        told = dora.get(page).content.decode()
        assert "A budget over more than the projects you see" in told, page
        assert "Everything" not in told, page
    told = dora.get("/api/routing/decisions/d?project=support").json()
    assert (told["action"], told["budget"], "Everything" in str(told)) == ("block", None, False)
    assert "Everything" in admin_key.client.get("/api/routing/decisions/d?project=support").json()["reason"]
    offered = [dora.get(page).content.decode() for page in ("/routing/what-if", "/prices/rerates/new")]
    posted(admin_key, [call(project="sales", model="secret-model", provider="house")])
    assert [
        dora.get(page).content.decode().count("secret-model") for page in ("/routing/what-if", "/prices/rerates/new")
    ] == [0, 0]
    assert all("openai/gpt-4.1" in page for page in offered)


def test_the_playground_keeps_nothing(browser: Client) -> None:
    acts.published()
    shown = browser.post("/routing/playground", {"message": HARD, "requires": ["tools"], "project": "new"})
    told = shown.content.decode()
    assert shown.status_code == 200
    for words in ("reasoning depth", "openai/gpt-4.1-mini", "&quot;reason_code&quot;", "curl http", "Considered"):
        assert words in told
    assert "No decision yet" in text(browser, "/routing/decisions")
    assert "new" not in text(browser, "/projects").split("<main")[1].split("</main")[0].replace("New", "").split()
    assert browser.post("/routing/playground", {"message": "hi", "input_tokens": "x"}).status_code == 422
    policy = acts.document()
    policy["tiers"] = policy["tiers"][1:]
    under = {"message": "hi", "under": str(acts.draft(policy))}
    assert "the standard tier is that of" in browser.post("/routing/playground", under).content.decode()
    spend("0", project="sales")
    make_budget(limit_usd=None, name="Words", limit_tokens=5000, scope={"project": "sales"})
    counted = browser.post("/routing/playground", {"message": "hi", "project": "sales"}).content.decode()
    assert "Words</a>: 1,000 of 5,000 tokens" in counted
    make_budget("0.001", scope={"project": "sales"})
    spend("0.001", project="sales")
    stopped = browser.post("/routing/playground", {"message": "hi", "project": "sales"}).content.decode()
    assert "<h2>Blocked</h2>" in stopped
    word = {"lexicons": {"reasoning": {"add": ["blorple"]}}, "bias": 1.5}
    changed = {"message": "blorple", "under": str(acts.draft(acts.document(complexity=word)))}
    harder = browser.post("/routing/playground", changed).content.decode()
    assert '<td class="said">blorple</td>' in harder
    assert (
        '<td class="said">blorple</td>'
        not in browser.post("/routing/playground", changed | {"under": ""}).content.decode()
    )
    broken = browser.post("/routing/playground", under | {"under": str(acts.draft(acts.document(default_tier="no")))})
    assert (broken.status_code, "cannot work: The default tier no is none" in broken.content.decode()) == (422, True)
    assert "the simple tier is that of" in browser.post("/routing/playground", under | {"under": ""}).content.decode()


def test_the_same_model_for_less(browser: Client, admin_key: HeldKey) -> None:
    acts.load_book()
    posted(admin_key, [call(provider="openai", model="gpt-4.1", latency_ms=400)] * 10)
    shown = text(browser, "/routing/providers")
    assert "400 ms" in shown
    assert text(browser, "/routing/providers").count("unpriced") == 0
    posted(admin_key, [call(provider="acme", model="x")])
    assert '<td class="num">unknown <span class="badge warn">1 unpriced' in text(browser, "/routing/providers")
    assert "The same model for less" not in shown, "openrouter lists it at the same price"


def test_a_move_shows_speed_and_errors_on_both_sides(browser: Client, admin_key: HeldKey) -> None:
    cheaper = Rates(rates(input_tokens="1", output_tokens="4"))
    load_prices({("openai", "gpt-4.1"): acts.BOOK[acts.FULL], acts.FULL: cheaper})
    here = call(provider="openai", model="gpt-4.1", latency_ms=400)
    posted(admin_key, [here] * 9 + [here | {"status": "error", "error_type": "503"}])
    shown = text(browser, "/routing/providers")
    assert shown.count("not used there") == 2
    assert "10.0%" in shown
    there = call(provider=acts.FULL[0], model=acts.FULL[1], latency_ms=300)
    posted(admin_key, [there] * 3 + [there | {"status": "error", "error_type": "503"}])
    shown = text(browser, "/routing/providers")
    assert "300 ms there" in shown
    assert "25.0% of 4 there" in shown
    assert "not used there" not in shown


def test_background_calls_and_failover_in_money(browser: Client, make_held_key: Any) -> None:
    acts.published()
    load_prices({("openai", "gpt-4.1"): GPT}, version="2")
    key = make_held_key(*ALL_SCOPES)
    calls = [call(provider="openai", model="gpt-4.1", role=role) for role in ("utility", "utility", "chat")]
    failing = call(provider=acts.MINI[0], model=acts.MINI[1], status="error", error_type="503", output_tokens=0)
    posted(key, [*calls, *[failing] * 5])
    watch_models(now=timezone.now())
    for number in range(2):
        ask(key.client, message="hi", id=f"d{number}")
    shown = text(browser, "/routing/providers")
    # 2 x 0.0028, and half of it in the batch tier.
    assert 'title="$0.0056"' in shown
    assert 'title="$0.0028"' in shown
    assert "<td>batch</td>" in shown
    # 2 x (0.0028 - 0.00056)
    assert 'title="$0.00448"' in shown


def test_a_model_that_another_dominates(browser: Client, admin_key: HeldKey) -> None:
    acts.load_book()
    posted(admin_key, [call(provider=acts.OPUS[0], model=acts.OPUS[1], task_type="code")] * 2)
    for (provider, name), mean, lower, n in (
        (acts.OPUS, 0.8, 0.7, 30),
        (acts.FULL, 0.8, 0.71, 25),
        (acts.MINI, 0.9, 0.8, 19),
    ):
        shares = {"mean": str(mean), "lower": str(lower)}
        ModelQuality.objects.create(provider=provider, name=name, task_type="code", n=n, **shares)
    quality.forget()
    QualityState.objects.update_or_create(pk=1, defaults={"version": 1})
    shown = text(browser, "/routing/providers")
    # 2 x (1,000 x 4 + 100 x 20) and 2 x (1,000 x 2 + 100 x 8) per million; 19 outcomes are too few for the cheapest.
    assert 'title="$0.012"' in shown
    assert 'title="$0.0056"' in shown
    assert "53.3%" in shown
    assert "anthropic/claude-opus-5-5" in shown
