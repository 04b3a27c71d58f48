"""A routing policy: tiers with ordered models, a strategy, rules and settings, as people write it and agents obey it.

A document is the same as JSON: what is drafted, stored and compared. Tiers are a list in it, cheapest first, because
their order means something.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=128)]
TierName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z", description="lower case, begins with a letter")]
KeyName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,47}\Z", description="the name of a key that lives with the agent")
]
Usd = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,15})?\Z", description="a decimal string in USD")]
Share = Annotated[float, Meta(ge=0, le=1)]
Limit = Annotated[int, Meta(ge=1, le=10**12)]
Strategy = Literal["cost_optimized", "balanced", "quality_first"]
Ability = Literal["tools", "vision", "json"]
ModelKey = tuple[str, str]
"""Provider and name, as the policy writes them."""

MAX_TIERS = 12
MAX_MODELS = 20
MAX_RULES = 100
MAX_PARAMETERS_BYTES = 4096


class PolicyModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of a tier. Limits are per minute; without a context window that of the price book holds."""

    provider: Name
    name: Name
    supports: tuple[Ability, ...] = ("tools", "json")
    context_window: Limit | None = None
    limit_requests: Limit | None = None
    limit_input: Limit | None = None
    limit_output: Limit | None = None
    key_pool: Annotated[tuple[KeyName, ...], Meta(max_length=20)] = ()
    parameters: dict[str, Any] = {}

    @property
    def key(self) -> ModelKey:
        """Provider and name."""
        return (self.provider, self.name)


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Models of one rank. A score below `upper`, and not below the tier before, belongs here."""

    name: TierName
    models: Annotated[tuple[PolicyModel, ...], Meta(max_length=MAX_MODELS)]
    upper: Share
    max_cost_per_1k_tokens: Usd | None = None
    quality_floor: Share | None = None
    min_context_tokens: Limit | None = None


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule asks for: every named value must be equal."""

    project: Name | None = None
    agent: Name | None = None
    role: Name | None = None
    task_type: Name | None = None
    tool: Name | None = None

    def holds(self, asked: Mapping[str, str | None]) -> bool:
        """Whether a decision's fields are as the rule asks."""
        wanted = {name: value for name in WHEN_FIELDS if (value := getattr(self, name)) is not None}
        return all(asked.get(name) == value for name, value in wanted.items())


WHEN_FIELDS = ("project", "agent", "role", "task_type", "tool")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sets, raises or lowers the tier of what it holds for, or limits it to some providers. The first that holds wins.

    `at` "exactly" sets the tier, "least" and "most" bound it.
    """

    when: When
    tier: TierName | None = None
    at: Literal["exactly", "least", "most"] = "exactly"
    providers: Annotated[tuple[Name, ...], Meta(max_length=20)] = ()


class HistorySplit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an agent shares the room for history among the current topic, earlier topics and bulks."""

    current: Share = 0.4
    topics: Share = 0.3
    bulks: Share = 0.3


class ContextSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which share of a model's window an agent fills: its chat history, and the input of utility calls."""

    chat_model_ctx_history: Share = 0.7
    util_model_ctx_input: Share = 0.7
    history_split: HistorySplit = HistorySplit()


class CompressionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When compressing a prompt is worth it, by how much, and how many of the last messages stay as they are."""

    min_cost_per_1k_tokens: Usd = "0.005"
    target_reduction: Share = 0.3
    keep_recent: Annotated[int, Meta(ge=0, le=1000)] = 5


class Exploration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The share of decisions that may try another able model, and what such a call may cost more; 0 tries nothing."""

    share: Annotated[float, Meta(ge=0, le=0.05)] = 0.0
    most_extra_usd: Usd = "0.01"


class SwitchedOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Projects and agents for which routing is off: decisions answer `keep`, metering and budgets go on."""

    projects: Annotated[tuple[Name, ...], Meta(max_length=1000)] = ()
    agents: Annotated[tuple[Name, ...], Meta(max_length=1000)] = ()

    def covers(self, project: str, agent: str) -> bool:
        """Whether routing is off here; an agent's switch is also that of its subordinates `name/…`."""
        return project in self.projects or any(agent == name or agent.startswith(f"{name}/") for name in self.agents)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One policy. The agent's own settings keep their names."""

    tiers: Annotated[tuple[Tier, ...], Meta(max_length=MAX_TIERS)]
    default_tier: TierName
    model_routing_enabled: bool = True
    model_routing_strategy: Strategy = "cost_optimized"
    model_routing_budget_per_conversation: Usd | None = None
    model_routing_quality_threshold: Share = 0.7
    when_budget_meets_quality: Literal["budget", "quality"] = "budget"
    rules: Annotated[tuple[Rule, ...], Meta(max_length=MAX_RULES)] = ()
    off: SwitchedOff = SwitchedOff()
    context: ContextSettings = ContextSettings()
    compression: CompressionSettings = CompressionSettings()
    exploration: Exploration = Exploration()
    complexity: dict[str, Any] = {}
    """What it changes of the analyzer: bias, wording_share, weights by factor, lexicons; nothing resets it."""
    ttl_s: Annotated[int, Meta(ge=5, le=3600)] = 60
    on_unreachable: Literal["open", "closed"] = "open"

    def agents_named(self) -> frozenset[str]:
        """The agents that rules and switches name."""
        return frozenset(self.off.agents) | {rule.when.agent for rule in self.rules if rule.when.agent is not None}

    def projects_named(self) -> frozenset[str]:
        """The projects that rules and switches name."""
        named = {rule.when.project for rule in self.rules if rule.when.project is not None}
        return frozenset(self.off.projects) | named

    def as_called(self, kind: Literal["agent", "project"], name: str, names: Collection[str]) -> "Policy":
        """The policy for an agent or a project that goes by all of these names: what names one of them is about it."""
        rules = tuple(
            msgspec.structs.replace(rule, when=msgspec.structs.replace(rule.when, **{kind: name}))
            if getattr(rule.when, kind) in names
            else rule
            for rule in self.rules
        )
        switched_off = getattr(self.off, f"{kind}s")
        is_off = any(one in switched_off for one in names)
        off = msgspec.structs.replace(self.off, **{f"{kind}s": (*switched_off, name)}) if is_off else self.off
        return msgspec.structs.replace(self, rules=rules, off=off)

    def tier_names(self) -> list[str]:
        """The tiers, cheapest first."""
        return [tier.name for tier in self.tiers]

    def tier_of_score(self, score: float) -> Tier:
        """The tier a complexity score belongs to; a score at or above the last edge belongs to the last tier."""
        return next((tier for tier in self.tiers if score < tier.upper), self.tiers[-1])

    def rule_for(self, asked: Mapping[str, str | None]) -> Rule | None:
        """The first rule that holds."""
        return next((rule for rule in self.rules if rule.when.holds(asked)), None)


# msgspec prepares a type at its first use, which is not safe in two threads at once; an import runs in one.
msgspec.convert({"tiers": [], "default_tier": "x"}, Policy)


class PolicyError(ValueError):
    """A document is no policy. `path` says where."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


def policy_of(document: Mapping[str, Any]) -> Policy:
    """The policy a document describes. Raises PolicyError for one that cannot be read, whatever its prices."""
    try:
        policy = msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        raise PolicyError(f"{said}.", where.rstrip("`").lstrip(".")) from error
    _refuse_long_parameters(policy)
    _refuse_odd_text(document)
    return policy


def document_of(policy: Policy) -> dict[str, Any]:
    """The policy as plain JSON values."""
    plain: dict[str, Any] = msgspec.to_builtins(policy)
    return plain


def _refuse_long_parameters(policy: Policy) -> None:
    for tier in policy.tiers:
        for model in tier.models:
            if len(msgspec.json.encode(model.parameters)) > MAX_PARAMETERS_BYTES:
                where = f"tiers.{tier.name}.{model.provider}/{model.name}.parameters"
                raise PolicyError(f"Parameters take at most {MAX_PARAMETERS_BYTES} bytes.", where)


def _refuse_odd_text(document: Mapping[str, Any]) -> None:
    if b"\\u0000" in msgspec.json.encode(document):
        raise PolicyError("A string holds the character U+0000, which cannot be stored.")
