"""Does compression keep what later calls need? Real agent conversations, compressed before every call of a tool.

`python -m benchmarks.compression PATH` with the tau-bench trace (`tau_bench_gpt4o_airline.json.gz`). For every tool
call, the history before it (without the system prompt) is compressed to 70 % and 50 % of its tokens. Told is the share
of argument values of that call and of all later calls which stood in the history and still stand in it; the same for
dropping random messages and for keeping the newest ones, to the same number of tokens. Then how long 32,000 tokens
take, in processor time of this process.
"""

import gzip
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from apps.costs.domain.tokens import count
from apps.routing.domain.compression import Message, compress

MODEL = "gpt-4o"
SHARES = (0.7, 0.5)
KEEP_RECENT = 5
LETTERS_PER_TOKEN = 3.6
BIG_TOKENS = 32_000
Method = Callable[[Sequence[Message], int], list[str]]


def main(path: str) -> int:
    with gzip.open(path, "rt") as file:
        conversations = [conversation["traj"] for conversation in json.load(file)]
    methods: dict[str, Method] = {"Bursar": ours, "keep recent": recent, "random": shuffled}
    print(f"{len(conversations)} conversations, {sum(len(calls(one)) for one in conversations)} calls of tools")
    print(f"{'target':>7} {'method':<12} {'values':>8} {'kept':>9} {'tokens left':>12} {'target met':>11}")
    for share in SHARES:
        for name, method in methods.items():
            print(line(share, name, *measured(conversations, share, method)))
    speed(conversations)
    return 0


def measured(conversations: Sequence[Any], share: float, method: Method) -> tuple[int, int, float, float]:
    """Values asked for, values kept, the mean share of tokens left, the share of histories that met the target."""
    asked = kept = 0
    left, met = [], []
    for trajectory in conversations:
        sizes = [tokens(one) for one in (as_message(raw) for raw in trajectory)]
        for place in calls(trajectory):
            history = [as_message(raw) for raw in trajectory[1:place]]
            before = sum(sizes[1:place])
            texts = method(history, int(before * share))
            after = sum(tokens(Message(one.role, text, one.calls)) for one, text in zip(history, texts, strict=True))
            left.append(after / before)
            met.append(after <= before * share * 1.02)
            old = "\n".join(f"{one.text}\n{one.calls}" for one in history).lower()
            new = "\n".join(f"{text}\n{one.calls}" if text else "" for one, text in zip(history, texts, strict=True))
            new = new.lower()
            wanted = {value for later in trajectory[place:] for value in values(later) if value in old}
            asked += len(wanted)
            kept += sum(value in new for value in wanted)
    return asked, kept, statistics.mean(left), statistics.mean(met)


def ours(history: Sequence[Message], target: int) -> list[str]:
    """Bursar's own."""
    return compress(history, target=target, keep_recent=KEEP_RECENT, estimate=estimate).texts


def recent(history: Sequence[Message], target: int) -> list[str]:
    """The newest messages that fit."""
    texts, room = [""] * len(history), target
    for place in reversed(range(len(history))):
        room -= tokens(history[place])
        if room < 0:
            break
        texts[place] = history[place].text
    return texts


def shuffled(history: Sequence[Message], target: int) -> list[str]:
    """Random messages that fit; the newest ones stay."""
    places = list(range(max(0, len(history) - KEEP_RECENT)))
    random.Random(len(history)).shuffle(places)
    texts = [one.text for one in history]
    left = sum(tokens(one) for one in history)
    for place in places:
        if left <= target:
            break
        left -= tokens(history[place])
        texts[place] = ""
    return texts


def speed(conversations: Sequence[Any]) -> None:
    """How long one compression to half takes, for histories put together to 32,000 tokens."""
    history: list[Message] = []
    size = 0
    for trajectory in conversations:
        for raw in trajectory[1:]:
            history.append(as_message(raw))
            size += tokens(history[-1])
        if size >= BIG_TOKENS:
            break
    times = []
    for _ in range(15):
        began = time.process_time()
        ours(history, size // 2)
        times.append((time.process_time() - began) * 1000)
    print(f"{size:,} tokens in {len(history)} messages: {statistics.median(times):.1f} ms at the median")


def as_message(raw: dict[str, Any]) -> Message:
    """A message of the trace."""
    made = raw.get("tool_calls") or ()
    spelled = "\n".join(f"{one['function']['name']} {one['function']['arguments']}" for one in made)
    return Message(raw["role"], raw.get("content") or "", spelled)


def calls(trajectory: Sequence[Any]) -> list[int]:
    """Where tools are called."""
    return [place for place, raw in enumerate(trajectory) if raw.get("tool_calls") and place > 1]


def values(raw: dict[str, Any]) -> Iterator[str]:
    """The argument values of a message's calls, as words: single texts and numbers at any depth."""
    for one in raw.get("tool_calls") or ():
        yield from _leaves(json.loads(one["function"]["arguments"]))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, str) and value:
        yield value.lower()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)


def tokens(one: Message) -> int:
    """Exactly."""
    return _count(one.text) + _count(one.calls)


def estimate(text: str) -> int:
    """As the service does: letters tell enough while compressing."""
    return round(len(text) / LETTERS_PER_TOKEN)


_SEEN: dict[str, int] = {}


def _count(text: str) -> int:
    if text not in _SEEN:
        _SEEN[text] = count(text, MODEL)
    return _SEEN[text]


def line(share: float, name: str, asked: int, kept: int, left: float, met: float) -> str:
    """A row of the table."""
    return f"{share:>7.0%} {name:<12} {asked:>8,} {kept / asked:>9.2%} {left:>12.1%} {met:>11.1%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
