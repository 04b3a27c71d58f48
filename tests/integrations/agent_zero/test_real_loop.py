"""The plugin in the real loop of Agent Zero, with a provider and a Bursar that the tests play."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integrations.agent_zero.provider import Answer, Plane, say, tool
from tests.integrations.agent_zero.tree import NEEDS_TREE, USAGE, Zero, always, is_main, zero

__all__ = ["zero"]
pytestmark = NEEDS_TREE


def of_main(plane: Plane) -> list[dict[str, Any]]:
    return [one for one in plane.usage if one.get("role") == "chat" and one.get("operation") != "execute_tool"]


def named(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {"action": "route", "model": {"provider": "openai", "name": name}, "reason": "Because."}


def chosen(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: named(body, name) if body["role"] == "chat" else {}


def test_plain(zero: Zero) -> None:
    plane = Plane()
    told, provider = zero.run("Hello.", play=always(say("Hi!")), plane=plane)

    assert told["answers"] == ["Hi!"]
    [record] = of_main(plane)
    assert (record["input_tokens"], record["output_tokens"], record["cache_read_input_tokens"]) == (4321, 21, 4000)
    assert (record["provider"], record["model"], record["status"]) == ("openai", "main-model", "ok")
    assert (record["task_type"], record["conversation_id"]) == ("main_loop", told["context"])
    assert all("metadata" not in body for body in provider.seen)
    assert {"success": True, "source": "agent"}.items() <= plane.outcomes[0].items()
    assert [one["tool"] for one in plane.usage if one.get("operation") == "execute_tool"] == ["response"]


def test_routed(zero: Zero) -> None:
    plane = Plane(chosen("cheap-model"))
    told, provider = zero.run("Hello.", play=always(say("Hi!")), plane=plane)

    assert told["answers"] == ["Hi!"]
    assert {body["model"] for body in provider.seen if is_main(body)} == {"cheap-model"}
    assert told["override"] is None
    [record] = of_main(plane)
    assert (record["model"], record["decision_id"][:1]) == ("cheap-model", "d")
    assert any("cheap-model takes over" in str(heading) for _, heading, _ in told["lines"])


def test_switch_tool(zero: Zero) -> None:
    def play(body: dict[str, Any], _: int) -> Answer:
        if not is_main(body):
            return Answer("title", usage=USAGE)
        asked = body["model"] == "main-model"
        return Answer(tool("switch_model", to="strong", reason="Hard.") if asked else say("Done."), usage=USAGE)

    plane = Plane()
    told, provider = zero.run("Hello.", play=play, plane=plane)

    assert told["answers"] == ["Done."]
    assert [record["model"] for record in of_main(plane)] == ["main-model", "strong-model"]
    assert told["override"] == {"preset_name": "Strong"}
    assert plane.questions[-1]["pinned"] == {"provider": "openai", "name": "strong-model"}


def test_failover(zero: Zero) -> None:
    def play(body: dict[str, Any], _: int) -> Answer:
        return Answer(status=429) if body["model"] == "main-model" else Answer(say("Hi!"), usage=USAGE)

    plane = Plane(lambda body: {"fallbacks": [{"provider": "openai", "name": "backup-model"}]})
    told, provider = zero.run("Hello.", play=play, plane=plane)

    assert told["answers"] == ["Hi!"]
    first, second = of_main(plane)
    assert (first["status"], first["error_type"], second["status"], second["model"]) == (
        "error",
        "429",
        "ok",
        "backup-model",
    )
    assert len([body for body in provider.seen if body["model"] == "main-model"]) == 1


def test_a_permanent_429_costs_six_requests_not_eighteen(zero: Zero) -> None:
    def play(body: dict[str, Any], _: int) -> Answer:
        return Answer(status=429) if is_main(body) else Answer("title", usage=USAGE)

    plane = Plane()
    told, provider = zero.run("Hello.", play=play, plane=plane)

    # Three tries, and Agent Zero repeats a turn that failed once.
    assert len([body for body in provider.seen if is_main(body)]) == 6
    assert [record["error_type"] for record in of_main(plane)] == ["429"] * 6


def test_tail(zero: Zero) -> None:
    plane = Plane()
    told, _ = zero.run("Hello.", play=always(say("Hi!"), tail=" and so on" * 500), plane=plane)

    if told["answers"] == ["Hi!"]:  # 2.6 itself takes JSON with more behind it for plain text, and reads on
        assert of_main(plane)[0]["usage_source"] == "estimate"


def test_nousage(zero: Zero) -> None:
    plane = Plane()
    told, _ = zero.run("Hello.", play=lambda body, _: Answer(say("Hi!") if is_main(body) else "title"), plane=plane)

    assert told["answers"] == ["Hi!"]
    assert of_main(plane)[0]["input_tokens"] > 100


def test_plane_down(zero: Zero) -> None:
    told, _ = zero.run("Hello.", play=always(say("Hi!")), plane=None, base_url="http://127.0.0.1:9")

    assert told["answers"] == ["Hi!"]


def test_two_messages(zero: Zero) -> None:
    plane = Plane()
    told, _ = zero.run("One.", "Two.", "Three.", play=always(say("Hi!")), plane=plane)

    assert told["answers"] == ["Hi!"] * 3
    records = of_main(plane)
    assert {record["conversation_id"] for record in records} == {told["context"]}
    assert len({record["id"] for record in records}) == len(records) == 3
    assert len({record["task_id"] for record in records}) == 3


def test_the_responses_api(zero: Zero) -> None:
    if not (zero.copy / "helpers" / "litellm_transport.py").exists():
        pytest.skip("version 1.7 speaks chat completions alone")
    zero.use_responses()
    plane = Plane(lambda body: {"fallbacks": [{"provider": "openai", "name": "backup-model"}]})
    failing = always(say("Hi!"))

    def play(body: dict[str, Any], number: int) -> Answer:
        return Answer(status=503) if body["model"] == "main-model" and "Fail." in str(body) else failing(body, number)

    told, provider = zero.run("Hello.", "Fail.", play=play, plane=plane)

    assert told["answers"] == ["Hi!"] * 2
    assert all("input" in body and not body.get("metadata") for body in provider.seen)
    first, failed, went_on = of_main(plane)
    for record, model in ((first, "main-model"), (went_on, "backup-model")):
        assert (record["model"], record["status"]) == (model, "ok")
        assert (record["input_tokens"], record["output_tokens"], record["cache_read_input_tokens"]) == (4321, 21, 4000)
        assert "usage_source" not in record
    assert (failed["status"], failed["error_type"]) == ("error", "503")
    calls = [one for one in plane.usage if one.get("operation") != "execute_tool"]
    assert len(calls) == len(provider.seen)  # nothing is told twice


def test_block(zero: Zero) -> None:
    def decide(body: dict[str, Any]) -> dict[str, Any]:
        return {"action": "block", "reason": "The budget of Support is used up."} if body["role"] == "chat" else {}

    plane = Plane(decide)
    told, provider = zero.run("Hello.", play=always(say("Hi!")), plane=plane)

    assert [body for body in provider.seen if is_main(body)] == []
    assert ["error", "Bursar: the budget is used up", "The budget of Support is used up."] in told["lines"]
    assert len([body for body in plane.questions if body["role"] == "chat"]) == 1
    assert plane.outcomes[0]["success"] is False
