"""tau-bench: whole conversations of an agent with a simulated user, with every message and tool call.

Source: sierra-research/tau-bench, `historical_trajectories/*.json`, an array of `{task_id, trial, reward, info, traj}`;
`traj` lists the messages of the chat API (`role`, `content`, `tool_calls`, `name`, `tool_call_id`).

1. Each assistant message is one model call. Its input is every message before it, its output the message itself.
2. The tokens of a message are those of its content plus those of its tool calls written as JSON without blanks. Each
   message is counted once and added, so a conversation costs as much to count as it is long.
3. Each tool message is one tool execution. A call that asks for a tool was made on that tool's behalf.
4. `reward` 1.0 is a solved task: the last call of the conversation carries `success`.
5. The file has no times. Conversations begin five minutes apart, messages follow each other every five seconds.

Texts are counted and dropped; nothing of them is in a record.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from .fields import present, text
from .rows import Broken, json_values
from .shapes import UNDATED_START, Format, Item, Options, Read, Record, TextSource, Unreadable

BETWEEN_CONVERSATIONS = timedelta(minutes=5)
BETWEEN_MESSAGES = timedelta(seconds=5)
AGENT = "tau-bench"


def read(stream: TextSource, options: Options) -> Iterator[Item]:
    """One record for each assistant and each tool message, numbered through the file."""
    row = 0
    for number, conversation in enumerate(json_values(stream)):
        try:
            messages = list(_records(conversation, options))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = conversation.message if isinstance(conversation, Broken) else f"{type(error).__name__} {error}"
            row += 1
            yield Unreadable(row, "conversation", f"Conversation {number + 1} cannot be read: {what}.")
            continue
        begins = UNDATED_START + number * BETWEEN_CONVERSATIONS
        for place, record in messages:
            row += 1
            yield Read(row, begins + place * BETWEEN_MESSAGES, record)


def tokens_of(message: Mapping[str, Any], options: Options) -> int:
    """The tokens of one message: its content and its tool calls."""
    count = options.count(message.get("content") or "")
    if calls := message.get("tool_calls"):
        count += options.count(json.dumps(calls, separators=(",", ":"), ensure_ascii=False))
    return count


def _records(conversation: Mapping[str, Any], options: Options) -> Iterator[tuple[int, Record]]:
    common = _common(conversation, options)
    messages = conversation["traj"]
    last = max((n for n, message in enumerate(messages) if message["role"] == "assistant"), default=-1)
    before = 0
    for place, message in enumerate(messages):
        tokens = tokens_of(message, options)
        if message["role"] == "assistant":
            record = {
                **common,
                **_model(options),
                "input_tokens": before,
                "output_tokens": tokens,
                **_asks_for(message),
            }
            yield place, record | ({"success": float(conversation["reward"]) == 1.0} if place == last else {})
        elif message["role"] == "tool":
            tool = {"operation": "execute_tool", "tool": text(message["name"])}
            yield place, {**common, **tool, **present(tool_call_id=text(message.get("tool_call_id")))}
        before += tokens


def _common(conversation: Mapping[str, Any], options: Options) -> Record:
    name = f"tau-bench task {conversation['task_id']} trial {conversation['trial']}"
    task = (conversation.get("info") or {}).get("task") or {}
    return {
        "conversation_id": name,
        "task_type": "customer_service",
        "agent": options.agent or AGENT,
        **present(user=text(task.get("user_id"))),
    }


def _asks_for(message: Mapping[str, Any]) -> Record:
    """The tool an assistant message asks for; of several the first."""
    call = next(iter(message.get("tool_calls") or ()), None)
    if call is None:
        return {}
    return present(tool=text(call["function"]["name"]), tool_call_id=text(call.get("id")))


def _model(options: Options) -> Record:
    return {"provider": options.provider, "model": options.model, "role": "chat", "usage_source": "estimate"}


FORMAT = Format(
    "tau-bench",
    "tau-bench trajectories (JSON)",
    read,
    names_model=False,
    is_dated=False,
    default_provider="openai",
    default_model="gpt-4o",
    counts_like="gpt-4o",
)
