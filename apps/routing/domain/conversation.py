"""What is known of a conversation: the model it holds, what it spent, and how its last calls went."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from apps.costs.domain.kinds import Status

from .complexity import ConversationState
from .policy import ModelKey

WARM = timedelta(seconds=300)
"""How long a provider keeps a prompt in its cache, and so how long a switch loses one."""
Call = tuple[int, int, int, int]
"""One record, newest first: tool, status, attempt, output tokens."""


class Held(msgspec.Struct, frozen=True):
    """The last model a conversation was sent to; `has_failed` when an outcome said since that it did not succeed."""

    model: ModelKey
    tier: str
    ask_hash: int | None
    at: datetime
    score: Decimal | None
    has_failed: bool = False


class Conversation(msgspec.Struct, frozen=True):
    """A conversation as selection sees it."""

    held: Held | None = None
    spent_usd: Decimal = Decimal(0)
    calls: Sequence[Call] = ()

    def is_warm(self, model: ModelKey, now: datetime) -> bool:
        """Whether a model probably still has the conversation in its cache."""
        return self.held is not None and self.held.model == model and now - self.held.at < WARM

    def state(self) -> ConversationState:
        """What the analyzer is told; failures and retries since the last success."""
        since = 0
        while since < len(self.calls) and self.calls[since][1] != Status.OK:
            since += 1
        outputs = [output for _, _, _, output in self.calls if output]
        held = self.held
        return ConversationState(
            tools_used=len({tool for tool, _, _, _ in self.calls if tool}),
            failures=sum(status == Status.ERROR for _, status, _, _ in self.calls[:since]),
            retries=sum(attempt > 1 for _, _, attempt, _ in self.calls[:since]),
            output_tokens_mean=sum(outputs) / len(outputs) if outputs else None,
            previous_score=None if held is None or held.score is None else float(held.score),
        )


NO_CONVERSATION = Conversation()
