"""OpenAI's Responses API as far as the played provider speaks it: one message of text, streamed or not."""

from typing import Any


def refusal(body: dict[str, Any]) -> str | None:
    """Why OpenAI would not take it."""
    if "include_usage" in (body.get("stream_options") or {}):
        return "Unknown parameter: 'stream_options.include_usage'."
    return None


def usage_of(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    """The counts of chat completions, as this API spells them."""
    if usage is None:
        return None
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage["prompt_tokens"] + usage["completion_tokens"],
    }


def whole(
    body: dict[str, Any], text: str, usage: dict[str, Any] | None, *, status: str = "completed"
) -> dict[str, Any]:
    """The response object."""
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [part]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": body["model"],
        "output": [message] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage_of(usage) if status == "completed" else None,
    }


def events(body: dict[str, Any], pieces: list[str], usage: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The events of a stream, in order."""
    text = "".join(pieces)
    done = whole(body, text, usage)
    [message] = done["output"]
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": whole(body, "", None, status="in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
        {"type": "response.content_part.added", **at, "part": {**message["content"][0], "text": ""}},
        *[{"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []} for piece in pieces],
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": message["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": done},
    ]
    return [{**one, "sequence_number": number} for number, one in enumerate(told)]
