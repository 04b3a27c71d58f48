"""Two conversations of the real Agent Zero with a real Bursar, which is killed under the second one."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import psycopg

from controlplane.launch.places import BASE_DIR
from tests.integrations.agent_zero.prepare import MOST_CALLS, PRICES
from tests.integrations.agent_zero.provider import Answer, say, tool
from tests.integrations.agent_zero.tree import NEEDS_TREE, USAGE, Zero, is_main, zero
from tests.proofs.installation import Installation, installation
from tests.proofs.truth import differences

__all__ = ["zero"]
pytestmark = NEEDS_TREE
FIRST = ["A one.", "A two.", "A three.", "A four.", "A five."]
SECOND = ["B one.", "B two.", "B three.", "B four."]


LONG = {
    "prompt_tokens": 31_007,
    "completion_tokens": 21,
    "total_tokens": 31_028,
    "prompt_tokens_details": {"cached_tokens": 1009},
}


def usage_of(model: str) -> dict[str, Any]:
    """What the provider counts in a call of this model."""
    return USAGE if model == "utility-model" else LONG


def cost(model: str) -> Decimal:
    """Of one call."""
    usage = usage_of(model)
    read = usage["prompt_tokens_details"]["cached_tokens"]
    fresh, out, cached = map(Decimal, PRICES[model])
    millionths: Decimal = (usage["prompt_tokens"] - read) * fresh + read * cached + usage["completion_tokens"] * out
    return millionths / 10**6


class Story:
    """Plays the provider, and kills and starts Bursar at certain messages."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.answered: list[tuple[str, str]] = []

    def __call__(self, body: dict[str, Any], _: int) -> Answer:
        if not is_main(body):
            self.answered.append(("utility", body["model"]))
            return Answer("title", usage=USAGE)
        said = json.dumps(body["messages"])
        newest = next(text for text in reversed([*FIRST, *SECOND]) if text in said)
        if newest == "B one." and body["model"] == "strong-model":
            self.answered.append((newest, "429"))
            return Answer(status=429)
        if newest == "B two.":
            self.kill()
        if newest == "B four.":
            self.place.web.start()
        self.answered.append((newest, body["model"]))
        return Answer(say("Done."), usage=usage_of(body["model"]))

    def kill(self) -> None:
        """SIGKILL to all of web at once."""
        master = psutil.Process(self.place.web.pid)
        for process in (*master.children(recursive=True), master):
            os.kill(process.pid, signal.SIGKILL)


def prepared(place: Installation, *arguments: str) -> None:
    """Prices, a policy and budgets."""
    command = [sys.executable, "-m", "tests.integrations.agent_zero.prepare", *arguments]
    subprocess.run(command, env=place.web.environment, cwd=BASE_DIR, check=True, timeout=120)


def ask(place: Installation, path: str) -> Any:
    """What the API says."""
    url = f"http://127.0.0.1:{place.web.port}/api/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {place.key}"})) as got:
        return json.load(got)


def test_two_conversations_with_a_bursar_that_is_killed(zero: Zero, tmp_path: Path) -> None:
    with installation(tmp_path / "bursar") as place:
        prepared(place)
        story = Story(place)
        settings = {
            "base_url": f"http://127.0.0.1:{place.web.port}",
            "api_key": place.key,
            "route_utility": False,
        }
        # What is spent is known from reports. The first chat goes down a tier by it, so they come in before it goes on.
        told, provider = zero.drive([FIRST, SECOND], story, settings, patience=[30, 2])

        assert told["flushed"] == [True]
        calls = [one for one in ask(place, "usage")["results"] if one["operation"] == "chat"][::-1]
        first, second = ([one for one in calls if one["conversation_id"] == chat] for chat in told["contexts"])
        # Every request that the provider saw is one record, and no other is there: nothing is lost, nothing doubled.
        assert len(calls) == len(provider.seen) == len({one["id"] for one in calls})
        went_well = [one for one in calls if one["status"] == "ok"]
        assert Counter(one["model"] for one in went_well) == Counter(
            name for _, name in story.answered if name != "429"
        )
        assert all(Decimal(one["cost_usd"]) == cost(one["model"]) for one in went_well)
        with psycopg.connect(place.database.url) as connection, connection.cursor() as cursor:
            assert differences(cursor) == []
        for chat, mine in zip(told["contexts"], (first, second), strict=True):
            spent = sum(Decimal(one["cost_usd"]) for one in mine)
            assert Decimal(ask(place, f"conversations/{chat}")["cost_usd"]) == spent

        # Two calls use up what the chat may spend on dear models; after four it may make no more, and nobody is asked.
        answered = dict(story.answered)
        assert [answered.get(text) for text in FIRST] == ["strong-model"] * 2 + ["cheap-model"] * 2 + [None]
        assert told["answers"].count("Done.") == 8
        decided = [one for one in first if one["decision_id"]]
        assert [ask(place, f"routing/decisions/{one['decision_id']}")["model"]["name"] for one in decided] == [
            one["model"] for one in decided
        ]
        failed, went_on = [one for one in second if one["decision_id"]][:2]
        assert (failed["model"], failed["status"], failed["attempt"]) == ("strong-model", "error", 1)
        assert (went_on["model"], went_on["status"], went_on["attempt"]) == ("spare-model", "ok", 2)
        assert failed["request_id"] == went_on["request_id"]
        headings = [heading for _, heading, _ in told["lines"]]
        assert "Bursar: openai/strong-model failed (429), openai/spare-model goes on." in headings


