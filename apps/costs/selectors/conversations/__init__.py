"""Conversations: a list by cost, and one as the calls it was made of."""

from apps.costs.selectors.conversations.listing import (
    Conversation,
    ConversationPage,
    Order,
    Place,
    Verdict,
    conversation,
    conversation_page,
    conversation_sums,
    heard_of_since,
)
from apps.costs.selectors.conversations.shares import ModelShare, ToolShare, model_shares, tool_shares
from apps.costs.selectors.conversations.timeline import Step, timeline
from apps.costs.selectors.conversations.verdicts import Judgement, Task, judgements, tasks_in

__all__ = [
    "Conversation",
    "ConversationPage",
    "Judgement",
    "ModelShare",
    "Order",
    "Place",
    "Step",
    "Task",
    "ToolShare",
    "Verdict",
    "conversation",
    "conversation_page",
    "conversation_sums",
    "heard_of_since",
    "judgements",
    "model_shares",
    "tasks_in",
    "timeline",
    "tool_shares",
]
