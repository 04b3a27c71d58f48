"""Does compression keep what later calls need? Conversations of agents, compressed before every call of a tool.

`python -m benchmarks.compression` makes conversations up from a seed (`benchmarks/tool_talks.py`); with a PATH the
tau-bench trace (`tau_bench_gpt4o_airline.json.gz`) is measured too. For every tool call, the history before it (without
the system prompt) is compressed to 70 % and 50 % of its tokens. Told is the share of argument values of that call and
of all later calls which stood in the history and still stand in it; the same for dropping random messages and for
keeping the newest ones, to the same number of tokens, and how much is what nothing may be taken from. With the trace,
the same for what users stated in 30 of its conversations, marked by hand (`benchmarks/stated.py`).

Then how long 32,000 tokens take, in processor time of this process, with the counting of all tokens before and after,
and with the quality measure that the API tells with them. Nothing is remembered from one run to the next.
"""

import gc
import gzip
import hashlib
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.costs.domain.tokens import count
from apps.routing.domain.compression import Message, compress, share_kept

from .stated import MARKS
from .tool_talks import talks

MODEL = "gpt-4o"
SHARES = (0.7, 0.5)
KEEP_RECENT = 5
KEEP_LITTLE = 2
MADE_UP = 60
SEED = 7
BIG_TOKENS = 32_000
LONG = 1_000
"""Tokens: shorter histories are nothing anybody compresses."""
Texts = Sequence[str | None]
"""None: the message is gone, with its calls."""
Method = Callable[[Sequence[Message], int], Texts]


@dataclass
class Told:
    """What one method did to all histories."""

    asked: int = 0
    kept: int = 0
    before: int = 0
    after: int = 0
    shares: list[float] = field(default_factory=list)
    met: list[bool] = field(default_factory=list)
    met_long: list[bool] = field(default_factory=list)


def main(paths: Sequence[str]) -> int:
    measure("made up", list(talks(SEED, MADE_UP)))
    for path in paths:
        with gzip.open(path, "rt") as file:
            trace = [conversation["traj"] for conversation in json.load(file)]
        measure("tau-bench", trace)
        stated(trace)
    return 0


def measure(name: str, conversations: Sequence[Any]) -> None:
    """Print the table of some conversations."""
    print(f"{name}: {len(conversations)} conversations, {sum(len(calls(one)) for one in conversations)} calls of tools")
    print(
        f"{'target':>7} {'method':<15} {'values':>7} {'kept':>8} {'of all tokens':>14} {'mean history':>13} "
        f"{'target met':>11} {f'met over {LONG:,}':>15}"
    )
    for share in SHARES:
        for method, act in METHODS.items():
            print(line(share, method, measured(conversations, share, act)))
    untouchable(conversations)
    speed(conversations)


def untouchable(conversations: Sequence[Any]) -> None:
    """How much no method may take: what users said, calls of tools, and the newest messages, as narrow as they get."""
    floors = [(before, floor) for trajectory in conversations for before, floor in floors_of(trajectory)]
    whole = sum(before for before, _ in floors)
    print(f"never touched: {sum(floor for _, floor in floors) / whole:.1%} of all tokens")
    for share in SHARES:
        above = [floor > before * share for before, floor in floors]
        long = [floor > before * share for before, floor in floors if before > LONG]
        best = sum(max(floor, before * share) for before, floor in floors) / whole
        print(
            f"{share:>7.0%} they alone are more in {statistics.mean(above):.1%} of the histories, in "
            f"{statistics.mean(long):.1%} of those over {LONG:,}; who stops at the target leaves {best:.1%} of all"
        )