def test_no_call_goes_past_a_budget_although_no_report_has_come(zero: Zero, tmp_path: Path) -> None:
    asked: list[str] = []

    def play(body: dict[str, Any], _: int) -> Answer:
        if is_main(body):
            asked.append(body["model"])
        return Answer(say("Done.") if is_main(body) else "title", usage=USAGE)

    with installation(tmp_path / "bursar") as place:
        prepared(place)
        settings = {"base_url": f"http://127.0.0.1:{place.web.port}", "api_key": place.key, "route_utility": False}
        told, _ = zero.drive([FIRST], play, settings, late=True)

        assert told["answers"].count("Done.") == MOST_CALLS
        assert len(asked) == MOST_CALLS
        assert told["flushed"] == [True]
        states = ask(place, f"budgets/status?role=chat&agent=agent-zero&conversation_id={told['context']}")["results"]
        few = next(one for one in states if one["name"] == "Few calls")
        assert (few["spent_calls"], few["reserved_calls"]) == (MOST_CALLS, 0)
        assert all(one.get("reserved_usd", "0.00") == "0.00" for one in states)


def test_prompts_are_made_shorter_and_stay_the_same_in_front(zero: Zero, tmp_path: Path) -> None:
    wanted = " ".join(f"preset{number}" for number in range(400))
    asked: list[str] = []
    fresh = {**USAGE, "prompt_tokens_details": {"cached_tokens": 0}}

    def play(body: dict[str, Any], _: int) -> Answer:
        if not is_main(body):
            return Answer("title", usage=fresh)
        asked.append(body["model"])
        last = len(asked) > 8
        return Answer(say("Done.") if last else tool("switch_model", to=wanted, reason=f"{len(asked)}."), usage=fresh)

    with installation(tmp_path / "bursar") as place:
        prepared(place, "100")
        settings = {
            "base_url": f"http://127.0.0.1:{place.web.port}",
            "api_key": place.key,
            "compress": True,
            "route_utility": False,
        }
        told, provider = zero.drive([["Which presets are there?"]], play, settings)

        assert told["answers"] == ["Done."]
        prompts = [body["messages"] for body in provider.seen if is_main(body)]
        calls = [one for one in ask(place, "usage")["results"][::-1] if one["role"] == "chat"]
        calls = [one for one in calls if one["operation"] == "chat"]
    assert [one["model"] for one in calls] == asked
    assert not calls[0]["compressed"]
    assert calls[-1]["compressed"]
    ids = [one["compression_id"] for one in calls]
    steps = [number for number in range(1, len(ids)) if ids[number] != ids[number - 1]]
    # The tool answered in the same words each time: old answers refer to the first one.
    assert json.dumps(prompts[-1]).count("There is no preset") < len(asked) - 1
    # Between two steps nothing changes in front of what is new, so the provider's cache of the prompt holds.
    for number in set(range(1, len(ids))) - set(steps):
        assert prompts[number][: len(prompts[number - 1]) - 1] == prompts[number - 1][:-1]
