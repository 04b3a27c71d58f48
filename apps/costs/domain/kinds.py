"""The closed vocabularies of usage: statuses, service tiers, where counts and costs came from, what a label names."""

from enum import IntEnum, StrEnum


class Status(IntEnum):
    """How a call ended; stored as a small integer, spoken as its lower-case name."""

    OK = 0
    ERROR = 1
    CANCELLED = 2
    INTERRUPTED = 3


class ServiceTier(IntEnum):
    STANDARD = 0
    BATCH = 1
    FLEX = 2
    PRIORITY = 3


class UsageSource(IntEnum):
    """Who counted the tokens: the provider, or an estimate."""

    PROVIDER = 0
    ESTIMATE = 1


class CostSource(IntEnum):
    """Where a record's cost came from."""

    UNPRICED = 0
    PRICE = 1
    PROVIDER = 2
    CACHE_HIT = 3
    FREE = 4


class LabelKind(IntEnum):
    """What an interned string names."""

    TIER = 1
    ROLE = 2
    TASK_TYPE = 3
    TOOL = 4
    USER = 5
    TAG = 6
    ERROR_TYPE = 7
    OPERATION = 8
    PROVIDER = 9


class NarrowKind(IntEnum):
    """What a narrow rollup is keyed by."""

    USER = 1
    KEY = 2
    TOOL = 3
    TAG = 4


class OutcomeSource(IntEnum):
    """Who judged; the smaller number is believed before the larger."""

    TESTS = 1
    USER = 2
    JUDGE = 3
    AGENT = 4


class OutcomeTarget(IntEnum):
    """What an outcome names: the task itself, or something that leads to it."""

    TASK = 1
    CONVERSATION = 2
    DECISION = 3
    USAGE = 4


class OutcomeOrigin(IntEnum):
    """How an outcome came in; ids of one origin never meet those of another."""

    SENT = 0
    USAGE = 1


class Operation(StrEnum):
    CHAT = "chat"
    EXECUTE_TOOL = "execute_tool"