def floors_of(trajectory: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Of the history before each call, its tokens and those of what is never touched."""
    messages = [as_message(raw) for raw in trajectory]
    narrow = compress(messages, target=0, keep_recent=len(messages), count=_count).sizes
    sizes, spelled = [tokens(one) for one in messages], [_count(one.calls) for one in messages]
    stays = [size if one.role == "user" else calls for one, size, calls in zip(messages, sizes, spelled, strict=True)]
    for place in calls(trajectory):
        newest = max(1, place - KEEP_RECENT)
        yield sum(sizes[1:place]), sum(stays[1:newest]) + sum(narrow[newest:place])


def stated(conversations: Sequence[Any]) -> None:
    """Of what users stated before each call, by the marks, the share that still stands in what they said."""
    print(f"stated by users: {sum(map(len, MARKS.values()))} marks in {len(MARKS)} conversations, before every call")
    for share in SHARES:
        for name, method in METHODS.items():
            asked = kept = 0
            for number, marks in MARKS.items():
                trajectory = conversations[number]
                words = [(mark[0], wording(trajectory, *mark)) for mark in marks]
                for end in calls(trajectory):
                    history = [as_message(raw) for raw in trajectory[1:end]]
                    texts = method(history, int(sum(map(tokens, history)) * share))
                    wanted = [(place, text) for place, text in words if place < end]
                    asked += len(wanted)
                    kept += sum(text in (texts[place - 1] or "") for place, text in wanted)
            print(f"{share:>7.0%} {name:<15} {asked:>7,} {kept / asked:>8.2%}")


def wording(trajectory: Sequence[Any], place: int, start: int, end: int, digest: str) -> str:
    """The marked words. Raises ValueError when the trace is not the one that was marked."""
    text: str = trajectory[place]["content"][start:end]
    if hashlib.sha256(text.encode()).hexdigest()[: len(digest)] != digest:
        raise ValueError(f"message {place} is not the one that was marked")
    return text


def measured(conversations: Sequence[Any], share: float, method: Method) -> Told:
    """What a method keeps and leaves."""
    told = Told()
    for trajectory in conversations:
        sizes = [tokens(one) for one in (as_message(raw) for raw in trajectory)]
        wants = [list(values(raw)) for raw in trajectory]
        for place in calls(trajectory):
            history = [as_message(raw) for raw in trajectory[1:place]]
            before = sum(sizes[1:place])
            texts = method(history, int(before * share))
            left = [f"{text}{one.calls}" for one, text in zip(history, texts, strict=True) if text is not None]
            after = sum(map(_count, left))
            told.before, told.after = told.before + before, told.after + after
            told.shares.append(after / before)
            told.met.append(after <= before * share * 1.02)
            if before > LONG:
                told.met_long.append(told.met[-1])
            old = "\n".join(f"{one.text}\n{one.calls}" for one in history).lower()
            new = "\n".join(left).lower()
            wanted = {value for later in wants[place:] for value in later if value in old}
            told.asked += len(wanted)
            told.kept += sum(value in new for value in wanted)
    return told


def ours(history: Sequence[Message], target: int, keep_recent: int) -> Texts:
    """Bursar's own."""
    return compress(history, target=target, keep_recent=keep_recent, count=_count).texts


def recent(history: Sequence[Message], target: int) -> Texts:
    """The newest messages that fit."""
    texts: list[str | None] = [None] * len(history)
    room = target
    for place in reversed(range(len(history))):
        room -= tokens(history[place])
        if room < 0:
            break
        texts[place] = history[place].text
    return texts


def shuffled(history: Sequence[Message], target: int) -> Texts:
    """Random messages that fit; the newest ones stay."""
    places = list(range(max(0, len(history) - KEEP_RECENT)))
    random.Random(len(history)).shuffle(places)
    texts: list[str | None] = [one.text for one in history]
    left = sum(tokens(one) for one in history)
    for place in places:
        if left <= target:
            break
        left -= tokens(history[place])
        texts[place] = None
    return texts


METHODS: dict[str, Method] = {
    "Bursar": lambda history, target: ours(history, target, KEEP_RECENT),
    "Bursar, keep 2": lambda history, target: ours(history, target, KEEP_LITTLE),
    "keep recent": recent,
    "random": shuffled,
}


def speed(conversations: Sequence[Any]) -> None:
    """How long one compression to half takes, for histories put together to 32,000 tokens."""
    history: list[Message] = []
    size = 0
    for raw in (raw for trajectory in conversations for raw in trajectory[1:]):
        if size >= BIG_TOKENS:
            break
        history.append(as_message(raw))
        size += tokens(history[-1])
    alone, told = [], []
    # What the benchmark itself keeps is none of what is measured.
    gc.collect()
    gc.freeze()
    for _ in range(41):
        began = time.process_time()
        done = compress(history, target=size // 2, keep_recent=KEEP_RECENT, count=lambda text: count(text, MODEL))
        alone.append((time.process_time() - began) * 1000)
        after = (f"{text}\n{one.calls}" for one, text in zip(history, done.texts, strict=True))
        share_kept([one.text for one, text in zip(history, done.texts, strict=True) if text != one.text], after)
        told.append((time.process_time() - began) * 1000)
    for name, times in (("compressed", alone), ("with the share of values kept", told)):
        print(
            f"{size:,} tokens in {len(history)} messages, {name}: {statistics.median(times):.1f} ms at the median, "
            f"{statistics.quantiles(times, n=20)[-1]:.1f} ms at the 95th percentile"
        )


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
    """Exactly, as the service counts them."""
    return _count(f"{one.text}{one.calls}")


_SEEN: dict[str, int] = {}


def _count(text: str) -> int:
    if text not in _SEEN:
        _SEEN[text] = count(text, MODEL)
    return _SEEN[text]


def line(share: float, name: str, told: Told) -> str:
    """A row of the table."""
    return (
        f"{share:>7.0%} {name:<15} {told.asked:>7,} {told.kept / told.asked:>8.2%} {told.after / told.before:>14.1%} "
        f"{statistics.mean(told.shares):>13.1%} {statistics.mean(told.met):>11.1%} "
        f"{statistics.mean(told.met_long):>15.1%}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
