"""A day of the fleet as usage records, the same for the same fleet and day, however often and whenever it is asked.

1. Every agent has a number of conversations, drawn around its habit, fewer on weekends, begun at hours by weight.
2. A conversation asks in turns. The prompt grows by the ask, the answers and the results of tools; what was sent
   within the last five minutes is read from the provider's cache.
3. A call fails now and then; the agent tries again, then takes another model. Small models name chats.
4. The last call of a conversation says whether the task was solved.

No amounts of money: what a call costs is the price book's to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from .habits import EMBEDDING, Habit, Slot, cast

Record = dict[str, Any]

ERRORS = {"429": 5, "timeout": 3, "500": 2, "context_length": 1}
CACHE_MINUTES = 5
CACHE_BLOCK = 128
SMALLEST_CACHED = 1024
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Fleet:
    """Which fleet: `agents` of the cast, `rate` times as busy as usual (1 is about a call a minute over a week)."""

    seed: int = 1
    agents: int = 6
    rate: float = 1.0

    def key(self) -> str:
        """Short and the same for the same fleet: a part of every id."""
        return sha256(f"{self.seed} {self.agents} {self.rate!r}".encode()).hexdigest()[:8]


def day_of(fleet: Fleet, day: date) -> list[Record]:
    """The records of a UTC day, by time. A conversation belongs to the day it began and may run into the next."""
    records = []
    for number, habit in enumerate(cast(fleet.agents)):
        dice = Random(f"{fleet.key()} {day} {number}")
        prefix = f"demo-{fleet.key()}-{day:%Y%m%d}-{number}"
        records += _Agent(habit, dice, prefix).day(day, fleet.rate)
    return sorted(records, key=lambda record: (record["occurred_at"], record["id"]))


class _Agent:
    """One agent on one day."""

    def __init__(self, habit: Habit, dice: Random, prefix: str) -> None:
        self.habit, self.dice, self.prefix = habit, dice, prefix
        self.count = 0

    def day(self, day: date, rate: float) -> list[Record]:
        habit = self.habit
        mean = habit.conversations * rate * (habit.weekend if day.weekday() >= SATURDAY else 1.0)
        drawn = max(0.0, self.dice.gauss(mean, mean**0.5))
        # Seldom agents have a conversation on some days only.
        number = int(drawn) + (self.dice.random() < drawn % 1)
        return [record for _ in range(number) for record in self._conversation(self._begin(day))]

    def _begin(self, day: date) -> datetime:
        hour = self.dice.choices(range(24), weights=self.habit.hours)[0]
        seconds = self.dice.randrange(3600)
        return datetime(day.year, day.month, day.day, hour, tzinfo=UTC) + timedelta(seconds=seconds)

    def _conversation(self, begins: datetime) -> Iterator[Record]:
        talk = _Talk(self, begins)
        yield from talk.play()

    def identity(self) -> str:
        """The next id."""
        self.count += 1
        return f"{self.prefix}-{self.count}"

    def around(self, mean: float, spread: float = 0.5) -> int:
        """A whole number of at least 1 around a mean, with a long tail."""
        return max(1, round(mean * self.dice.lognormvariate(-spread * spread / 2, spread)))

    def repeated(self, mean: float) -> int:
        """How often something happens that on average happens `mean` times."""
        count, left = 0, self.dice.expovariate(1.0)
        while left < mean:
            count, left = count + 1, left + self.dice.expovariate(1.0)
        return count


class _Talk:
    """One conversation: its clock, its growing prompt and what of it is cached."""

    def __init__(self, agent: _Agent, begins: datetime) -> None:
        self.agent, self.habit, self.dice, self.at = agent, agent.habit, agent.dice, begins
        self.slot = self.dice.choices([slot for slot, _ in self.habit.main], [w for _, w in self.habit.main])[0]
        self.prompt = self.habit.system_tokens
        self.cached, self.cached_until = 0, begins
        identity = agent.identity()
        self.common: Record = {
            "project": self.habit.project,
            "agent": self.habit.agent,
            "conversation_id": f"{identity}-talk",
            "tags": self.habit.tags,
        }
        if self.habit.users:
            # A few people ask most.
            rank = int(self.habit.users ** self.dice.random())
            self.common["user"] = f"user-{rank:03d}@demo.example"

    def play(self) -> list[Record]:
        turns = 1 + self.agent.repeated(self.habit.turns - 1)
        records = [record for turn in range(turns) for record in self._turn(turn)]
        calls = [record for record in records if record.get("operation") is None and record["role"] == "chat"]
        if calls:
            calls[-1]["success"] = calls[-1]["status"] == "ok" and self.dice.random() < self.habit.success_rate
        return records

    def _turn(self, turn: int) -> Iterator[Record]:
        if turn:
            self._pass(self.agent.around(40_000, 0.9))
        self.prompt += self.agent.around(self.habit.ask_tokens, 0.7)
        if self.habit.embeds:
            yield self._embedding()
        yield from self._main()
        for _ in range(self.agent.repeated(self.habit.tools_a_turn)):
            yield self._tool()
            yield from self._main()
        if turn == 0 and self.habit.utility is not None:
            yield self._utility(self.habit.utility)

    def _main(self) -> Iterator[Record]:
        """A call of the main model: once, or after a failure once more, or by another model."""
        request, slot = f"{self.agent.identity()}-request", self.slot
        for attempt in (1, 2, 3):
            failed = self.dice.random() < self.habit.failure_rate * (1 if attempt == 1 else 8)
            yield self._call(slot, request, attempt, failed)
            if not failed:
                return
            self._pass(self.agent.around(2_000 * attempt))
            if attempt == 2:
                slot = next((other for other, _ in self.habit.main if other is not slot), slot)

    def _call(self, slot: Slot, request: str, attempt: int, failed: bool) -> Record:
        reads = self._cache_reads(slot)
        output = 0 if failed else self.agent.around(self.habit.answer_tokens, 0.8)
        thought = int(output * slot.reasoning_share / (1 - slot.reasoning_share)) if output else 0
        first = self.agent.around(slot.first_token_ms + self.prompt * 0.02, 0.35)
        record = self._record(slot, self.prompt, output + thought, role="chat", task_type=self.habit.task) | {
            "request_id": request,
            "attempt": attempt,
            "cache_read_input_tokens": reads,
            "cache_creation_input_tokens": self._cache_writes(slot, reads),
            "reasoning_output_tokens": thought,
            "tier": self.habit.tier,
            "service_tier": self.habit.service_tier,
        }
        if failed:
            record |= {"status": "error", "error_type": self.dice.choices(list(ERRORS), list(ERRORS.values()))[0]}
            record["latency_ms"] = self.agent.around(first * 2)
        elif self.habit.service_tier == "standard":
            record["time_to_first_token_ms"] = first
            record["latency_ms"] = first + self.agent.around(slot.ms_per_token * (output + thought), 0.3)
        self._pass(record.get("latency_ms", 0))
        self.prompt += output
        self.cached, self.cached_until = self.prompt, self.at + timedelta(minutes=CACHE_MINUTES)
        return record

    def _cache_reads(self, slot: Slot) -> int:
        """Whole blocks of what was sent before, if that is not too long ago and enough to be cached."""
        known = min(self.cached, self.prompt) // CACHE_BLOCK * CACHE_BLOCK
        return known if slot.caches and self.at < self.cached_until and known >= SMALLEST_CACHED else 0

    def _cache_writes(self, slot: Slot, reads: int) -> int:
        fresh = (self.prompt - reads) // CACHE_BLOCK * CACHE_BLOCK
        return fresh if slot.caches == "writes" and self.prompt >= SMALLEST_CACHED else 0

    def _tool(self) -> Record:
        names, weights = zip(*self.habit.tools, strict=True)
        took = self.agent.around(350, 0.9)
        record = {
            "id": self.agent.identity(),
            "occurred_at": _written(self.at),
            **self.common,
            "operation": "execute_tool",
            "tool": self.dice.choices(names, weights)[0],
            "latency_ms": took,
        }
        self._pass(took)
        self.prompt += self.agent.around(self.habit.tool_result_tokens, 0.9)
        return record

    def _utility(self, slot: Slot) -> Record:
        sent, answered = self.agent.around(380), self.agent.around(9, 0.3)
        record = self._record(slot, sent, answered, role="utility", task_type="rename_chat")
        record["latency_ms"] = self.agent.around(slot.first_token_ms, 0.3)
        return record

    def _embedding(self) -> Record:
        record = self._record(EMBEDDING, self.agent.around(60), 0, role="embedding", task_type="memory_recall")
        return record | {"operation": "embeddings", "latency_ms": self.agent.around(EMBEDDING.first_token_ms, 0.3)}

    def _record(self, slot: Slot, sent: int, answered: int, *, role: str, task_type: str) -> Record:
        return {
            "id": self.agent.identity(),
            "occurred_at": _written(self.at),
            **self.common,
            "provider": slot.provider,
            "model": slot.model,
            "role": role,
            "task_type": task_type,
            "input_tokens": sent,
            "output_tokens": answered,
            "status": "ok",
        }

    def _pass(self, milliseconds: int) -> None:
        self.at += timedelta(milliseconds=milliseconds)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
