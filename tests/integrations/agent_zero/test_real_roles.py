"""Calls that pass no hook of the agent, in the real trees: embeddings of the memory, compaction, the browser."""

from typing import Any

from tests.integrations.agent_zero.provider import Answer, Plane, say
from tests.integrations.agent_zero.tree import NEEDS_TREE, USAGE, Zero, always, is_main, needs, told_of, zero

__all__ = ["zero"]
pytestmark = NEEDS_TREE


def test_embeddings_of_the_memory_are_told_with_their_chat(zero: Zero) -> None:
    needs("faiss", "langchain_community")
    zero.switch("_memory", on=True)
    plane = Plane()
    told, provider = zero.run("Remember that I like tea.", play=always(say("I will.")), plane=plane)

    assert told["answers"] == ["I will."]
    embeddings = told_of(plane, operation="embeddings")
    assert len(embeddings) == len(provider.embedded) > 0
    assert sum(one["input_tokens"] for one in embeddings) == 7 * sum(
        len(body["input"]) if isinstance(body["input"], list) else 1 for body in provider.embedded
    )
    assert {(one["role"], one["provider"], one["model"], one["status"]) for one in embeddings} == {
        ("embedding", "openai", "text-embedding-3-small", "ok")
    }
    assert {one["task_type"] for one in embeddings} <= {"memory", "memory_recall", "memorize", "embedding"}
    assert {one.get("conversation_id") for one in embeddings} == {told["context"]}
    # What the memory asks of the utility model is told by its own names, with the provider's counts.
    utility = told_of(plane, role="utility")
    assert {one["task_type"] for one in utility} <= {"memory_recall", "memorize", "memory", "rename_chat"}
    assert {one["input_tokens"] for one in utility} == {USAGE["prompt_tokens"]}


def test_compaction_is_told_with_the_providers_counts(zero: Zero) -> None:
    plane = Plane()

    def play(body: dict[str, Any], _: int) -> Answer:
        if not is_main(body):
            return Answer("title", usage=USAGE)
        return Answer(
            "A summary." if "Compact" in str(body) or "ummar" in str(body["messages"][0]) else say("Hi!"), usage=USAGE
        )

    told, _ = zero.run("Hello.", play=play, plane=plane, then="compact")

    assert "Context compacted" in told["done"]
    [record] = told_of(plane, task_type="compaction")
    assert (record["role"], record["model"], record["conversation_id"]) == ("chat", "main-model", told["context"])
    assert (record["input_tokens"], record["output_tokens"], record["cache_read_input_tokens"]) == (4321, 21, 4000)
    assert "usage_source" not in record


def test_the_browsers_model_is_a_role_of_its_own(zero: Zero) -> None:
    if (zero.copy / "plugins" / "_browser_agent").is_dir():
        needs("browser_use")
        zero.switch("_browser_agent", on=True)
    else:
        zero.switch("_browser", on=True)
    plane = Plane()
    told, _ = zero.run("Hello.", play=always(say("Hi!")), plane=plane, then="browse")

    assert told["done"] == say("Hi!")
    [record] = told_of(plane, role="browser")
    assert (record["task_type"], record["model"], record["conversation_id"]) == (
        "browser",
        "main-model",
        told["context"],
    )
    assert (record["input_tokens"], record["output_tokens"]) == (4321, 21)
