"""Usage as a fleet of agents sends it, from a fixed seed: 20 projects, 200 agents, 30 models, 40 tasks, 60 tools."""

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

NAMES = {
    "openai": "gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-mini o3 o4-mini gpt-5 gpt-5-mini gpt-5-nano",
    "anthropic": "claude-sonnet-4-20250514 claude-opus-4-20250514 claude-3-7-sonnet-20250219"
    " claude-3-5-haiku-20241022 claude-sonnet-4-5",
    "google": "gemini-2.5-pro gemini-2.5-flash gemini-2.0-flash gemini-1.5-pro gemini-2.5-flash-lite",
    "mistral": "mistral-large-latest mistral-small-latest codestral-latest ministral-8b-latest ministral-3b-latest",
    "groq": "llama-3.3-70b-versatile llama-3.1-8b-instant",
    "deepseek": "deepseek-chat deepseek-reasoner",
    "x-ai": "grok-4-0709",
}
MODELS = [(provider, name) for provider, names in NAMES.items() for name in names.split()]
EXPONENT = 1.1


def zipf(count: int) -> list[float]:
    """Cumulative weights of ranks 1 to count under Zipf's law with exponent 1.1."""
    return list(accumulate(1 / rank**EXPONENT for rank in range(1, count + 1)))


ROLES = ("chat", "utility")


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent's habits: a model for each of its roles, a few kinds of task, and the people it works for."""

    name: str
    project: str
    models: dict[str, tuple[str, str]]
    tasks: tuple[str, ...]
    users: tuple[str, ...]


class Fleet:
    """Makes records of 200 agents in 20 projects; a batch comes from the ten agents of one project."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.models, self.tasks, self.tools = zipf(len(MODELS)), zipf(40), zipf(60)
        habits = random.Random(2026)
        self.agents = [self._agent(number, habits) for number in range(200)]
        self.projects, self.colleagues = zipf(20), zipf(10)

    def _agent(self, number: int, draw: random.Random) -> Agent:
        models = {role: MODELS[draw.choices(range(len(MODELS)), cum_weights=self.models)[0]] for role in ROLES}
        tasks = tuple(f"task-{task}" for task in draw.choices(range(40), cum_weights=self.tasks, k=8))
        users = tuple(f"user-{number * 10 + user}" for user in range(10))
        return Agent(f"agent-{number}", f"project-{number % 20}", models, tasks, users)

    def pick(self, weights: list[float]) -> int:
        """A rank, from 0, by cumulative weights."""
        return self.random.choices(range(len(weights)), cum_weights=weights)[0]

    def record(self, agent: Agent, moment: datetime) -> dict[str, Any]:
        """One model call, about 450 bytes of JSON; one in eight names the tool it was made for."""
        draw = self.random
        role = "chat" if draw.random() < 0.8 else "utility"
        provider, model = agent.models[role]
        inputs = int(draw.lognormvariate(7.5, 1.2)) + 1
        record: dict[str, Any] = {
            "id": self._id(moment),
            "occurred_at": (moment - timedelta(seconds=draw.random() * 60)).isoformat(timespec="milliseconds"),
            "provider": provider,
            "model": model,
            "project": agent.project,
            "agent": agent.name,
            "user": draw.choice(agent.users),
            "conversation_id": f"{agent.name}-{moment:%d%H%M}-{draw.randrange(3)}",
            "task_type": draw.choice(agent.tasks),
            "role": role,
            "input_tokens": inputs,
            "output_tokens": int(draw.lognormvariate(5, 1)) + 1,
            "cache_read_input_tokens": int(inputs * draw.random()) if draw.random() < 0.5 else 0,
            "latency_ms": int(draw.lognormvariate(7.5, 0.6)),
            "time_to_first_token_ms": int(draw.lognormvariate(6, 0.5)),
            "status": "ok" if draw.random() < 0.97 else "error",
        }
        if draw.random() < 0.125:
            record["tool"] = f"tool-{self.pick(self.tools)}"
        return record

    def _id(self, moment: datetime) -> str:
        """A UUIDv7 of the moment, as agents are told to make them."""
        draw = self.random.getrandbits
        value = int(moment.timestamp() * 1000) << 80 | 7 << 76 | draw(12) << 64 | 2 << 62 | draw(62)
        return str(uuid.UUID(int=value))

    def batch(self, size: int, moment: datetime | None = None) -> list[dict[str, Any]]:
        """Records of the minute before a moment (default: now), of one project's agents."""
        moment, project = moment or datetime.now(UTC), self.pick(self.projects)
        return [self.record(self.agents[project + 20 * self.pick(self.colleagues)], moment) for _ in range(size)]
