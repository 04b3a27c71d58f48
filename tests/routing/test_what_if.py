"""What-ifs: recorded usage served again, by tasks and moves, exact; who may ask for how much; drafts made of them."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from apps.access.models import Project, User
from apps.routing import tasks
from apps.routing.charts import stacked
from apps.routing.domain.scenarios import BadScenario, Changes, Move, changed, with_moves
from apps.routing.domain.tally import Side, Tally, tally_of
from apps.routing.models import Decision, ModelQuality, PolicyVersion, QualityState, ReplayRun
from apps.routing.selectors import quality
from apps.routing.services.replays.working import work_on_replays
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, posted
from tests.routing import acts
from tests.routing.acts import FULL, MINI, OPUS
from tests.routing.test_decisions import ask

URL = "/api/routing/replays"
MINI_USD, FULL_USD = Decimal("0.00056"), Decimal("0.0028")


@pytest.fixture
def key(admin_key: HeldKey) -> HeldKey:
    quality.forget()
    acts.published()
    return admin_key


def used(model: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return call(provider=model[0], model=model[1], **{"role": "chat", "task_type": "code", **fields})


def replayed(key: HeldKey, **body: Any) -> dict[str, Any]:
    answer = key.client.post(URL, {"days": 7, **body}, JSON)
    assert answer.status_code == 202, answer.content
    tasks.carry_out_replays()
    told = key.client.get(answer.json()["url"]).json()
    assert (told["state"], told["percent"]) == ("done", 100)
    result: dict[str, Any] = told["result"]
    return result


def move(source: tuple[str, str], target: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {"from": acts.model(source), "to": acts.model(target), **fields}


def known(model: tuple[str, str], mean: str, lower: str, n: int, task_type: str = "code") -> None:
    ModelQuality.objects.create(
        provider=model[0], name=model[1], task_type=task_type, n=n, n_eff=n, mean=Decimal(mean), lower=Decimal(lower)
    )
    state, _ = QualityState.objects.get_or_create(id=1)
    QualityState.objects.update(version=state.version + 1)
    quality.forget()


def test_a_move_of_models_is_priced_call_by_call(key: HeldKey) -> None:
    then = (timezone.now() - timedelta(days=2)).isoformat()
    posted(
        key,
        [
            used(FULL, task_id="t1", latency_ms=900, occurred_at=then),
            used(FULL, task_id="t2", task_type="talk"),
            used(MINI, task_id="t3", latency_ms=300),
            used(FULL, operation="embeddings"),
            call(provider="acme", model="unknown"),
        ],
    )
    told = replayed(key, moves=[move(FULL, MINI)])
    assert (told["calls"], told["compared_calls"], told["moved_calls"], told["unpriced_calls"]) == (5, 4, 2, 1)
    assert Decimal(told["before_usd"]) == FULL_USD * 3 + MINI_USD
    assert Decimal(told["after_usd"]) == FULL_USD + MINI_USD * 3, "an embedding stays"
    assert (told["saved_share_low"], told["quality"]) == (None, None), "too few tasks, and nobody judged any"
    assert (told["latency_before_ms"], told["latency_after_ms"]) == (600, 300)
    assert abs(told["latency_p95_before_ms"] - 900) < 18
    assert abs(told["latency_p95_after_ms"] - 300) < 6
    by_model = {row["model"]: (row["before_usd"], row["after_usd"]) for row in told["by_model"]}
    assert by_model == {"/".join(FULL): ("0.0084", "0.0028"), "/".join(MINI): ("0.00056", "0.00168")}
    assert told["cost_per_success_before_usd"] is None
    assert [(row["from"], row["to"], row["calls"]) for row in told["by_move"]] == [("/".join(FULL), "/".join(MINI), 2)]
    known(FULL, "0.9", "0.85", 60)
    known(MINI, "0.8", "0.7", 30)
    only_code = replayed(key, moves=[move(FULL, MINI, task_type="code")])
    assert (only_code["moved_calls"], only_code["quality"]["difference"]) == (1, "-0.0500"), "one of two known tasks"
    # Three tasks: at 0.85 before, half of the known ones at FULL, and at 0.8 after.
    assert Decimal(only_code["cost_per_success_after_usd"]) == (
        Decimal(only_code["after_usd"]) / only_code["tasks"] / Decimal("0.8")
    ).quantize(Decimal("1e-15"))
    assert (only_code["quality"]["before"]["n"], only_code["quality"]["after"]["n"]) == (90, 30)
    assert len(key.client.get(URL).json()["results"]) == 2


def test_a_draft_moves_only_what_it_decides_otherwise(key: HeldKey) -> None:
    assert ask(key.client, id="d1", message="hi")["tier"] == "simple"
    posted(key, [used(MINI, decision_id="d1"), used(MINI), used(OPUS, tier="premium"), used(("openai", "gpt-4.1"))])
    policy = acts.document()
    policy["tiers"] = policy["tiers"][1:]
    policy["tiers"][1]["models"] = [acts.model(FULL)]
    told = replayed(key, policy_id=acts.draft(policy))
    # The decided call goes to the tier above; that of the premium tier to the model it holds now; the others stay.
    assert (told["moved_calls"], told["undecided_calls"]) == (2, 3)
    assert Decimal(told["before_usd"]) == MINI_USD * 2 + Decimal("0.006") + FULL_USD
    assert Decimal(told["after_usd"]) == FULL_USD * 2 + MINI_USD + FULL_USD
    same = replayed(key, policy_id=PolicyVersion.objects.get(version=1).pk)
    assert (same["moved_calls"], same["before_usd"]) == (0, same["after_usd"])
    lifted = replayed(key, thresholds={"simple": 0.01}, strategy="cost_optimized")
    assert lifted["moved_calls"] == 1, "the edge puts the question into the tier above"


def test_caches_are_lost_where_another_model_takes_over_and_kept_where_a_switch_falls_away(key: HeldKey) -> None:
    now = timezone.now()
    chat = {"conversation_id": "c", "input_tokens": 10_000, "output_tokens": 0}
    times = [(now - timedelta(seconds=seconds)).isoformat() for seconds in (90, 60, 30)]
    cached = {"cache_read_input_tokens": 10_000}
    posted(
        key,
        [
            used(FULL, occurred_at=times[0], **chat),
            used(MINI, occurred_at=times[1], **chat),
            used(MINI, occurred_at=times[2], **chat, **cached),
        ],
    )
    told = replayed(key, moves=[move(MINI, FULL)])
    # 10,000 fresh, then twice 10,000 from the cache that is not lost now.
    assert Decimal(told["after_usd"]) == Decimal("0.02") + 2 * Decimal("0.005")
    other = replayed(key, moves=[move(FULL, OPUS)])
    assert Decimal(other["after_usd"]) == Decimal("0.04") + Decimal("0.004") + Decimal("0.001")


def test_suppositions_are_exact_step_by_step(key: HeldKey) -> None:
    """Prices, models, shorter prompts, cached share and growth together, against the same sums written here."""
    calls = [
        used(FULL, input_tokens=3_001, cache_read_input_tokens=1_000, output_tokens=77),
        used(FULL, input_tokens=2_000, output_tokens=10, compressed=True),
        used(MINI, input_tokens=999, output_tokens=5),
        used(FULL, operation="embeddings", input_tokens=1_000, output_tokens=0),
    ]
    posted(key, calls)
    told = replayed(
        key, moves=[move(FULL, MINI)], compression="0.3", cached_share="0.5", growth_percent="50",
        price_changes=[{**acts.model(MINI), "percent": "25"}],
    )  # fmt: skip
    mtok = Decimal(10) ** -6

    def full(fresh: int, read: int, out: int) -> Decimal:
        return (fresh * 2 + read * Decimal("0.5") + out * 8) * mtok

    def mini(fresh: int, read: int, out: int, factor: Decimal = Decimal("1.25")) -> Decimal:
        return (fresh * Decimal("0.4") + read * Decimal("0.1") + out * Decimal("1.6")) * mtok * factor

    same = full(1_000, 0, 0)
    before = full(2_001, 1_000, 77) + full(2_000, 0, 10) + mini(999, 0, 5, Decimal(1)) + same
    prices = before + mini(999, 0, 5) - mini(999, 0, 5, Decimal(1))
    models = mini(2_001, 1_000, 77) + mini(2_000, 0, 10) + mini(999, 0, 5) + same
    # 3,001 × 0.7 rounded up, its cached part rounded down; the compressed call stays.
    shorter = mini(2_101 - 700, 700, 77) + mini(2_000, 0, 10) + mini(700, 0, 5) + same
    # A prompt below the shortest that is cached stays.
    cache = mini(2_101 - 1_050, 1_050, 77) + mini(1_000, 1_000, 10) + mini(700, 0, 5) + same
    steps = {row["step"]: Decimal(row["cost_usd"]) for row in told["steps"]}
    assert steps == {
        "prices": prices, "models": models, "compression": shorter, "cache": cache, "volume": cache * Decimal("1.5")
    }  # fmt: skip
    assert (Decimal(told["before_usd"]), Decimal(told["after_usd"])) == (before, cache * Decimal("1.5"))
    assert sum(Decimal(row["difference_usd"]) for row in told["steps"]) == -Decimal(told["saved_usd"])
    assert (told["cached_share_before"], told["cached_share_after"]) == ("0.1667", "0.4270")
    assert (told["calls_factor"], len(told["assumptions"])) == ("1.5", 4)
    assert sum(Decimal(row["after_usd"]) for row in told["by_task_type"]) == cache * Decimal("1.5")


def test_the_policy_that_is_tried_chooses_at_the_changed_prices(key: HeldKey) -> None:
    """Within a tier the cheaper model is taken: where it gets dearer than its neighbour, decided calls move."""
    policy = acts.document()
    policy["tiers"][0]["models"] = [acts.model(MINI), acts.model(FULL)]
    policy["tiers"][0]["max_cost_per_1k_tokens"] = None
    version = acts.draft(policy)
    assert ask(key.client, id="d1", message="hi")["tier"] == "simple"
    posted(key, [used(MINI, decision_id="d1"), used(MINI)])
    change = [{**acts.model(MINI), "percent": "900"}]
    alone = replayed(key, price_changes=change)
    assert (alone["moved_calls"], Decimal(alone["after_usd"])) == (0, 20 * MINI_USD), "nothing is tried: models stay"
    told = replayed(key, policy_id=version, price_changes=change)
    assert told["moved_calls"] == 1
    assert Decimal(told["after_usd"]) == FULL_USD + 10 * MINI_USD
    assert [row["step"] for row in told["steps"]] == ["prices", "models"]


def test_pages_of_suppositions(key: HeldKey, alice: User, signed_in: Any) -> None:
    browser = signed_in(alice)
    posted(key, [used(FULL, input_tokens=2_000)])
    wrong = browser.post("/routing/what-if", {"days": "7", "price_changes": "gpt -20", "cached_share": "200"})
    shown = wrong.content.decode()
    assert (wrong.status_code, "is not provider/name = percent" in shown) == (422, True)
    assert '<details class="as-table" open><summary>Suppose' in shown, "what is wrong is not hidden"
    typed = {"days": "7", "price_changes": "openrouter = -50", "cached_share": "50", "growth_percent": "100"}
    url = browser.post("/routing/what-if", typed)["Location"]
    work_on_replays()
    page = browser.get(url).content.decode()
    for words in (
        "of the cost",
        "Step by step",
        "Prices that change",
        "2 times as many calls",
        "50.0% is",
        "Change this what-if",
    ):
        assert words.lower() in page.lower(), words
    assert "Make this a draft" not in page
    refused = browser.post(f"{url}/draft", follow=True)
    assert "nothing to draft" in refused.content.decode()
    again = page.split("/routing/what-if?")[1].split('"')[0].replace("&amp;", "&")
    form = browser.get(f"/routing/what-if?{again}").content.decode()
    assert "openrouter = -50</textarea>" in form
    assert 'value="100"' in form


def test_tasks_whose_model_was_drawn_tell_what_a_move_would_come_to(key: HeldKey, alice: User, signed_in: Any) -> None:
    """A policy that explores; every seventh task got the model on trial by a chance of 0.1, and did worse there."""
    acts.published(acts.document(exploration={"share": 0.05, "most_extra_usd": "0.01"}))
    known(MINI, "0.80", "0.75", 400)
    known(FULL, "0.90", "0.85", 400)
    calls, outcomes = [], []
    for number in range(280):
        model = FULL if number % 7 == 0 else MINI
        calls.append(used(model, conversation_id=f"c{number}", decision_id=f"d{number}"))
        well = number % 14 == 0 if model == FULL else number % 5 > 0
        outcomes.append({"task_id": f"c{number}", "success": well, "source": "tests"})
    posted(key, calls)
    assert key.client.post("/api/outcomes", {"outcomes": outcomes}, JSON).status_code == 200
    ask(key.client, id="d0", message="hi", task_type="code", conversation_id="c0")
    acts.drawn([(MINI, "0.9") if number % 7 else (FULL, "0.1") for number in range(280)])
    told = replayed(key, moves=[move(MINI, FULL)])["by_lot"]
    success, cost = told["success"], told["cost_usd"]
    assert (success["why"], success["tasks"], success["moved_tasks"], success["taken_tasks"]) == (None, 280, 280, 40)
    assert (success["effective_tasks"], success["overlap"]) == ("40.0", "1.0000")
    # 0.9 expected, and 40 weights of 10 whose tasks came to 20 successes, where 36 were expected.
    assert success["robust"]["value"] == f"{Decimal('0.9') + (200 - 360) / Decimal(280):.4f}"
    assert (success["normed"]["value"], success["weighed"]["value"]) == ("0.5000", f"{200 / Decimal(280):.4f}")
    assert Decimal(cost["before"]["value"]) == ((40 * FULL_USD + 240 * MINI_USD) / 280).quantize(Decimal("1e-15"))
    assert Decimal(cost["normed"]["value"]) == FULL_USD
    assert abs(Decimal(cost["robust"]["value"]) - FULL_USD) < FULL_USD / 100
    supposed = replayed(key, moves=[move(MINI, FULL)], compression="0.5")["by_lot"]
    assert (supposed["cost_usd"]["why"], supposed["success"]["why"]) == ("nothing_drawn", None)
    run = ReplayRun.objects.latest("pk").pk
    page = signed_in(alice).get(f"/routing/what-if/{run}").content.decode()
    for words in ("From tasks whose model was drawn", "doubly robust", "worth 40.0", "no task"):
        assert words in page, words
    other = replayed(key, moves=[move(OPUS, FULL)])["by_lot"]["success"]
    assert (other["why"], other["robust"]) == ("nothing_moves", None)
    Decision.objects.filter(model=FULL[1]).exclude(decision_id__in=[f"d{7 * n}" for n in range(9)]).update(propensity=1)
    few = replayed(key, moves=[move(MINI, FULL)])["by_lot"]["success"]
    assert (few["why"], few["effective_tasks"], few["least_effective_tasks"]) == ("too_few", "9.0", 20)


def test_the_calls_of_one_agent_or_task_type_are_counted_alone(key: HeldKey) -> None:
    posted(
        key,
        [
            used(FULL, agent="coder", task_id="t1"),
            used(FULL, agent="coder", task_type="talk", task_id="t2"),
            used(FULL, agent="helper", task_id="t3"),
            used(MINI, task_type="talk"),
        ],
    )
    counted = {}
    for name, only in {
        "all": {}, "coder": {"agent": "coder"}, "talk": {"task_type": "talk"},
        "both": {"agent": "coder", "task_type": "talk"},
    }.items():  # fmt: skip
        told = replayed(key, moves=[move(FULL, MINI)], **only)
        counted[name] = (told["calls"], told["moved_calls"], told["tasks"], Decimal(told["before_usd"]))
    assert counted == {
        "all": (4, 3, 3, FULL_USD * 3 + MINI_USD), "coder": (2, 2, 2, FULL_USD * 2),
        "talk": (2, 1, 1, FULL_USD + MINI_USD), "both": (1, 1, 1, FULL_USD),
    }  # fmt: skip
    newest = key.client.get(URL).json()["results"][0]
    assert (newest["agent"], newest["task_type"]) == ("coder", "talk")
    assert newest["scenario"].endswith(", of agent coder and task type talk")
    for field in ("agent", "task_type"):
        refused = key.client.post(URL, {"days": 7, "moves": [move(FULL, MINI)], field: "nobody"}, JSON)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, field), refused.content


def test_a_scenario_is_kept_opened_again_and_dropped(key: HeldKey, alice: User, signed_in: Any, settings: Any) -> None:
    settings.REPLAY_KEPT = 0
    posted(key, [used(FULL, agent="coder")])
    browser = signed_in(alice)
    form = {"days": "7", "agent": "coder", "of_task_type": "code", "source": "/".join(FULL), "target": "/".join(MINI)}
    run = browser.post("/routing/what-if", form).headers["Location"]
    tasks.carry_out_replays()
    browser.post(f"{run}/name", {"name": "  Cheaper   coder "})
    tasks.carry_out_replays()  # clears what is old and has no name
    page = browser.get("/routing/what-if").content.decode()
    assert "Cheaper coder" in page
    again = page.partition('href="/routing/what-if?')[2].partition('"')[0].replace("&amp;", "&")
    filled = browser.get(f"/routing/what-if?{again}").content.decode()
    for value in ('value="coder"', 'value="code"', f'value="{"/".join(FULL)}"'):
        assert value in filled, value
    told = key.client.get(URL).json()["results"][0]
    assert (told["name"], told["agent"], told["task_type"]) == ("Cheaper coder", "coder", "code")
    assert key.client.post(f"/api/runs/{told['id']}/name", {"name": "x" * 81}, JSON).status_code == 422
    assert key.client.post(f"/api/runs/{told['id']}/name", {"name": ""}, JSON).json()["name"] == ""
    assert "Cheaper coder" not in browser.get("/routing/what-if").content.decode()
    tasks.carry_out_replays()
    assert not ReplayRun.objects.exists(), "without its name it is one of the old ones"


def test_only_so_many_scenarios_are_kept(key: HeldKey, settings: Any) -> None:
    settings.SCENARIOS_KEPT = 1
    posted(key, [used(FULL)])
    first, second = (
        key.client.post(URL, {"days": 7, "moves": [move(FULL, MINI)]}, JSON).json()["id"] for _ in range(2)
    )
    assert key.client.post(f"/api/runs/{first}/name", {"name": "One"}, JSON).status_code == 200
    refused = key.client.post(f"/api/runs/{second}/name", {"name": "Two"}, JSON)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "too_many")
    assert key.client.post(f"/api/runs/{first}/name", {"name": "Renamed"}, JSON).json()["name"] == "Renamed"
    key.client.post(f"/api/runs/{first}/name", {"name": ""}, JSON)
    assert key.client.post(f"/api/runs/{second}/name", {"name": "Two"}, JSON).status_code == 200


def test_task_types_of_other_projects_are_not_told(key: HeldKey, bob: User, signed_in: Any) -> None:
    posted(key, [used(FULL, task_type="open"), used(FULL, task_type="secret", project="hidden")])
    bob.limited = True
    bob.save()
    bob.projects.set(Project.objects.filter(name="default"))
    page = signed_in(bob).get("/routing/what-if").content.decode()
    assert '<option value="open">' in page
    assert "secret" not in page
    form = {"days": "7", "of_task_type": "secret", "source": "/".join(FULL), "target": "/".join(MINI)}
    assert "No call was of the task type secret." in signed_in(bob).post("/routing/what-if", form).content.decode()


def test_quality_is_found_by_whatever_name_a_policy_gives_a_provider(key: HeldKey) -> None:
    """A policy may say `openrouter_ai`; statistics are kept by the canonical name, in replays as in live decisions."""
    assert ask(key.client, id="d1", message="hi", task_type="code")["tier"] == "simple"
    posted(key, [used(FULL, decision_id="d1")])
    known(MINI, "0.1", "0.05", 200)
    known(FULL, "0.9", "0.85", 200)
    moved = []
    for name in ("openrouter", "openrouter_ai"):
        policy = acts.document()
        for tier in policy["tiers"][:2]:
            tier["models"][0]["provider"] = name
        moved.append(replayed(key, policy_id=acts.draft(policy))["moved_calls"])
    # The simple tier's model is known to be too weak, so both policies go on as the one in force.
    assert moved == [0, 0]


def test_what_is_refused(key: HeldKey, settings: Any) -> None:
    settings.REPLAY_MAX_CALLS, settings.REPLAY_MAX_WAITING = 1, 1
    posted(key, [used(FULL)])
    one = [move(FULL, MINI)]
    for body, code in (
        ({}, "nothing_changes"),
        ({"days": 0, "moves": one}, "days"),
        ({"compression": "0.99"}, "bad_scenario"),
        ({"price_changes": [{"name": "gpt-4.1", "percent": "1"}]}, "bad_scenario"),
        ({"days": 93, "moves": one}, "days"),
        ({"policy_id": 9}, "no_policy"),
        ({"caps": {"huge": "1"}}, "bad_scenario"),
        ({"thresholds": {"simple": 0.8}}, "cannot_publish_edges"),
        ({"moves": [move(FULL, FULL)]}, "same"),
        ({"moves": [move(FULL, ("acme", "x"))]}, "unpriced"),
        ({"moves": one * 21}, "too_many"),
        ({"project": "nowhere", "moves": one}, "invalid"),
    ):
        answer = key.client.post(URL, {"days": 7, **body}, JSON)
        assert (answer.status_code, [one["code"] for one in answer.json()["errors"]]) == (422, [code]), body
    asked = key.client.post(URL, {"moves": one}, JSON)
    assert asked.status_code == 202
    assert key.client.post(URL, {"moves": one}, JSON).json()["errors"][0]["code"] == "too_many_waiting"
    assert key.client.post(f"{asked.json()['url']}/cancel").json()["state"] == "cancelled"
    assert key.client.post(f"{asked.json()['url']}/cancel").status_code == 409
    posted(key, [used(FULL)])
    assert key.client.post(URL, {"moves": one}, JSON).json()["errors"][0]["code"] == "too_many_calls"


def test_a_killed_worker_is_followed_and_nothing_counts_twice(key: HeldKey, alice: User, settings: Any) -> None:
    days = [(timezone.now() - timedelta(days=day)).isoformat() for day in range(3)]
    posted(key, [used(FULL, occurred_at=day) for day in days])
    run = ReplayRun.objects.get(pk=acts.replay(alice))
    assert (worked := work_on_replays(pieces=5)) is not None
    assert worked.pieces == 5
    run.refresh_from_db()
    assert (run.state, run.taken_by, 0 < (run.done_until - run.start).days < 7) == ("working", "", True)
    ReplayRun.objects.update(taken_by="dead", taken_until=timezone.now() + timedelta(minutes=1))
    assert work_on_replays() is None, "its lease holds"
    ReplayRun.objects.update(taken_until=timezone.now() - timedelta(minutes=1))
    assert work_on_replays() is not None
    run.refresh_from_db()
    assert (run.state, tally_of(run.sums).whole) == ("done", Side(3, 3, 3 * 28 * 10**11, 3 * 56 * 10**10))
    assert tally_of(tally_of(run.sums).as_plain()).as_plain() == run.sums
    settings.REPLAY_KEPT = 0
    work_on_replays()
    assert not ReplayRun.objects.exists()


def test_pages_and_drafts(key: HeldKey, alice: User, bob: User, carol: User, signed_in: Any) -> None:
    browser = signed_in(alice)
    posted(key, [used(FULL, task_id=f"t{n}") for n in range(50)])
    known(FULL, "0.90", "0.85", 60)
    known(MINI, "0.91", "0.86", 70)
    shown = browser.get("/routing/what-if").content.decode()
    assert "would give the success of openrouter/openai/gpt-4.1 at code for <strong>80.0% less</strong>" in shown
    half = browser.post("/routing/what-if", acts.what_if_form(target=""))
    assert (half.status_code, "A move names two models" in half.content.decode()) == (422, True)
    bad = browser.post("/routing/what-if", acts.what_if_form(**{"upper-simple": "0.9"}))
    assert (bad.status_code, "ends at" in bad.content.decode()) == (422, True)
    asked = browser.post("/routing/what-if", acts.what_if_form())
    url = asked["Location"]
    assert "It goes on without this page" in browser.get(url).content.decode()
    assert browser.get(url, headers={"HX-Request": "true"}).content.decode().startswith("<section")
    work_on_replays()
    assert browser.get(url, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    page = browser.get(url).content.decode()
    for words in ("80.0%", "What this cannot know", "difference +1.0", "100% of the tasks"):
        assert words in page, words
    drafted = browser.post(f"{url}/draft")
    document = PolicyVersion.objects.drafts().get().document
    assert drafted["Location"].startswith("/routing/drafts/")
    assert [tier["models"][0]["name"] for tier in document["tiers"]] == [MINI[1], MINI[1], OPUS[1]]
    assert "What-if" in signed_in(bob).get("/routing/what-if").content.decode()
    assert signed_in(carol).get(url).status_code == 403
    gone = browser.post("/routing/what-if/advice", {"source": "acme/x", "target": "/".join(MINI)}, follow=True)
    assert "No tier of the policy holds acme/x" in gone.content.decode()
    publish = browser.get(f"/routing/drafts/{PolicyVersion.objects.drafts().get().pk}/publish")
    assert publish.status_code == 200


def test_the_preview_of_a_draft_predicts_success(key: HeldKey, alice: User, signed_in: Any) -> None:
    for number in range(3):
        ask(key.client, id=f"d{number}", message="hi", task_type="code")
    policy = acts.document()
    policy["tiers"] = policy["tiers"][1:]
    url = f"/routing/drafts/{acts.draft(policy)}/publish"
    browser = signed_in(alice)
    assert "unknown: no kind of task has 20 outcomes" in browser.get(url).content.decode()
    known(MINI, "0.80", "0.75", 40)
    known(FULL, "0.90", "0.85", 60)
    told = key.client.get(f"/api/policies/{url.split('/')[3]}/preview").json()["quality"]
    assert (told["difference"], told["before"]["mean"], told["after"]["n"]) == ("0.1000", "0.8000", 60)
    assert "difference +10.0" in browser.get(url).content.decode()


def test_scenarios() -> None:
    policy = acts.document()
    changes = Changes({"simple": None, "standard": "0.02"}, {"simple": 0.2}, "balanced", 0.8)
    found = changed(policy, changes)
    assert [tier.get("max_cost_per_1k_tokens") for tier in found["tiers"]] == [None, "0.02", "0.03"]
    assert (found["tiers"][0]["upper"], found["model_routing_quality_threshold"]) == (0.2, 0.8)
    assert changes.words[0] == "cap of simple lifted"
    assert policy == acts.document(), "the policy itself is left alone"
    with pytest.raises(BadScenario):
        changed(policy, Changes(uppers={"huge": 0.5}))
    policy["tiers"][1]["models"] = [acts.model(FULL, key_pool=["a"], supports=["vision"]), acts.model(MINI)]
    moved, times = with_moves(policy, [Move(FULL, MINI)])
    assert (moved["tiers"][1]["models"], times) == ([acts.model(MINI, supports=["vision"])], 1)


def test_how_sure_a_saving_is() -> None:
    tally = Tally()
    for number in range(400):
        tally.add(f"t{number}", "code", ("a", "b"), (100, 50 if number % 2 else 90), calls=1)
    tally.add("t", "code", ("a", "c"), (100, None), calls=2)
    saving = tally.saving()
    assert saving is not None
    assert saving.low is not None
    assert saving.high is not None
    assert (saving.share, tally.unpriced_calls) == (Decimal("0.3000"), 2)
    assert Decimal("0.25") < saving.low < saving.share < saving.high < Decimal("0.35")
    assert (saving.more.share, saving.more.low, saving.more.high) == (-saving.share, -saving.high, -saving.low)
    assert Tally().saving() is None
    assert Tally().mean_latency() == (None, None)


def test_bars_share_one_scale_and_add_up() -> None:
    rows = [(f"m{n}", Decimal(10 - n), Decimal(n)) for n in range(9)]
    parts = stacked(rows, {f"m{n}": n + 1 for n in range(9)})
    assert [part.name for part in parts] == [*(f"m{n}" for n in range(6)), "Other (3)"]
    assert (parts[-1].before, parts[-1].after, parts[-1].slot) == (Decimal(9), Decimal(21), 0)
    assert len({part.slot for part in parts}) == 7
    for side, whole in ((0, 54), (1, 36)):
        ends = [part.places[side] for part in parts]
        assert all(abs(a[0] + a[1] - b[0]) < 0.01 for a, b in pairwise(ends)), "without a gap"
        assert abs(ends[-1][0] + ends[-1][1] - whole * 100 / 54) < 0.01
    assert stacked([], {}) == []
