"""The cast of the demo: agents with different habits. Plain data; costs are left to the price book."""

from dataclasses import dataclass, field

SUPPORT, ENGINEERING = "demo support", "demo engineering"
PROJECTS = (SUPPORT, ENGINEERING)

# How busy each hour of a UTC day is, as weights.
OFFICE = (0, 0, 0, 0, 0, 0, 1, 3, 7, 10, 10, 9, 6, 8, 10, 9, 8, 6, 3, 2, 1, 1, 0, 0)
ROUND_THE_CLOCK = (3, 2, 2, 2, 2, 3, 4, 6, 9, 10, 10, 9, 9, 10, 10, 9, 8, 8, 7, 7, 6, 5, 4, 3)
NIGHT = (0, 0, 10, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Slot:
    """A model an agent uses: times in ms, `ms_per_token` of output, and how the provider's prompt cache works."""

    provider: str
    model: str
    first_token_ms: int
    ms_per_token: float
    reasoning_share: float = 0.0
    caches: str = ""
    """`reads`: known beginnings of prompts are read. `writes`: besides, new ones are reported as written. "": none."""


GPT_41 = Slot("openai", "gpt-4.1", 620, 11, caches="reads")
GPT_41_MINI = Slot("openai", "gpt-4.1-mini", 410, 7, caches="reads")
GPT_5_MINI = Slot("openai", "gpt-5-mini", 900, 9, reasoning_share=0.5, caches="reads")
SONNET = Slot("anthropic", "claude-sonnet-4-5", 1100, 14, caches="writes")
HAIKU = Slot("anthropic", "claude-haiku-4-5", 520, 6, caches="writes")
GEMINI_PRO = Slot("google", "gemini-2.5-pro", 1800, 8, reasoning_share=0.6, caches="reads")
GEMINI_FLASH = Slot("google", "gemini-2.5-flash", 480, 4, caches="reads")
DEEPSEEK = Slot("deepseek", "deepseek-chat", 1300, 22, caches="reads")
EMBEDDING = Slot("openai", "text-embedding-3-small", 120, 0)


@dataclass(frozen=True, slots=True)
class Habit:
    """How one agent works. Conversations a working day, turns a conversation, calls of tools a turn: all on average.

    `main` and `utility` list models with weights; the second of `main` takes over when a call fails for good.
    """

    project: str
    agent: str
    hours: tuple[int, ...]
    weekend: float
    conversations: float
    turns: float
    users: int
    task: str
    main: tuple[tuple[Slot, int], ...]
    utility: Slot | None = None
    tools: tuple[tuple[str, int], ...] = ()
    tools_a_turn: float = 0.0
    system_tokens: int = 1500
    ask_tokens: int = 120
    answer_tokens: int = 260
    tool_result_tokens: int = 500
    failure_rate: float = 0.012
    success_rate: float = 0.9
    service_tier: str = "standard"
    embeds: bool = False
    tier: str = "standard"
    tags: dict[str, str] = field(default_factory=dict)


CAST = (
    Habit(
        SUPPORT, "support-bot", ROUND_THE_CLOCK, 0.55, 72, 3.4, 220, "main_loop",
        main=((HAIKU, 7), (GPT_41_MINI, 2), (SONNET, 1)), utility=GPT_41_MINI,
        tools=(("knowledge_base", 6), ("order_lookup", 5), ("refund", 1), ("hand_over", 1)), tools_a_turn=0.7,
        system_tokens=2600, answer_tokens=170, success_rate=0.86, embeds=True, tags={"team": "care"},
    ),
    Habit(
        ENGINEERING, "coding-agent", OFFICE, 0.12, 14, 7, 18, "code",
        main=((SONNET, 8), (GPT_41, 2)), utility=GPT_41_MINI,
        tools=(("read_file", 9), ("edit_file", 6), ("run_tests", 4), ("search_code", 4), ("shell", 3)),
        tools_a_turn=2.6, system_tokens=5200, ask_tokens=220, answer_tokens=520, tool_result_tokens=1400,
        failure_rate=0.02, success_rate=0.78, tier="premium", tags={"team": "platform"},
    ),
    Habit(
        ENGINEERING, "researcher", OFFICE, 0.3, 7, 5, 9, "research",
        main=((GEMINI_PRO, 5), (GPT_5_MINI, 4), (DEEPSEEK, 1)), utility=GEMINI_FLASH,
        tools=(("web_search", 6), ("fetch_page", 7), ("notes", 2)), tools_a_turn=2.2, system_tokens=1800,
        ask_tokens=160, answer_tokens=900, tool_result_tokens=3800, failure_rate=0.025, success_rate=0.81,
        embeds=True, tier="premium", tags={"team": "insight"},
    ),
    Habit(
        SUPPORT, "nightly-batch", NIGHT, 1.0, 60, 1, 0, "classify",
        main=((GPT_41_MINI, 6), (GEMINI_FLASH, 3)), system_tokens=900, ask_tokens=1500, answer_tokens=90,
        failure_rate=0.004, success_rate=0.97, service_tier="batch", tier="simple", tags={"team": "care"},
    ),
    Habit(
        SUPPORT, "support-bot/triage", ROUND_THE_CLOCK, 0.55, 70, 1, 220, "triage",
        main=((GPT_41_MINI, 6), (GEMINI_FLASH, 4)), system_tokens=700, ask_tokens=140, answer_tokens=40,
        success_rate=0.95, tier="simple", tags={"team": "care"},
    ),
    Habit(
        ENGINEERING, "review-bot", OFFICE, 0.05, 22, 1.6, 18, "review",
        main=((GPT_41, 5), (SONNET, 3), (DEEPSEEK, 2)), tools=(("read_diff", 5), ("comment", 3)), tools_a_turn=1.1,
        system_tokens=1600, ask_tokens=2400, answer_tokens=420, tool_result_tokens=900, success_rate=0.88,
        tags={"team": "platform"},
    ),
)  # fmt: skip


def cast(agents: int) -> tuple[Habit, ...]:
    """So many agents: the cast in order, then numbered doubles of it. Raises ValueError below 1."""
    if agents < 1:
        raise ValueError(f"a fleet has at least one agent, not {agents}")
    return tuple(_double(CAST[number % len(CAST)], number // len(CAST)) for number in range(agents))


def _double(habit: Habit, number: int) -> Habit:
    if not number:
        return habit
    values = {name: getattr(habit, name) for name in Habit.__slots__}
    return Habit(**{**values, "agent": f"{habit.agent}-{number + 1}"})
